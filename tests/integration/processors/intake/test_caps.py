"""What upstream sends too much of, whatever batch it comes in."""

from datetime import timedelta

import pytest

from processors.recheck import contested_numbers
from rules.order import folding
from rules.order.family import MOST_GENERATIONS
from schemas.packing import pack_id
from store.carriers import awaiting_order
from store.orders import families
from store.postgres.session import transaction
from store.streams.recheck import RecheckKind
from tests.support.in_process import InProcessEngine, report
from tests.support.parcels import ANNA, DELIVERED, A, B, M, day
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


def test_of_too_many_reports_that_await_an_order_those_stay_that_it_would_keep(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in (contested_numbers, folding):
        monkeypatch.setattr(where, "MOST_REPORTS", 10)
    polled = [
        report(None, DELIVERED, day(2) + timedelta(minutes=5 * n), order_id=A) for n in range(40)
    ]
    in_process.consume(*polled[:30])
    in_process.consume(*polled[30:])
    assert in_process.value("SELECT count(*) FROM awaiting_order") == 10
    assert in_process.value("SELECT count(*) FROM parked_record") == 10
    forgotten = in_process.rows("SELECT kind, reports FROM purged_report")
    assert forgotten == [(awaiting_order.TOO_MANY, 30)]
    in_process.check_counts(40)
    in_process.consume(order(M, A, ANNA, 1000))
    assert in_process.points(M, ANNA) == 100


def test_of_orders_that_each_name_the_one_before_no_more_are_read_than_count(
    in_process: InProcessEngine,
) -> None:
    chain = [hex_id("chain", n) for n in range(2 * MOST_GENERATIONS + 50)]
    in_process.consume(
        *[
            order(M, one, ANNA, 1000, parent_order_id=before)
            for one, before in zip(chain, ["", *chain], strict=False)
        ]
    )
    worker = in_process.first.connection
    number = in_process.value("SELECT merchant_no FROM merchant WHERE merchant_id = %s", M)
    with transaction(worker) as cursor:
        newest = number, pack_id(chain[-1])
        assert len(families.ancestors(cursor, [newest], {})) == 2 * MOST_GENERATIONS + 1


def test_an_order_whose_parent_has_hundreds_of_others_has_itself_alone_looked_at_again(
    in_process: InProcessEngine,
) -> None:
    """Some shops name the same parent in every order: "0", or their first one."""
    siblings = [hex_id("sibling", n) for n in range(200)]
    in_process.consume(*[order(M, one, ANNA, 1000, parent_order_id=A) for one in siblings])
    in_process.first.consume(order(M, B, ANNA, 1000, parent_order_id=A))
    again = in_process.rows("SELECT key FROM recheck")
    assert [bytes(key) for (key,) in again] == [pack_id(B)]
    in_process.first.settle()
    in_process.first.consume(order(M, A, ANNA, 1000))
    asked = in_process.rows("SELECT kind, key FROM recheck")
    assert [(kind, bytes(key)) for kind, key in asked] == [(RecheckKind.FAMILY, pack_id(A))]
