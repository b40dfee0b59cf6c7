"""Which commands behind a cursor were answered ahead of their turn (architecture.md 2.1).

Each command has one answer (account.md 3): a worker that takes over a partition learns here which
have theirs. The rows go when the cursor comes to them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams.cursors import CursorRefused, PartitionId

_ENDS: Final = Columns(tables.answered_ahead, "topic_uuid", "partition", "place")
_ROW: Final = _ENDS.plus("was_repeat")
_SQL: Final = queries("streams/answered_ahead", row=_ROW, ends=_ENDS)

Offset = tuple[PartitionId, int]
"""Where a record stands."""


def note(cursor: Cursor, cluster: str, answered: Mapping[Offset, bool]) -> None:
    """Note answers in the transaction that gives them, and whether each was a repeat.

    Raises CursorRefused when another worker has given one.
    """
    rows = [
        (place.topic_uuid.encode(), place.partition, offset, was_repeat)
        for (place, offset), was_repeat in answered.items()
    ]
    cursor.execute(_SQL["note"], [cluster, *_ROW.arrays(rows)])
    if cursor.rowcount != len(rows):
        raise CursorRefused("another worker answers what lies behind a cursor of this one")


def read(cursor: Cursor, cluster: str, places: Iterable[PartitionId]) -> dict[Offset, bool]:
    """Those of some partitions, and whether each was a repeat: as a rule there are none at all."""
    known = {(place.topic_uuid, place.partition): place for place in places}
    rows = cursor.execute(_SQL["read"], [cluster]).fetchall()
    return {
        (known[uuid, partition], offset): was_repeat
        for uuid, partition, offset, was_repeat in rows
        if (uuid, partition) in known
    }


def forget(cursor: Cursor, cluster: str, ends: Mapping[PartitionId, int]) -> None:
    """Take away those before these offsets, to which their cursors move."""
    rows = [(place.topic_uuid.encode(), place.partition, end) for place, end in ends.items()]
    cursor.execute(_SQL["forget"], [cluster, *_ENDS.arrays(rows)])
