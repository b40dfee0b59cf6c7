"""Faust's events as the records that the rest of the product reads."""

from collections.abc import Iterable
from typing import Any

from processors.notices.stream.places import AssignedPlaces
from processors.runtime.kafka.feed import Record


class ReadMessage:
    """A message that Faust read, with the methods of the engine's client."""

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        self._of = of

    def topic(self) -> str:
        """The topic that it was read from."""
        return str(self._of.topic)

    def partition(self) -> int:
        """Its partition there."""
        return int(self._of.partition)

    def offset(self) -> int:
        """Its offset there."""
        return int(self._of.offset)

    def key(self) -> bytes | None:
        """Its key."""
        key: bytes | None = self._of.key
        return key

    def value(self) -> bytes | None:
        """Its value."""
        value: bytes | None = self._of.value
        return value

    def headers(self) -> list[tuple[str, bytes | None]]:
        """Its headers."""
        return list(self._of.headers or ())

    def timestamp(self) -> tuple[int, int]:
        """The kind of its time, which nobody asks for, and its time in milliseconds."""
        at = self._of.timestamp
        return 0, round(at * 1000) if at is not None else -1


def records_of(events: Iterable[Any], places: AssignedPlaces) -> list[Record]:
    """The events as records, in their order.

    Left out is what was read before the partitions were given anew: it is read again, and behind it
    the records would not follow on the cursor.
    """
    records = []
    for event in events:
        message = event.message
        if message.generation_id != places.group_generation:
            continue
        place = places.places.get((message.topic, message.partition))
        if place is not None:
            read: Any = ReadMessage(message)
            records.append(Record(place, message.offset, read))
    return records
