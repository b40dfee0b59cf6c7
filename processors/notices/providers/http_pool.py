"""Connections to servers, kept while they can be used again.

Until a connection stands nothing is written: whoever gets none knows that nothing was.
"""

import asyncio
import socket
import ssl
import time
from collections import defaultdict
from typing import Final, NamedTuple

from aiohttp.abc import AbstractResolver

from processors.notices.providers.http_connection import HttpConnection

IDLE_SECONDS: Final = 15.0
"""Well below what servers keep: a request that meets their closing may have been read by them."""


class Origin(NamedTuple):
    """Where a server is, and whether it is spoken to under TLS."""

    host: str
    port: int
    tls: bool


class HttpPool:
    """At most `connections` at once, to any servers; `seconds` until one of them stands.

    `resolver`: says which addresses a name has; without one the system does.
    """

    def __init__(
        self,
        connections: int,
        seconds: float,
        resolver: AbstractResolver | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._slots = asyncio.Semaphore(connections)
        self._seconds, self._resolver, self._tls = seconds, resolver, tls
        self._idle: defaultdict[Origin, list[HttpConnection]] = defaultdict(list)
        self._swept_at = time.monotonic()

    async def take(self, origin: Origin) -> HttpConnection:
        """A connection that stands, to be put back. Raises OSError: nothing was written."""
        if self._slots.locked():
            async with asyncio.timeout(self._seconds):
                await self._slots.acquire()
        else:
            await self._slots.acquire()
        try:
            return self._kept(origin) or await self._opened(origin)
        except BaseException:
            self._slots.release()
            raise

    def put_back(self, origin: Origin, connection: HttpConnection) -> None:
        """It is used again if it is still open."""
        self._slots.release()
        now = time.monotonic()
        if connection.is_open:
            connection.idle_since = now
            self._idle[origin].append(connection)
        if now - self._swept_at > IDLE_SECONDS:
            self._sweep(now)

    async def close(self) -> None:
        """Closes what nobody uses."""
        self._sweep(float("inf"))
        if self._resolver is not None:
            await self._resolver.close()

    def _kept(self, origin: Origin) -> HttpConnection | None:
        idle, now = self._idle.get(origin, []), time.monotonic()
        while idle:
            connection = idle.pop()
            if connection.is_open and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        for origin, idle in list(self._idle.items()):
            keep = [c for c in idle if c.is_open and now - c.idle_since < IDLE_SECONDS]
            for connection in idle:
                if connection not in keep:
                    connection.close()
            if keep:
                self._idle[origin] = keep
            else:
                del self._idle[origin]

    async def _opened(self, origin: Origin) -> HttpConnection:
        trouble = OSError("no address")
        async with asyncio.timeout(self._seconds):
            for address in await self._addresses(origin):
                try:
                    return await self._connected(origin, address)
                except ssl.SSLError:
                    raise
                except OSError as error:
                    trouble = error
        raise trouble

    async def _addresses(self, origin: Origin) -> list[str]:
        if self._resolver is None:
            return [origin.host]
        found = await self._resolver.resolve(origin.host, origin.port, socket.AF_UNSPEC)
        return [each["host"] for each in found]

    async def _connected(self, origin: Origin, address: str) -> HttpConnection:
        tls = None
        if origin.tls:
            tls = self._tls = self._tls or ssl.create_default_context()
        _, connection = await asyncio.get_running_loop().create_connection(
            HttpConnection,
            address,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection
