"""One connection to a server: a request is written, and its answer read whole.

An answer is data of others: its length is bounded, and of its headers only those that are asked for
are kept.
"""

import asyncio
from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read. What is longer is no answer of a provider for SMS."""
_LARGEST_HEADERS: Final = 64 * 1024
_KEPT: Final = frozenset({b"retry-after", b"date"})
_SAY_THE_LENGTH: Final = frozenset({b"content-length", b"transfer-encoding"})
_FIRST_FINAL: Final = 200
"""Statuses below it announce an answer that is still to come."""


class BrokenOff(Exception):
    """The request was written, and no answer came: the connection ended."""


class HalfAnAnswer(BrokenOff):
    """What came was no answer, or not the whole of one."""


class TooLong(BrokenOff):
    """More came than an answer may have."""


class Answered(NamedTuple):
    """What a server answered; of the headers those that say how long to wait, by whose clock."""

    status: int
    body: bytes
    retry_after: str
    date: str


class HttpConnection(asyncio.Protocol):
    """One request at a time. `idle_since`: by the monotonic clock, kept by the one who has it."""

    idle_since = 0.0

    def __init__(self) -> None:
        """Belongs to the running loop."""
        self._transport: asyncio.Transport | None = None
        self._reading: _Reading | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request can be written, as far as is known here."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answered:
        """The answer to a request. Raises BrokenOff; the connection is closed then."""
        reading = self._reading = _Reading()
        try:
            if self._transport is None or self._transport.is_closing():
                raise BrokenOff
            self._transport.write(request)
            return await reading.answered
        finally:
            self._reading = None
            if not reading.leaves_open:
                self.close()

    def close(self) -> None:
        """Hangs up, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece of an answer; nobody asked for any other."""
        if self._reading is None:
            self.close()
        else:
            self._reading.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up, or the network broke."""
        if self._reading is not None:
            self._reading.end(broken=exc is not None)


class _Reading:
    """An answer as it comes in, and what its parser calls."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self.leaves_open = False
        self._parser = HttpResponseParser(self)
        self._fed = 0
        self._body = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._has_length = self._is_in_body = False

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        if self.answered.done():  # more than one answer to one request
            self.leaves_open = False
            return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(HalfAnAnswer())
        if len(self._body) > LARGEST_ANSWER or self._fed > LARGEST_ANSWER + _LARGEST_HEADERS:
            self._fail(TooLong())

    def end(self, *, broken: bool) -> None:
        """No more comes: the end of an answer that does not say how long it is."""
        if self._is_in_body and not self._has_length and not broken:
            self._complete()
        self._fail(HalfAnAnswer() if self._fed else BrokenOff())

    def _fail(self, error: BrokenOff) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)

    def _complete(self) -> None:
        if len(self._body) > LARGEST_ANSWER:
            return
        retry_after, date = (
            self._headers.get(name, b"").decode("latin-1") for name in (b"retry-after", b"date")
        )
        status = self._parser.get_status_code()
        self.answered.set_result(Answered(status, bytes(self._body), retry_after, date))

    # What the parser calls

    def on_message_begin(self) -> None:
        self.leaves_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _KEPT:
            self._headers[name] = value
        elif name in _SAY_THE_LENGTH:
            self._has_length = True

    def on_headers_complete(self) -> None:
        self._is_in_body = self._parser.get_status_code() >= _FIRST_FINAL

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= LARGEST_ANSWER:
            self._body += body

    def on_message_complete(self) -> None:
        if self._is_in_body and not self.answered.done():
            self.leaves_open = self._parser.should_keep_alive()
            self._complete()
