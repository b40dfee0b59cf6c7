"""Figures for metrics and for how long to sleep.

Named SQL, not Core: workers ask for them every few seconds, and do without SQLAlchemy otherwise.
"""

from typing import Final

from schemas.ids import Micros
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

COUNTED: Final = 10_000
"""Rows are counted up to here: some milliseconds every few seconds, in the workers' own loops."""


def next_due(cursor: Cursor) -> tuple[Micros | None, Micros]:
    """When the next grant is due (None: nothing is planned), and the database's clock."""
    row = cursor.execute(queries("reads/gauges")["next_due"]).fetchone()
    return (row[0], row[1]) if row else (None, 0)


def next_overdue(cursor: Cursor) -> tuple[Micros | None, Micros]:
    """When the next lot lapses or hold ends (None: never), and the database's clock."""
    row = cursor.execute(queries("reads/gauges")["next_overdue"]).fetchone()
    return (row[0], row[1]) if row else (None, 0)


def holds(cursor: Cursor) -> tuple[int, Micros | None, Micros]:
    """Unreleased holds, counted up to a million, when the first ends, and the database's clock."""
    row = cursor.execute(queries("reads/gauges")["holds"]).fetchone()
    return (row[0], row[1], row[2]) if row else (0, None, 0)


def now(cursor: Cursor) -> Micros:
    """The database's clock."""
    row = cursor.execute(queries("reads/gauges")["now"]).fetchone()
    return int(row[0]) if row else 0


def epoch(cursor: Cursor) -> int:
    """How many changes of settings there were."""
    row = cursor.execute(queries("reads/gauges")["epoch"]).fetchone()
    return int(row[0]) if row else 0


def outbox_rows(cursor: Cursor) -> int:
    """Events waiting in the outbox, of its first `COUNTED` rows."""
    row = cursor.execute(queries("reads/gauges")["outbox_rows"], [COUNTED]).fetchone()
    return int(row[0]) if row else 0


def quarantined(cursor: Cursor) -> dict[str, int]:
    """Open records in quarantine, by topic, up to `COUNTED`: neither redriven nor discarded."""
    return dict(cursor.execute(queries("reads/gauges")["quarantined"], [COUNTED]).fetchall())
