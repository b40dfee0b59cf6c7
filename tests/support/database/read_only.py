"""Settings of a database for a while: that it takes no writes, as a standby, above all."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.support.engine import Engine

READ_ONLY = "default_transaction_read_only"


@contextmanager
def database_setting(
    engine: Engine, name: str, value: str, *, sessions_last: bool = False
) -> Iterator[None]:
    """For all sessions of the database: those that are open are ended, as a reload would do.

    At the end as well, unless `sessions_last`: then they keep the setting as long as they live.
    """
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        where = sql.Identifier(connection.info.dbname), sql.SQL(name)
        connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(*where, value))
        end_sessions(connection)
        try:
            yield
        finally:
            connection.execute(f"SET {READ_ONLY} = off".encode())
            connection.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(*where))
            if not sessions_last:
                end_sessions(connection)


def led_to_a_standby(engine: Engine) -> AbstractContextManager[None]:
    """Whoever connects meanwhile can write nothing, and who connects afterwards can."""
    return database_setting(engine, READ_ONLY, "on", sessions_last=True)


def end_sessions(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Ends those of workers."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'points-%'"
    )
