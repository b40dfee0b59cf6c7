"""What upstream sends too much of, whatever batch it comes in."""

from datetime import timedelta

import pytest

from rules.order import folding
from tests.support.in_process import InProcessEngine
from tests.support.parcels import ANNA, A, M, day
from tests.support.upstream import CREATED, Record, hex_id, order, returned


def _requested(number: int) -> Record:
    """A return that is asked for and not completed."""
    done = returned(M, A, 100, number=number, at=CREATED + timedelta(hours=number))
    return done._replace(value=(done.value or b"").replace(b'"completed"', b'"requested"'))


def _completed(number: int) -> Record:
    return returned(M, A, 100, number=number, at=CREATED + timedelta(days=1, hours=number))


def _ids(record: Record, old: str, new: str) -> Record:
    return record._replace(value=(record.value or b"").replace(old.encode(), new.encode()))


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_return_that_was_forgotten_and_comes_again_counts_whatever_the_batch(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch, in_one_batch: bool
) -> None:
    monkeypatch.setattr(folding, "MOST_RETURNS", 3)
    told = [order(M, A, ANNA, 1000, delivery="arrived")]
    told += [_requested(number) for number in range(4)]  # the first is forgotten
    told += [_completed(0)]
    for batch in [told] if in_one_batch else [[one] for one in told]:
        in_process.consume(*batch)
    assert in_process.points(M, ANNA) == 90
    in_process.consume(order(M, A, ANNA, 1000, delivery="arrived", at=day(30)))
    assert in_process.points(M, ANNA) == 90


def test_a_parcel_that_was_forgotten_takes_no_return_of_its_name_along(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "MOST_PARCELS", 2)
    parcel, sent_back = hex_id("delivery", A), hex_id("return", A, 0)
    names = ("first", sent_back, "third")
    for n, name in enumerate(names):
        sold = order(M, A, ANNA, 1000, delivery="arrived", at=CREATED + timedelta(hours=n))
        in_process.consume(_ids(sold, parcel, name), *([_completed(0)] if n == 1 else []))
    in_process.consume(
        _ids(order(M, A, ANNA, 1000, delivery="arrived", at=day(30)), parcel, names[-1])
    )
    assert in_process.points(M, ANNA) == 90
