"""Whose turn it is in a batch of commands, and how it is cut into transactions."""

from collections.abc import Sequence
from typing import Any, cast

from processors.commands.turns import MOST_AT_ONCE, WEIGHT, turns_of
from processors.runtime.kafka.feed import Record
from store.streams.cursors import PartitionId

JOB = MOST_AT_ONCE // WEIGHT // 2
"""Bytes of a part of a job of which two make a transaction."""
Places = list[list[tuple[int, int]]]


class Message:
    """The parts of a record that count."""

    def __init__(self, size: int, key: str | None, head: bytes) -> None:
        self._value, self._key = head.ljust(size), key

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes | None:
        return self._key.encode() if self._key is not None else None


def record(
    partition: int, offset: int, size: int = 300, key: str | None = "a:ann", head: bytes = b"{}"
) -> Record:
    place = PartitionId("commands", "uuid", partition)
    return Record(place, offset, cast("Any", Message(size, key, head)))


def part(partition: int, offset: int, size: int = JOB, key: str | None = "b") -> Record:
    return record(partition, offset, size, key, b'{"type":"bulk_assign"}')


def row(partition: int, offset: int, key: str = "b:bea") -> Record:
    return record(partition, offset, key=key, head=b'{"type":"assign","x_job":"summer"}')


def places(slices: Sequence[Sequence[Record]]) -> Places:
    return [[(r.place.partition, r.offset) for r in some] for some in slices]


def test_ordinary_commands_are_one_transaction_up_to_its_size() -> None:
    assert turns_of([]) == ([], [], [])
    turns = turns_of([record(0, n) for n in range(3)])
    assert places(turns.ordinary) == [[(0, 0), (0, 1), (0, 2)]]
    assert (turns.ahead, turns.behind) == ([], [])
    half = MOST_AT_ONCE // 2
    assert places(turns_of([record(0, n, half) for n in range(3)]).ordinary) == [
        [(0, 0), (0, 1)],
        [(0, 2)],
    ]


def test_partitions_with_a_part_of_a_job_come_last_in_smaller_transactions() -> None:
    turns = turns_of([part(0, 0), record(1, 7), part(0, 1), record(0, 2), record(1, 8)])
    assert places(turns.ordinary) == [[(1, 7), (1, 8)]]
    assert places(turns.behind) == [[(0, 0), (0, 1)], [(0, 2)]]


def test_a_part_of_a_job_larger_than_a_transaction_is_alone_in_it() -> None:
    turns = turns_of([part(0, 0, MOST_AT_ONCE), record(0, 1), record(0, 2)])
    assert places(turns.behind) == [[(0, 0)], [(0, 1), (0, 2)]]


def test_what_lies_behind_a_part_of_a_job_goes_ahead_of_it() -> None:
    turns = turns_of([record(0, 0), part(0, 1), record(0, 2), row(0, 3), record(0, 4)])
    assert places(turns.ordinary) == [[(0, 0)]]
    assert places(turns.ahead) == [[(0, 2), (0, 4)]]
    assert places(turns.behind) == [[(0, 1), (0, 2), (0, 3), (0, 4)]]


def test_a_shops_commands_stay_behind_its_own_job() -> None:
    behind = [part(0, 0, key="b"), record(0, 1, key="b:bea"), record(0, 2, key="bb:bea")]
    assert places(turns_of(behind).ahead) == [[(0, 2)]]


def test_the_commands_of_a_key_keep_their_order() -> None:
    behind = [row(0, 0, key="b:bea"), record(0, 1, key="b:bea"), record(0, 2, key="b:cat")]
    assert places(turns_of(behind).ahead) == [[(0, 2)]]
    assert places(turns_of([part(0, 0, key=None), record(0, 1, key=None)]).ahead) == []
