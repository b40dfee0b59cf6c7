"""One request to a provider over HTTP: its answer as bounded bytes, or where it broke off.

Whatever comes back is data. The one thing that must never be mistaken is whether anything was
written: until a connection stands nothing is, and from then on everything may be.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from processors.notices.providers.port import Answer, Outcome
from processors.notices.providers.public_addresses import PRIVATE, PrivateAddress

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read. What is longer is no answer of a provider for SMS."""
LONGEST_WAIT: Final = timedelta(hours=24)
"""An SMS waits no longer for anything, so no provider can ask for more."""
_CONNECT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 15.0
"""Well below what servers keep: a request that meets their closing may have been read by them."""


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What a server answered: the status, the body as bytes, and how long it asks us to wait."""

    status: int
    body: bytes
    retry_after: timedelta | None


class HttpClient:
    """Keeps connections to a provider and reuses them. Belongs to one event loop.

    `seconds`: for the whole of an answer, from its connection on. `connections`: at most, at once.
    No proxies, cookies, redirects or compressed answers. `ca_location`: a file of certificates to
    trust instead of the system's. `resolver`: says which addresses a name has.
    """

    def __init__(
        self,
        seconds: float,
        connections: int,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        connect = min(seconds, _CONNECT_SECONDS)
        self._timeout = aiohttp.ClientTimeout(
            total=connect + seconds, connect=connect, sock_connect=connect, sock_read=seconds
        )
        self._connections = connections
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | Answer:
        """The reply to a POST; where none came whole, the answer that follows from that."""
        try:
            target = _url(url)
        except ValueError:
            return Answer(Outcome.later, code="no-url")
        try:
            async with self._opened().post(
                target, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await _bounded(response)
                if content is None:
                    response.close()
                    return Answer(Outcome.unknown, code="too-long")
                return Reply(response.status, content, _retry_after(response.headers))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _broken_off(error)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._connections,
                keepalive_timeout=_IDLE_SECONDS,
                resolver=self._resolver,
                ssl=self._tls or True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "member-points", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session


@lru_cache(maxsize=1 << 10)
def _url(text: str) -> URL:
    """Read once, since most requests go to few. Raises ValueError."""
    return URL(text)


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None if it is longer than an answer may be."""
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > LARGEST_ANSWER:
            return None
    return bytes(content)


def _broken_off(error: Exception) -> Answer:
    """What follows from an error of the network: certainly not written, or perhaps taken."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            private = isinstance(error.os_error, PrivateAddress)
            return Answer(Outcome.later, code=PRIVATE if private else "no-address")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return Answer(Outcome.later, code="tls")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Answer(Outcome.later, code="no-connection")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Answer(Outcome.later, code="no-url")
        case TimeoutError():
            return Answer(Outcome.unknown, code="no-answer")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Answer(Outcome.unknown, code="half-an-answer")
        case _:
            return Answer(Outcome.unknown, code="broken-off")


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long the server asks us to wait, by its own clock where it names an instant."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # More digits than an hour has need no arithmetic.
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))
