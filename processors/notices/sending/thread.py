"""The thread in which a sender's loop talks to PostgreSQL."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from processors.runtime.failures import leave_standby
from store.postgres.session import Database

_T = TypeVar("_T")


class ConnectionThread:
    """One thread and its connection, which is made when it is wanted and there is none."""

    def __init__(self, name: str, connect: Callable[[], Database]) -> None:
        """Connects to nothing yet."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connect = connect
        self._connection: Database | None = None

    async def connected(self, work: Callable[..., _T], *args: object) -> _T:
        """Work whose first argument is the connection."""

        def run() -> _T:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            try:
                return work(self._connection, *args)
            except psycopg.Error as error:
                leave_standby(error, self._connection)
                raise

        return await self.run(run)

    async def run(self, work: Callable[..., _T], *args: object) -> _T:
        """Work that asks for nothing, but must not be beside other work of the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def close(self) -> None:
        """Ends the connection and the thread, once what it does is done."""
        await self.run(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
