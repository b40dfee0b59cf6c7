"""Transaction pooling, noticed and refused.

What a session is told (role, planner, time limits, advisory locks) would reach others' sessions.
"""

import psycopg

from schemas.errors import Exit, PointsError

TRIES = 3
"""A busy pool may hand the second connection another server once; not three times in a row."""


class PoolingRefused(PointsError):
    """Statements of one session reach different servers."""

    code = "pooling_refused"
    exit_code = Exit.USAGE

    def __init__(self) -> None:
        """One sentence serves every pooler."""
        super().__init__(
            "the database is behind a pooler in transaction or statement mode, which mixes "
            "sessions: roles, locks and settings would reach others",
            "set pool_mode=session for this database, or connect to PostgreSQL itself",
        )


def suspected(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    """Whether something between us and the server keeps process ids of its own."""
    return _server(connection) != connection.info.backend_pid


def check(connection: "psycopg.Connection[tuple[object, ...]]", url: str) -> None:
    """Raises PoolingRefused when two sessions share a server, or one has several.

    A second connection takes a transaction: a pool gives it the server that we have just left, or
    gives us another one meanwhile.
    """
    for _ in range(TRIES):
        mine = _server(connection)
        try:
            other = psycopg.connect(
                url, application_name="points-pooling", connect_timeout=10, client_encoding="UTF8"
            )
        except psycopg.OperationalError:
            return  # no room for a second one: it cannot be known
        with other:
            if _server(other) == mine or _server(connection) != mine:
                raise PoolingRefused


def _server(connection: "psycopg.Connection[tuple[object, ...]]") -> int | None:
    try:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
    except psycopg.errors.ProtocolViolation:
        raise PoolingRefused from None  # statement mode refuses transactions
    return int(str(row[0])) if row else None
