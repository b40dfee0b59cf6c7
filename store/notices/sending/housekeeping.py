"""What the lane does by the clock: old weeks go, and what is counted only for metrics."""

from typing import Final

from schemas.ids import SECOND
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

KEPT_DAYS: Final = 400
"""How long notices are kept: a year to ask about a bill, and a month to notice."""
_MOST: Final = 100_000
"""Unknown notices are counted no further: so many are no figure but a fault."""
_ALIVE_SECONDS: Final = 20
"""A sender that beat within so long counts among those that share a rate; they beat every 5 s."""
HEARD_SECONDS: Final = 8
"""After so long a new sender was counted by all others, which count every 5 s or so."""

_SQL: Final = queries("notices/sending/housekeeping")


def drop_old_weeks(cursor: Cursor) -> int:
    """Drops the partitions that are wholly older than KEPT_DAYS; how many."""
    row = cursor.execute(_SQL["drop_partitions"], [KEPT_DAYS]).fetchone()
    return int(row[0]) if row is not None else 0


def unknowns(cursor: Cursor) -> dict[str, int]:
    """How many notices nobody knows the end of, by channel."""
    return dict(cursor.execute(_SQL["unknowns"], [_MOST]).fetchall())


def senders(cursor: Cursor, kind: str, instance: str) -> int:
    """How many processes of a kind are alive, once all of them have counted this one; 0 until then.

    Each takes its part of a rate by its own count. A new one that took one at once would take what
    those have in theirs that do not know of it yet.
    """
    row = cursor.execute(
        _SQL["senders"], [kind, instance, _ALIVE_SECONDS * SECOND, HEARD_SECONDS * SECOND]
    ).fetchone()
    return int(row[0]) if row is not None and row[1] else 0


def takes_relay(cursor: Cursor) -> bool:
    """Whether this session empties the lane's outbox, for as long as it lives: one does."""
    row = cursor.execute(_SQL["relays"]).fetchone()
    return bool(row and row[0])
