"""Tables distributed by merchant, and which of their parts a statement touches.

A database whose large tables are hash-partitioned by merchant stands for one that is distributed by
it: what needs one partition of each here needs one node there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Final

import psycopg
import pytest
from psycopg import RawCursor, sql
from psycopg.pq import TransactionStatus

import store

DISTRIBUTED: Final = (
    "orders", "parcel", "return_order", "due", "customer", "family",
    "account", "lot", "ledger", "entry_note", "hold", "redemption", "redemption_awaiting",
    "command", "job", "job_row", "job_line", "job_piece",
)  # fmt: skip
"""What grows with merchants, and is read and written with every batch."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "tracking": "a look-up: reports name a number and often no merchant, so every node needs it",
    "awaiting_order": "as tracking, for reports that name an order and no merchant",
    "word": "a look-up, as good as never written",
    "merchant": "a look-up",
    "settings": "a look-up: a few rows a merchant, read once and remembered",
    "settings_epoch": "one row",
    "application_event": "a look-up: a few rows a merchant",
    "campaign": "a look-up: some a merchant",
    "campaign_gift": "a look-up",
    "campaign_version": "a look-up",
    "banner": "a look-up",
    "carrier_code": "a look-up",
    "cursor": "a stream's place: a partition of a topic has all merchants' records",
    "answered_ahead": "of a stream, as cursor",
    "ignored_reason": "of a stream, as cursor",
    "pipeline_state": "of a stream, as cursor",
    "outbox": "a queue by shard: a row has the events of many merchants; it is emptied at once",
    "outbox_refused": "of the outbox",
    "quarantine": "of a stream: its records may name no merchant",
    "merchant_poison": "of a stream",
    "counted_poison": "of a stream",
    "parked_record": "of a stream",
    "recheck": "a queue in the order of transactions, emptied at once",
    "unknown_code": "counts for operators",
    "unknown_report": "of unknown_code",
    "purged_report": "counts for operators",
    "worker_beat": "a row a worker",
    "schema_compatibility": "of the migrations",
    "alembic_version": "of the migrations",
}
"""What is not distributed, and why."""

ASKS_ALL: Final[Mapping[str, str]] = {
    "orders/due: due_merchants": "who has something due, of all merchants: some probes a turn",
    "ledger/accounts: claim_ended": "a timer's claim, over all merchants",
    "ledger/accounts: claim_lapsed": "as claim_ended",
    "ledger/redemptions: is_any_awaited": "whether there is any at all, as a rule none",
    "carriers/awaiting_order: owners": "whose an order is that a report names without a merchant",
    "reads/gauges: next_due": "the soonest of all plans, for a timer's sleep",
    "reads/gauges: overdue_grants": "a gauge, counted up to a limit",
    "reads/gauges: open_jobs": "a gauge",
    "reads/gauges: next_overdue": "the soonest of all, for a timer's sleep",
    "reads/gauges: holds": "a gauge, counted up to a limit",
    "reads/account/checks: behind": "the watch walks over all accounts, 200 at a time",
    "reads/upstream_figures: count_orders": "a report over all merchants, or of one",
    "reads/upstream_figures: page": "as count_orders",
    "valkey/states: page": "a rebuild walks over all accounts",
    "valkey/states: count": "as page",
}
"""Statements that ask every part, and why; none of them is made for a record of a topic."""


def named_statements() -> dict[str, bytes]:
    """Every named statement of the store, by its name: `ledger/lots: read`."""
    found: dict[str, bytes] = {}
    for module in walk_packages(store.__path__, "store."):
        if "migrations" not in module.name:
            named = getattr(import_module(module.name), "_SQL", {})
            file = module.name.removeprefix("store.").replace(".", "/")
            found |= {f"{file}: {each}": text for each, text in named.items()}
    # The others are asked for by their file's name, here as they are written.
    seen = {name.partition(":")[0] for name in found}
    root = Path(store.__path__[0])
    for path in root.rglob("*.sql"):
        file = path.relative_to(root).with_suffix("").as_posix()
        if file not in seen and "migrations" not in file:
            parts = re.split(r"^-- name: (\w+)$", path.read_text("utf-8"), flags=re.MULTILINE)
            for each, text in zip(parts[1::2], parts[2::2], strict=True):
                found[f"{file}: {each}"] = text.strip().rstrip(";").encode()
    return found


def statements() -> dict[bytes, str]:
    """The same by their text."""
    return {text: name for name, text in named_statements().items()}


def partition(url: str, parts: int = 8) -> None:
    """Gives the empty tables of DISTRIBUTED so many hash partitions by merchant."""
    with psycopg.connect(url) as connection:
        view = connection.execute("SELECT pg_get_viewdef('orders_shown')").fetchone()
        connection.execute("DROP VIEW orders_shown")
        # The lane reads it on another connection, never within these statements.
        connection.execute("DROP VIEW IF EXISTS notices.expiring_points")
        for table in DISTRIBUTED:
            _partition(connection, table, parts)
        if view is not None:
            connection.execute(f"CREATE VIEW orders_shown AS {view[0]}".encode())


def _partition(connection: psycopg.Connection[Any], table: str, parts: int) -> None:
    rights = connection.execute(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'points_app' AND table_name = %s",
        [table],
    ).fetchall()
    names = {"table": sql.Identifier(table), "old": sql.Identifier(f"{table}_plain")}
    for statement in (
        "ALTER TABLE {table} RENAME TO {old}",
        "CREATE TABLE {table} (LIKE {old} INCLUDING ALL) PARTITION BY HASH (merchant_no)",
        "DROP TABLE {old}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
    for n in range(parts):
        make = sql.SQL(
            "CREATE TABLE {part} PARTITION OF {table} FOR VALUES WITH (MODULUS {of}, REMAINDER {n})"
        )
        part = sql.Identifier(f"{table}_{n}")
        connection.execute(make.format(part=part, of=parts, n=n, **names))
    for (right,) in rights:
        grant = sql.SQL("GRANT {right} ON {table} TO points_app")
        connection.execute(grant.format(right=sql.SQL(right), **names))


_COUNTS: Final = f"""
    SELECT relname, seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del
    FROM pg_inherits JOIN pg_stat_xact_user_tables ON relid = inhrelid
    WHERE inhparent::regclass::text = ANY ('{{{",".join(DISTRIBUTED)}}}'::text[])"""


@dataclass
class Touched:
    """For each statement, of how many parts of a table it needed at most."""

    parts: dict[str, dict[str, int]] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=statements)

    def note(self, query: Any, found: Mapping[str, int]) -> None:
        """What one execution needed."""
        text = query if isinstance(query, bytes) else str(query).encode()
        mine = self.parts.setdefault(self.names.get(text, text.decode()), {})
        for table, count in found.items():
            mine[table] = max(mine.get(table, 0), count)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Touched]:
    """Notes what every statement of the store touches, by the server's counts of scans and rows."""
    touched = Touched()
    execute = RawCursor.execute

    def counted(cursor: Any) -> dict[str, int]:
        return dict(execute(cursor.connection.cursor(), _COUNTS).fetchall())

    def watched(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        connection = self.connection
        if connection.info.transaction_status == TransactionStatus.IDLE:
            with connection.transaction():
                return watched(self, query, *arguments, **options)
        before = counted(self)
        answer = execute(self, query, *arguments, **options)
        after = counted(self)
        parts: dict[str, int] = {}
        for part, uses in after.items():
            if uses > before.get(part, 0):
                table = part.rpartition("_")[0]
                parts[table] = parts.get(table, 0) + 1
        touched.note(query, parts)
        return answer

    monkeypatch.setattr(RawCursor, "execute", watched)
    yield touched
    monkeypatch.setattr(RawCursor, "execute", execute)
