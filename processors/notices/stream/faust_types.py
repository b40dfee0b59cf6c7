"""What Faust's types do not say, in one place: the casts that it needs."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import faust
from aiokafka.structs import TopicPartition
from faust.types.tuples import TP
from mode import Service

Stream = faust.StreamT[Any]
"""A stream of raw records."""


def batches_of(
    stream: Stream, size: int, within: float
) -> AsyncIterator[Sequence[faust.EventT[Any]]]:
    """The events of a stream by up to `size`, those that come `within` seconds together.

    None is acknowledged: that is for who has committed what became of them. Its values are events,
    which the declaration does not say.
    """
    taken = cast("faust.Stream[Any]", stream).noack_take(size, within)
    return cast("AsyncIterator[Sequence[faust.EventT[Any]]]", taken)


__all__ = ["TP", "Service", "Stream", "TopicPartition", "batches_of"]
