"""The one connection of the worker, in a thread of its own: the event loop never waits for it.

One thread does all that is done in the database, so that no two agents' statements meet on the
connection. Trouble that passes is waited out there, with whatever was asked for done again.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from processors import metrics
from processors.notices.connecting import connect
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import TROUBLES, one_line, waited_out
from processors.runtime.health import Health
from processors.runtime.logs import log
from processors.runtime.loop import GIVE_UP_SECONDS, UNANSWERED_SECONDS, Backoff, give_up
from store.postgres import migrate, worker_beats
from store.postgres.session import Database

_Result = TypeVar("_Result")


class Ending(Exception):
    """The worker ends, and what was asked for is not done: its transaction is rolled back."""


class LaneDatabase:
    """The connection of the lane's role in the lane's schema, and what waits for it."""

    def __init__(self, configuration: LaneConfiguration, health: Health) -> None:
        """Connects with the first piece of work. `health` is told while it connects."""
        self._configuration, self._health = configuration, health
        self._executor = ThreadPoolExecutor(1, "notices-database")
        self._ending = threading.Event()
        self._connection: Database | None = None
        self._worked = self._cancelled = False
        self.trouble: str | None = None

    async def call(self, work: Callable[[Database], _Result]) -> _Result:
        """Does some work in the thread, again until PostgreSQL has let it.

        `work` may be given another connection each time. Raises Ending, a PointsError that needs an
        operator, and whatever is no trouble of the database's.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._patiently, work
        )

    def _patiently(self, work: Callable[[Database], _Result]) -> _Result:
        backoff = Backoff()
        while True:
            if self._ending.is_set() and backoff.failures:
                raise Ending
            try:
                done = work(self._connected())
            except TROUBLES as error:
                trouble = waited_out(error, first=not self._worked)
                self._note(trouble, again=backoff.failures > 0)
                self._ending.wait(backoff.next())
            else:
                self._worked, self.trouble = True, None
                return done

    def _note(self, trouble: str, *, again: bool) -> None:
        """A deadlock's victim keeps its connection, and succeeds the next time."""
        lost = self._connection is None or self._connection.closed
        if lost:
            metrics.DATABASE_RECONNECTS.inc()
            self._connection = None
        else:
            metrics.ROLLBACKS.inc()
            log().warning("rolled_back", why=trouble)
        if lost or again:
            self.trouble = f"database: {trouble}"

    def _connected(self) -> Database:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Database:
        with self._health.connecting():
            connection = connect(
                self._configuration, "notices", waiting=self._waiting, check_pooling=True
            )
        self._cancelled = False
        try:
            migrate.check(connection)
            worker_beats.forget(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _waiting(self, connection: Database, seconds: float) -> None:
        if seconds > UNANSWERED_SECONDS:
            self.trouble = f"database: no answer for more than {UNANSWERED_SECONDS:.0f} s"
        if seconds < GIVE_UP_SECONDS or not self._ending.is_set():
            return
        give_up(connection, seconds, cancelled=self._cancelled)
        self._cancelled = True

    def end(self) -> None:
        """What waits for the database waits no longer; a statement that is answered is finished."""
        self._ending.set()

    async def close(self, last: Callable[[Database], None]) -> None:
        """Does a last thing, if the connection is there, and closes it."""
        self.end()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close, last)
        self._executor.shutdown(wait=False)

    def _close(self, last: Callable[[Database], None]) -> None:
        if self._connection is None:
            return
        try:
            last(self._connection)
        except psycopg.Error as error:
            log().warning("not_noted", why=one_line(error))
        self._connection.close()
