"""Figures for metrics and for how long to sleep.

Named SQL, not Core: workers ask for them every few seconds, and do without SQLAlchemy otherwise.
"""

from collections.abc import Hashable
from typing import Final, NamedTuple

import orjson

from schemas.bulk.states import Gate
from schemas.ids import Micros
from store.postgres.arrays import int2s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams.outbox import SHARDS, OutboxKind, first_event

COUNTED: Final = 10_000
"""Rows are counted up to here: some milliseconds every few seconds, in the workers' own loops."""
MANY: Final = 1_000_000
"""Rows of a narrow index are counted up to here: a tenth of a second, where there are so many."""
BEGINNING: Final = 65_536
"""Bytes of a packed row that are read for its first event: ordinary events have a few hundred."""


class OutboxHead(NamedTuple):
    """The oldest row of a shard."""

    shard: int
    id: int
    kind: int


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


def overdue_grants(cursor: Cursor) -> int:
    """Grants that are due, counted up to `MANY`."""
    return _count(cursor, "overdue_grants", MANY)


def outbox_rows(cursor: Cursor) -> int:
    """Records waiting in the outbox, of its first `COUNTED` rows; heartbeats are none."""
    return _count(cursor, "outbox_rows", COUNTED, OutboxKind.HEARTBEAT)


def outbox_heads(cursor: Cursor) -> list[OutboxHead]:
    """The oldest row of each shard that has one; heartbeats are none."""
    shards = int2s(range(SHARDS))
    cursor.execute(queries("reads/gauges")["outbox_heads"], [shards, OutboxKind.HEARTBEAT])
    return [OutboxHead(*row) for row in cursor.fetchall()]


def recorded_at(cursor: Cursor, head: OutboxHead) -> str | None:
    """When the first event of a row was recorded; None if the row is gone or does not say it."""
    if head.kind != OutboxKind.CHANGED:
        return None
    parameters = [head.shard, head.id, BEGINNING]
    row = cursor.execute(queries("reads/gauges")["beginning"], parameters).fetchone()
    if row is None:
        return None
    event = first_event(row[0])
    return str(orjson.loads(event)["recorded_at"]) if event is not None else None


def quarantined(cursor: Cursor) -> dict[str, tuple[int, Micros]]:
    """Open records in quarantine by topic, up to `COUNTED`, and when the oldest came.

    Open are those that were neither redriven nor discarded.
    """
    rows = cursor.execute(queries("reads/gauges")["quarantined"], [COUNTED]).fetchall()
    return {topic: (count, oldest) for topic, count, oldest in rows}


def recheck_heads(cursor: Cursor) -> dict[int, Hashable]:
    """Of each kind in the recheck queue the key of the next row."""
    rows = cursor.execute(queries("reads/gauges")["recheck_heads"]).fetchall()
    return {kind: tuple(key) for kind, *key in rows}


def parked(cursor: Cursor) -> tuple[int, Micros | None]:
    """Parked reports, counted up to `COUNTED`, and when the oldest came."""
    row = cursor.execute(queries("reads/gauges")["parked"], [COUNTED]).fetchone()
    return (row[0], row[1]) if row else (0, None)


def open_jobs(cursor: Cursor) -> int:
    """Bulk jobs with rows left that were not cancelled."""
    return _count(cursor, "open_jobs", Gate.cancelled.value)


def paused(cursor: Cursor) -> set[str]:
    """The pipelines that are paused."""
    return {row[0] for row in cursor.execute(queries("reads/gauges")["paused"]).fetchall()}


def lane_paused(cursor: Cursor) -> bool | None:
    """Whether the notices lane is paused, as the engine may see it; None where it never ran."""
    row = cursor.execute(queries("reads/gauges")["lane_paused"]).fetchone()
    return bool(row[0]) if row else None


def _count(cursor: Cursor, name: str, *parameters: int) -> int:
    row = cursor.execute(queries("reads/gauges")[name], parameters).fetchone()
    return int(row[0]) if row else 0
