"""How a batch of commands is cut into transactions."""

from typing import Any, cast

from processors.commands.worker import BYTES_AT_ONCE, LARGE, LARGE_AT_ONCE, transactions_of
from processors.runtime.kafka.feed import Record
from store.streams.cursors import PartitionId


class Message:
    """The part of a record that counts."""

    def __init__(self, size: int) -> None:
        self._size = size

    def value(self) -> bytes:
        return bytes(self._size)


def record(partition: int, offset: int, size: int) -> Record:
    place = PartitionId("commands", "uuid", partition)
    return Record(place, offset, cast("Any", Message(size)))


def places(records: list[Record]) -> list[list[tuple[int, int]]]:
    return [[(r.place.partition, r.offset) for r in part] for part in transactions_of(records)]


def test_ordinary_commands_are_one_transaction_up_to_its_size() -> None:
    assert places([]) == []
    assert places([record(0, n, 300) for n in range(3)]) == [[(0, 0), (0, 1), (0, 2)]]
    assert transactions_sizes([LARGE] * (BYTES_AT_ONCE // LARGE + 1)) == [BYTES_AT_ONCE, LARGE]


def transactions_sizes(sizes: list[int]) -> list[int]:
    records = [record(0, n, size) for n, size in enumerate(sizes)]
    return [sum(len(r.message.value() or b"") for r in part) for part in transactions_of(records)]


def test_partitions_with_a_part_of_a_job_come_last_in_smaller_transactions() -> None:
    job = LARGE_AT_ONCE // 2
    records = [
        record(0, 0, job),
        record(1, 7, 300),
        record(0, 1, job),
        record(0, 2, 300),
        record(1, 8, 300),
    ]
    assert places(records) == [[(1, 7), (1, 8)], [(0, 0), (0, 1)], [(0, 2)]]


def test_a_command_larger_than_a_transaction_is_alone_in_it() -> None:
    assert transactions_sizes([LARGE_AT_ONCE + 1, 10, 20]) == [LARGE_AT_ONCE + 1, 30]
