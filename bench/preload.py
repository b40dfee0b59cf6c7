"""What a shop has after years: accounts, entries, lots and orders, written before a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from bench.contestant import ROOT

PRELOAD: Final = ROOT / "bench" / "sql" / "preload.sql"
ORDERS: Final = "-- Orders."
"""Where the statement for the orders begins, which the largest preload leaves out."""
STEP: Final = 5_000_000
"""Entries a transaction."""
TABLES: Final = ("account", "ledger", "lot", "orders")
INDEXES: Final = """
    SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, c.conname,
           coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid))
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype <> 'f'
    WHERE i.indrelid = ANY(%s::regclass[])
    ORDER BY c.contype = 'p' DESC NULLS LAST, 2"""

Database = psycopg.Connection[Any]


def preload(database_url: str, entries: int, merchant: str, *, with_orders: bool = True) -> None:
    """Give a merchant's ledger so many old entries, and leave the server as quiet as before."""
    statements = PRELOAD.read_text().partition(ORDERS)
    script = "".join(statements) if with_orders else statements[0]
    with psycopg.connect(database_url, autocommit=True) as database:
        with without_indexes(database, TABLES):
            for first in range(0, entries, STEP):
                here = {"first": first, "entries": min(STEP, entries - first)}
                write(database, script, here | {"merchant": merchant})
        database.execute("VACUUM (ANALYZE) ledger, lot, account, orders")
        database.execute("CHECKPOINT")


def write(database: Database, script: str, values: Mapping[str, Any]) -> None:
    """Run a script in one transaction."""
    with psycopg.ClientCursor(database) as cursor:
        cursor.execute(script.encode(), values)


@contextmanager
def without_indexes(database: Database, tables: Sequence[str]) -> Iterator[None]:
    """Make the indexes when all rows are there: sorting once is many times quicker."""
    found = database.execute(INDEXES, [list(tables)]).fetchall()
    for table, index, constraint, _ in found:
        drop = f"DROP INDEX {index}"
        if constraint is not None:
            drop = f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"'
        database.execute(drop.encode())
    yield
    database.execute("SET maintenance_work_mem = '1GB'")
    for table, _, constraint, definition in found:
        # Of a partitioned table: of its partitions too.
        make = definition.replace(" ON ONLY ", " ON ")
        if constraint is not None:
            make = f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {definition}'
        database.execute(make.encode())
