"""One request to a provider over HTTP: its answer as bounded bytes, or where it broke off.

Whatever comes back is data. The one thing that must never be mistaken is whether anything was
written: until a connection stands nothing is, and from then on everything may be.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp.abc import AbstractResolver

from processors.notices.providers.http_connection import (
    Answered,
    BrokenOff,
    HalfAnAnswer,
    TooLong,
)
from processors.notices.providers.http_pool import HttpPool, Origin
from processors.notices.providers.port import Answer, Outcome
from processors.notices.providers.public_addresses import PRIVATE, PrivateAddress

LONGEST_WAIT: Final = timedelta(hours=24)
"""An SMS waits no longer for anything, so no provider can ask for more."""
_CONNECT_SECONDS: Final = 10.0
_PORTS: Final = {"http": 80, "https": 443}
_IN_A_TARGET: Final = "/?:@!$&'()*+,;=%-._~"
"""What stays as it is in the target of a request; everything else is written in hexadecimal."""


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What a server answered: the status, the body as bytes, and how long it asks us to wait."""

    status: int
    body: bytes
    retry_after: timedelta | None


class HttpClient:
    """Posts to providers over connections that are kept. Belongs to one event loop.

    `seconds`: for the whole of an answer, from its connection on. `connections`: at most, at once.
    No proxies, cookies, redirects or compressed answers. `tls`: whom to trust, instead of whom the
    system does. `resolver`: says which addresses a name has.
    """

    def __init__(
        self,
        seconds: float,
        connections: int,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._seconds = seconds
        self._pool = HttpPool(connections, min(seconds, _CONNECT_SECONDS), resolver, tls)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | Answer:
        """The reply to a POST; where none came whole, the answer that follows from that."""
        try:
            origin, head = _target(url)
        except ValueError:
            return Answer(Outcome.later, code="no-url")
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        request = f"{head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
        try:
            connection = await self._pool.take(origin)
        except OSError as error:
            return _not_connected(error)
        try:
            async with asyncio.timeout(self._seconds):
                answered = await connection.ask(request)
        except (BrokenOff, OSError) as error:
            return _broken_off(error)
        finally:
            self._pool.put_back(origin, connection)
        return Reply(answered.status, answered.body, _retry_after(answered))

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.close()


@lru_cache(maxsize=1 << 10)
def _target(url: str) -> tuple[Origin, str]:
    """Where a URL leads, and how a request to it begins. Raises ValueError for one that is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("no address over HTTP")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode()
    port = parts.port or _PORTS[parts.scheme]
    named = f"[{host}]" if ":" in host else host
    named += f":{port}" if port != _PORTS[parts.scheme] else ""
    path = quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", _IN_A_TARGET)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {named}\r\nUser-Agent: member-points\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\n"
    )
    return Origin(host, port, parts.scheme == "https"), head


def _not_connected(error: OSError) -> Answer:
    """Nothing was written: why not."""
    match error:
        case PrivateAddress():
            code = PRIVATE
        case socket.gaierror():
            code = "no-address"
        case ssl.SSLError():
            code = "tls"
        case _:
            code = "no-connection"
    return Answer(Outcome.later, code=code)


def _broken_off(error: Exception) -> Answer:
    """It was written, and may have been taken: what came instead of an answer."""
    match error:
        case TimeoutError():
            code = "no-answer"
        case TooLong():
            code = "too-long"
        case HalfAnAnswer():
            code = "half-an-answer"
        case _:
            code = "broken-off"
    return Answer(Outcome.unknown, code=code)


def _retry_after(answered: Answered) -> timedelta | None:
    """How long the server asks us to wait, by its own clock where it names an instant."""
    text = answered.retry_after.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # More digits than an hour has need no arithmetic.
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(answered.date)
    except (TypeError, ValueError, OverflowError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))
