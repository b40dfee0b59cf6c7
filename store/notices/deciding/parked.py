"""Changes of points of shops that were not heard of yet: kept until they are, then decided.

Who parks and who decides what is parked take turns (an advisory lock), so that nothing is parked
for a shop behind the back of whoever has just decided the last of it. While something of a shop is
parked, what comes after it is parked as well: so a member's changes are decided in their order.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from schemas.ids import Micros
from schemas.notices.points_change import PointsChange, from_parked, to_parked
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.tables import notices as tables

_ROW: Final = Columns(tables.parked_event, "merchant_id", "event_id", "recorded_us", "event")
_SQL: Final = queries("notices/deciding/parked", row=_ROW)


def share(cursor: Cursor) -> None:
    """To be called before it is decided, for the last time, that something must be parked."""
    cursor.execute(_SQL["share"])


def put(cursor: Cursor, changes: Sequence[PointsChange], now: Micros) -> set[UUID]:
    """Parks changes, without their free text; the events that were not parked yet."""
    if not changes:
        return set()
    rows = {
        change.event_id: (
            change.merchant_id.encode(),
            change.event_id.bytes,
            change.recorded_us,
            to_parked(change),
        )
        for change in changes
    }
    row = cursor.execute(_SQL["put"], [now, *_ROW.arrays(rows.values())]).fetchone()
    return set(row[0]) if row is not None and row[0] is not None else set()


def ready(cursor: Cursor, limit: int = 100) -> list[str]:
    """Shops that were heard of, with changes that are parked."""
    return [merchant_id for (merchant_id,) in cursor.execute(_SQL["ready"], [limit]).fetchall()]


def take_turns(cursor: Cursor) -> None:
    """Keeps everybody else from parking or deciding what is parked until the transaction ends."""
    cursor.execute(_SQL["take_turns"])


def take(cursor: Cursor, merchant_id: str, limit: int) -> list[PointsChange]:
    """Takes a shop's oldest parked changes out, about `limit`, in the order they were recorded.

    Of one instant it takes all, so that a member's changes stay together. Call `take_turns` first.
    """
    rows = cursor.execute(_SQL["take"], [merchant_id, limit]).fetchall()
    changes = [from_parked(event) for (event,) in rows]
    return sorted(changes, key=lambda change: (change.recorded_us, change.sequence))


def waiting(cursor: Cursor, most: int = 10_000) -> int:
    """How many changes are parked, counted up to `most`."""
    row = cursor.execute(_SQL["waiting"], [most]).fetchone()
    return int(row[0]) if row is not None else 0
