"""A connection that is kept for a test's questions: it asks again and again while it waits."""

import threading
from typing import Any

import psycopg
from psycopg import sql

Cursor = psycopg.Cursor[tuple[Any, ...]]


class Looking:
    """Asks a database, each question in a transaction of its own, as whoever owns it.

    To connect costs more than what most questions do. Threads may share it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._kept: psycopg.Connection[tuple[Any, ...]] | None = None
        self._asking = threading.Lock()

    def rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises psycopg.Error as the server does, or when there is none."""
        if not self._asking.acquire(blocking=False):
            # What another thread asks may wait for a lock that this one's answer is about.
            with psycopg.connect(self._url, autocommit=True) as connection:
                return connection.execute(query.encode(), parameters).fetchall()
        try:
            return self._ask(query.encode(), parameters).fetchall()
        finally:
            self._asking.release()

    def do(self, statement: sql.Composed) -> None:
        """Carries out a statement without an answer. Raises as `rows`."""
        with self._asking:
            self._ask(statement, ())

    def _ask(self, statement: bytes | sql.Composed, parameters: tuple[object, ...]) -> Cursor:
        try:
            return self._connection().execute(statement, parameters)
        except psycopg.OperationalError:
            if self._kept is None or not self._kept.closed:
                raise
            self._kept = None  # the server was started again, or ended the session
            return self._connection().execute(statement, parameters)

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._kept is None:
            # Prepared statements would keep plans that were made before a test changed something.
            self._kept = psycopg.connect(self._url, autocommit=True, prepare_threshold=None)
        return self._kept

    def close(self) -> None:
        """End the connection; the next question makes another."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
