"""Members' events that wait in the outbox, read without taking them from the relay.

For whoever follows the events and must not stand still while the relay or Kafka does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from store.postgres.arrays import int2s, int8s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams.outbox import EVENT_SHARDS, LAYOUT, UnknownRowLayout, events_of

ROWS: Final = 64
"""Rows read at once: each has up to 1,000 events."""

_SQL: Final = queries("streams/waiting_events")


class _Mark(NamedTuple):
    """The highest id that was seen, and the first transaction that may have begun after."""

    id: int
    before: int


@dataclass(slots=True)
class WaitingEvents:
    """The events of one shard that were not read yet.

    A row may come with a lower id than one that was seen: ids are taken before the commit. So what
    lies behind `_floor` is looked at again until every transaction that could have taken a lower
    one has ended; `_seen` are the rows there that were read.
    """

    shard: int
    _floor: int = 0
    _seen: set[int] = field(default_factory=set)
    _mark: _Mark | None = None

    def read(self, cursor: Cursor) -> tuple[list[bytes], bool]:
        """Events that were not read before, and whether more wait. Raises UnknownRowLayout."""
        asked = [self.shard, self._floor, ROWS, int8s(sorted(self._seen))]
        rows = cursor.execute(_SQL["after"], asked).fetchall()
        events: list[bytes] = []
        for _, _, number, value, headers, layout in rows:
            if number is None:
                continue
            if layout != LAYOUT:
                raise UnknownRowLayout(self.shard, number, layout)
            self._seen.add(number)
            events += [event for event, _ in events_of(value, headers)]
        self._settle(*rows[0][:2])
        return events, len(rows) == ROWS

    def _settle(self, oldest: int, next_transaction: int) -> None:
        """Moves the floor once no older transaction is left that may commit below the mark."""
        mark = self._mark
        if mark is not None and oldest >= mark.before:
            self._floor = mark.id
            self._seen = {number for number in self._seen if number > mark.id}
            self._mark = None
        if self._mark is None and self._seen:
            self._mark = _Mark(max(self._seen), next_transaction)


def heads(cursor: Cursor) -> dict[int, int]:
    """The id of the oldest row of each shard that has one."""
    shards: Sequence[int] = range(EVENT_SHARDS)
    return dict(cursor.execute(_SQL["heads"], [int2s(shards)]).fetchall())
