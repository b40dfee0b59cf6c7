"""Outbox rows that the broker refuses for good: set aside, listed, sent again or given up.

See architecture.md 2.5. A row is a points-changed row never: members' events wait in their shard.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams.outbox import OutboxKind
from store.streams.quarantine import KEPT

_REFUSAL: Final = Columns(tables.outbox_refused, "shard", "id", "topic", "size", "reason")
_ASIDE: Final = Columns(
    tables.outbox_refused,
    "shard", "id", "kind", "layout", "key", "value", "headers", "topic", "size", "reason",
    "refused_us",
)  # fmt: skip
_OUTBOX: Final = Columns(tables.outbox, "shard", "kind", "layout", "key", "value", "headers")
_SQL: Final = queries("streams/refused", refusal=_REFUSAL, aside=_ASIDE, outbox=_OUTBOX)


class Refusal(NamedTuple):
    """A row that the broker refuses, the topic that it was for, its bytes in all, and why."""

    shard: int
    id: int
    topic: str
    size: int
    reason: str


class RefusedRow(NamedTuple):
    """One row of the list."""

    id: int
    kind: OutboxKind
    topic: str
    key: bytes | None
    size: int
    reason: str
    refused_at: Micros


class UnknownRefusedRows(PointsError):
    """No refused rows have these ids."""

    code = "unknown_refused_rows"
    exit_code = Exit.NOT_FOUND


def set_aside(cursor: Cursor, refusals: Sequence[Refusal]) -> None:
    """Moves rows out of the outbox."""
    if refusals:
        rows = [
            (shard, number, topic.encode(), size, reason.encode())
            for shard, number, topic, size, reason in refusals
        ]
        cursor.execute(_SQL["set_aside"], _REFUSAL.arrays(rows))


def listed(connection: Database) -> list[RefusedRow]:
    """All that are set aside, oldest first."""
    return [_read(row) for row in raw(connection).execute(_SQL["list"]).fetchall()]


def oldest(connection: Database) -> RefusedRow | None:
    """The one that is set aside for longest."""
    row = raw(connection).execute(_SQL["oldest"]).fetchone()
    return _read(row) if row is not None else None


def _read(row: tuple[Any, ...]) -> RefusedRow:
    number, kind, *rest = row
    return RefusedRow(number, OutboxKind(kind), *rest)


def count(cursor: Cursor) -> int:
    """How many there are."""
    row = cursor.execute(_SQL["count"]).fetchone()
    return int(row[0]) if row else 0


def retry(connection: Database, ids: Sequence[int]) -> None:
    """Puts rows back into the outbox, behind what waits there: all or none.

    Raises UnknownRefusedRows.
    """
    _move(connection, "retry", ids)


def discard(connection: Database, ids: Sequence[int]) -> None:
    """Gives rows up, all or none. Raises UnknownRefusedRows."""
    _move(connection, "discard", ids)


def _move(connection: Database, query: str, ids: Sequence[int]) -> None:
    wanted = sorted(set(ids))
    with transaction(connection) as cursor:
        there = {row[0] for row in cursor.execute(_SQL["there"], [wanted]).fetchall()}
        missing = [str(number) for number in wanted if number not in there]
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise UnknownRefusedRows(
                f"{', '.join(missing)} {are} not among the rows that were refused",
                "look at the list of those that were",
            )
        cursor.execute(_SQL[query], [wanted])


def purge(cursor: Cursor, limit: int) -> int:
    """Forgets dead letters and redriven records after as long as quarantine does (rules.md 7).

    Their bytes may be personal. Returns how many.
    """
    cursor.execute(_SQL["purge"], [KEPT, limit])
    return cursor.rowcount
