"""Records go through Faust by the bundle: what it does for a message is the same for many of them.

A bundle is a message of some records of one partition that follow one another. It stands at the
last of them: what is acknowledged is all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from faust.types.tuples import ConsumerMessage

from processors.notices.stream.faust_types import TP

BUNDLES: Final = 32
"""Of which a batch is made at most. Where little happens in many partitions a bundle has a record
or two, so that with fewer of them batches would be small.
"""

Records = Sequence[Any]
"""As the client gives them: some of one partition, in their order."""


class Bundle(ConsumerMessage):
    """A message without content of its own."""

    __slots__ = ("records",)

    def __init__(self, tp: TP, records: Records, generation_id: int) -> None:
        """`generation_id` of the group in which they were read."""
        last = records[-1]
        super().__init__(
            tp.topic, tp.partition, last.offset, last.timestamp, last.timestamp_type,
            headers=None, key=None, value=b"", checksum=None, tp=tp, generation_id=generation_id,
        )  # fmt: skip
        self.records = records


def size_of_bundles(batch: int) -> int:
    """How many records a bundle has at most, where a batch has so many."""
    return max(1, batch // BUNDLES)


def bundled(fetched: Mapping[TP, Records], size: int) -> dict[TP, list[Records]]:
    """What was fetched of each partition, in pieces of up to `size`."""
    return {tp: list(_pieces(records, size)) for tp, records in fetched.items()}


def _pieces(records: Records, size: int) -> Iterable[Records]:
    return (records[at : at + size] for at in range(0, len(records), size))
