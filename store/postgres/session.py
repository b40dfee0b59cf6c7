"""Connections to PostgreSQL, as the application's role, with the product's types registered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, RawCursor, sql

from store.postgres.arrays import register

APP_ROLE = "points_app"
_SESSION = (
    # Batches are small against the tables: nested loops over primary keys are right, and a plan
    # made while the tables were empty must not scan them when they are not.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_seqscan = off",
    "SET jit = off",
    "SET idle_in_transaction_session_timeout = '60s'",
)

# A server that vanished without a word is noticed within half a minute, not after the system's two
# hours.
_ALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

Database = Connection[tuple[Any, ...]]
"""A connection as `connect` makes it."""
Cursor = RawCursor[tuple[Any, ...]]
"""A cursor with PostgreSQL's own placeholders: $1 and so on."""


def connect(
    url: str, *, role: str | None = APP_ROLE, name: str = "points", tuned: bool = True
) -> Database:
    """A connection in autocommit (transactions are explicit), acting as `role`.

    With `tuned` off the planner is left alone, which reports and listings want. Raises
    psycopg.OperationalError when the server cannot be reached or refuses.
    """
    connection = psycopg.connect(
        url, autocommit=True, application_name=name, connect_timeout=10, **_ALIVE
    )
    connection.cursor_factory = psycopg.Cursor
    register(connection)
    if role is not None:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    for statement in _SESSION if tuned else _SESSION[-1:]:
        connection.execute(statement)
    return connection


@contextmanager
def transaction(connection: Database) -> Iterator[Cursor]:
    """One transaction: committed at the end, rolled back by any exception."""
    with connection.transaction(), RawCursor(connection) as cursor:
        yield cursor


def raw(connection: Database) -> Cursor:
    """A cursor for single statements with PostgreSQL's own placeholders."""
    return RawCursor(connection)
