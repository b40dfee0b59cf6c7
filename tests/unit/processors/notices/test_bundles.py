"""Records go through Faust by the bundle, and come out one by one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from processors.notices.stream.bundles import BUNDLES, Bundle, bundled, size_of_bundles
from processors.notices.stream.consumer import CursorConsumer
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces
from processors.notices.stream.records import records_of

ONE, TWO = TP("changes", 0), TP("changes", 1)
GENERATION = 3


def read(offset: int, value: bytes | None = b"{}") -> Any:
    """A record as the client gives it."""
    return SimpleNamespace(
        offset=offset, timestamp=1_000 + offset, timestamp_type=0, key=b"k", value=value,
        headers=[("name", b"value")],
    )  # fmt: skip


def bundle(tp: TP, *offsets: int, generation: int = GENERATION) -> Any:
    """An event of a bundle."""
    records = [read(offset) for offset in offsets]
    return SimpleNamespace(message=Bundle(tp, records, generation))


def places() -> AssignedPlaces:
    made = AssignedPlaces("cluster", {"changes": "uuid"})
    made.start({ONE: 0, TWO: 0}, GENERATION)
    return made


@pytest.mark.parametrize(
    ("batch", "size"), [(1, 1), (31, 1), (32, 1), (50, 1), (64, 2), (1000, 31)]
)
def test_bundles_of_a_batch_hold_no_more_than_it(batch: int, size: int) -> None:
    assert size_of_bundles(batch) == size
    assert min(BUNDLES, batch) * size <= batch


def test_what_is_fetched_is_bundled_in_its_order_and_nothing_is_left_out() -> None:
    fetched = {ONE: list(range(5)), TWO: [7]}
    assert bundled(fetched, 2) == {ONE: [[0, 1], [2, 3], [4]], TWO: [[7]]}
    assert bundled({ONE: []}, 2) == {ONE: []}


def test_records_come_out_of_bundles_as_they_were_read() -> None:
    mine = places()
    records = records_of([bundle(ONE, 4, 5, 9), bundle(TWO, 2)], mine)
    assert [(each.place, each.offset) for each in records] == [
        (mine.place(ONE), 4), (mine.place(ONE), 5), (mine.place(ONE), 9), (mine.place(TWO), 2),
    ]  # fmt: skip
    message: Any = records[0].message
    assert (message.key(), message.value(), message.headers(), message.timestamp()) == (
        b"k", b"{}", [("name", b"value")], (0, 1_004),
    )  # fmt: skip


def test_what_was_read_in_an_older_generation_or_is_anothers_is_left_out() -> None:
    strange = bundle(TP("changes", 7), 1)
    assert records_of([bundle(ONE, 1, generation=2), strange], places()) == []


class Consumer(CursorConsumer):
    """Without a broker: what was acknowledged of a partition."""

    def __init__(self, *acked: int) -> None:
        self._acked = {ONE: list(acked)}
        self._acked_index = {ONE: set(acked)}


def test_the_hint_is_behind_the_last_bundle_that_was_acknowledged() -> None:
    consumer = Consumer(124, 249)
    asyncio.run(consumer._add_gap(ONE, 0, 249))
    assert consumer._new_offset(ONE) == 250
    assert consumer._new_offset(ONE) is None
