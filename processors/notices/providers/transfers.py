"""One request at a time on a handle of libcurl: how it is made, and what came of it.

libcurl writes a request again by itself where a kept connection died without an answer, up to five
times, POST or not, and no option forbids it: an SMS would be sent twice. It does ask, though, each
time a connection stands and before anything is written. So a request is let through once, and what
was never asked for was never written.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pycurl

from processors.notices.providers.port import NO_TIME, Answer, Outcome
from rules.notices.webhooks import is_public

PRIVATE: Final = "private-address"
LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read. What is longer is no answer of a provider for SMS."""
LONGEST_WAIT: Final = timedelta(hours=24)
"""An SMS waits no longer for anything, so no provider can ask for more."""

_CONNECT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 15
"""Well below what servers keep: a request that meets their closing may have been read by them."""
_ADDRESS_SECONDS: Final = 10
"""For which a name's addresses are remembered."""
_HEADERS: Final = ("User-Agent: member-points", "Accept-Encoding: identity", "Expect:")

_NEVER_WRITTEN: Final = {
    pycurl.E_COULDNT_RESOLVE_HOST: "no-address",
    pycurl.E_URL_MALFORMAT: "no-url",
    pycurl.E_ABORTED_BY_CALLBACK: NO_TIME,
    **dict.fromkeys(
        (
            pycurl.E_SSL_CONNECT_ERROR,
            pycurl.E_PEER_FAILED_VERIFICATION,
            pycurl.E_SSL_CACERT_BADFILE,
            pycurl.E_SSL_CERTPROBLEM,
            pycurl.E_SSL_CIPHER,
            pycurl.E_SSL_ISSUER_ERROR,
        ),
        "tls",
    ),
}
_BROKEN_OFF: Final = frozenset(
    {
        pycurl.E_ABORTED_BY_CALLBACK,  # it would have been written again
        pycurl.E_GOT_NOTHING,
        pycurl.E_SEND_ERROR,
        pycurl.E_RECV_ERROR,
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A POST."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What a server answered: the status, the body as bytes, and how long it asks us to wait."""

    status: int
    body: bytes
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What goes for every request of a client, as `HttpClient` tells it."""

    seconds: float
    ca_location: str | None
    only_public: bool

    def options(self) -> dict[int, Any]:
        """As libcurl's."""
        connect = min(self.seconds, _CONNECT_SECONDS)
        trusted = ssl.get_default_verify_paths()
        return {
            pycurl.POST: 1,
            pycurl.NOSIGNAL: 1,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.PROXY: "",
            pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
            pycurl.CAINFO: self.ca_location or trusted.cafile,
            pycurl.CAPATH: None if self.ca_location else trusted.capath,
            pycurl.CONNECTTIMEOUT_MS: int(connect * 1000),
            pycurl.TIMEOUT_MS: int((connect + self.seconds) * 1000),
            pycurl.MAXAGE_CONN: _IDLE_SECONDS,
            pycurl.DNS_CACHE_TIMEOUT: _ADDRESS_SECONDS,
        }


class _Handed(socket.socket):
    """A socket that is closed when nobody has it any more: libcurl makes a copy of its own."""

    def __del__(self) -> None:
        self.close()


class Transfer:
    """A handle, and the request that is on it.

    `number`: the caller's own. `written_at`: since when the request may be written, monotonic; None
    until then.
    """

    def __init__(self, bounds: Bounds) -> None:
        """Connects to nothing yet."""
        self.number = 0
        self.written_at: float | None = None
        self._until = 0.0
        self._retry_after: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._is_private: bool | None = None
        self.curl = pycurl.Curl()
        for option, value in bounds.options().items():
            if value is None:
                self.curl.unsetopt(option)
            else:
                self.curl.setopt(option, value)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._may_be_written)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        if bounds.only_public:
            self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._socket)

    def begin(self, number: int, request: Request, url: str, until: float) -> None:
        """Takes a request, to be performed. `url`: its own, as it may be written, `until` when."""
        self.number, self.written_at, self._until = number, None, until
        self._retry_after, self._body = {}, bytearray()
        self._is_private = None
        self.curl.setopt(pycurl.URL, url)
        self.curl.setopt(pycurl.POSTFIELDS, request.body)
        mine = [f"{name}: {value}" for name, value in request.headers.items()]
        self.curl.setopt(pycurl.HTTPHEADER, [*_HEADERS, *mine])

    def reply(self) -> Reply:
        """The answer, once it is whole."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return Reply(status, bytes(self._body), _wait(self._retry_after))

    def broken_off(self, error: int) -> Answer:
        """What follows from libcurl's error: certainly not written, or perhaps taken."""
        if self.written_at is None:
            code = PRIVATE if self._is_private else _NEVER_WRITTEN.get(error, "no-connection")
            return Answer(Outcome.later, code=code)
        if len(self._body) > LARGEST_ANSWER:
            return Answer(Outcome.unknown, code="too-long")
        if error == pycurl.E_OPERATION_TIMEDOUT:
            return Answer(Outcome.unknown, code="no-answer")
        code = "broken-off" if error in _BROKEN_OFF else "half-an-answer"
        return Answer(Outcome.unknown, code=code)

    def close(self) -> None:
        """Forgets the handle."""
        self.curl.close()

    # What libcurl asks and tells meanwhile

    def _may_be_written(self, *_: object) -> int:
        """Once, and in time: whatever was written before may have been read."""
        now = time.monotonic()
        if self.written_at is not None or now > self._until:
            return pycurl.PREREQFUNC_ABORT
        self.written_at = now
        return pycurl.PREREQFUNC_OK

    def _socket(self, _purpose: int, address: Any) -> Any:
        """For a connection to an address, if that is public, whatever name stands for it."""
        if not is_public(address.addr[0]):
            self._is_private = self._is_private is not False  # a name may have both kinds
            return pycurl.SOCKET_BAD
        self._is_private = False
        return _Handed(address.family, address.socktype, address.protocol)

    def _take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):  # an answer may announce another
            self._retry_after.clear()
        elif line[:1] in b"RrDd":
            name, _, value = line.partition(b":")
            self._retry_after.setdefault(name.strip().lower(), value.strip())

    def _take_body(self, piece: bytes) -> int | None:
        self._body += piece
        return 0 if len(self._body) > LARGEST_ANSWER else None


def _wait(headers: Mapping[bytes, bytes]) -> timedelta | None:
    """How long the server asks us to wait, by its own clock where it names an instant."""
    text = headers.get(b"retry-after", b"")
    if not text:
        return None
    if text.isdigit():
        # More digits than an hour has need no arithmetic.
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text.decode("latin-1"))
        wait = until - parsedate_to_datetime(headers.get(b"date", b"").decode("latin-1"))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))
