"""What Faust hands on as the records that the rest of the product reads."""

from collections.abc import Iterable
from typing import Any

from processors.notices.stream.places import AssignedPlaces
from processors.runtime.kafka.feed import Record


class ReadMessage:
    """A record as the client of Faust gives it, with the methods of the engine's client."""

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
        return 0, at if at is not None else -1


def records_of(events: Iterable[Any], places: AssignedPlaces) -> list[Record]:
    """The records of the events' bundles, in their order.

    Left out is what was read before the partitions were given anew: it is read again, and behind it
    the records would not follow on the cursor.
    """
    records = []
    for event in events:
        bundle = event.message
        if bundle.generation_id != places.group_generation:
            continue
        place = places.places.get((bundle.topic, bundle.partition))
        if place is not None:
            for of in bundle.records:
                read: Any = ReadMessage(of)
                records.append(Record(place, of.offset, read))
    return records
