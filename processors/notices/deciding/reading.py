"""Reads the records of a batch of any of the lane's topics; counts what is ignored."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.kafka.feed import Record
from schemas.upstream.envelope import Unreadable
from store.streams.cursors import Counts, PartitionId

_Read = TypeVar("_Read")


def read_all(
    records: Sequence[Record],
    counts: Mapping[PartitionId, Counts],
    read: Callable[[Record, bytes], _Read | str],
) -> tuple[list[tuple[Record, _Read]], list[PoisonRecord]]:
    """What `read` makes of each record's value, and the poison.

    It answers a reason for what is to be ignored, and raises Unreadable. What is ignored is
    counted; so is a null value, which it does not get.
    """
    known: list[tuple[Record, _Read]] = []
    poison: list[PoisonRecord] = []
    for record in records:
        value = record.message.value()
        if value is None:
            counts[record.place].ignore("null_value")
            continue
        try:
            found = read(record, value)
        except Unreadable as error:
            poison.append((record, error))
            continue
        if isinstance(found, str):
            counts[record.place].ignore(found)
        else:
            known.append((record, found))
    return known, poison
