"""Requests to a provider over HTTP: each one's answer as bounded bytes, or where it broke off.

Whatever comes back is data. The one thing that must never be mistaken is whether anything was
written: until a connection stands nothing is, and from then on everything may be (`transfers`).
"""

import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import pycurl
from yarl import URL

from processors.notices.providers.port import NO_TIME, Answer, Outcome
from processors.notices.providers.transfers import Bounds, Reply, Request, Transfer

__all__ = ["HttpClient", "Reply", "Request"]

FOR_EVER: Final = float("inf")
_LOOK_SECONDS: Final = 1.0
"""Nothing is waited for longer without a look at what is overdue."""
_NOTHING_TO_WAIT_FOR: Final = 0.01
"""Where libcurl has no socket yet, as while it makes ready to look up a name."""
_WRITTEN: Final = re.compile(r"[!-~]+")
"""What libcurl takes; a name of a host may come with other characters."""


class HttpClient:
    """Keeps connections to a provider and reuses them. For one thread at a time, which waits.

    `seconds`: for the whole of an answer, from its connection on; no more than `write_within`.
    `connections`: at most, at once.
    `write_within`: after so many seconds nothing of what was to be posted is begun any more, since
    whoever posts it may have lost it to another by then.
    No proxies, cookies, redirects or compressed answers. `ca_location`: a file of certificates to
    trust instead of the system's. `only_public`: no connection is made to an address that is not of
    the public internet.
    """

    def __init__(
        self,
        seconds: float,
        connections: int,
        *,
        write_within: float,
        ca_location: str | None = None,
        only_public: bool = False,
    ) -> None:
        self._write_within = write_within
        self._bounds = Bounds(min(seconds, write_within), ca_location, only_public)
        self._connections = connections
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._idle: list[Transfer] = []
        self._running: dict[pycurl.Curl, Transfer] = {}
        self._number = 0
        self._found: dict[int, Reply | Answer] = {}
        """What came of requests, by number, until somebody asks for it."""

    def post(self, requests: Iterable[Request | Answer]) -> list[Reply | Answer]:
        """The replies to POSTs, all at once; where none came whole, the answer that follows.

        What has its answer already keeps it. Each is made when its turn has come, and the first is
        on its way by then.
        """
        return [self._found.pop(number) for number in self._post(requests, FOR_EVER)]

    def post_within(
        self, requests: Iterable[Request | Answer], seconds: float
    ) -> list[Reply | Answer | int]:
        """As `post`, but waits no longer than that: of what is still to come the number.

        It comes meanwhile; `came` says what. Where all connections wait for their answers, what
        would have needed one goes nowhere.
        """
        numbers = self._post(requests, time.monotonic() + seconds)
        return [self._found.pop(number, number) for number in numbers]

    def came(self, seconds: float) -> dict[int, Reply | Answer]:
        """What came by now of that for which `post_within` did not wait, by number.

        Waits so long for the first of it.
        """
        until = time.monotonic() + seconds
        while self._running and not self._found:
            self._turn(until)
            if time.monotonic() >= until:
                break
        found, self._found = self._found, {}
        return found

    def _post(self, requests: Iterable[Request | Answer], leave: float) -> list[int]:
        """Makes requests and waits for them until it is to `leave`, monotonic; their numbers."""
        numbers: list[int] = []
        until = time.monotonic() + self._write_within
        try:
            for request in requests:
                self._number += 1
                numbers.append(self._number)
                while len(self._running) >= self._connections and time.monotonic() < leave:
                    self._turn(leave)
                if isinstance(request, Answer):
                    answer: Answer | None = request
                elif len(self._running) >= self._connections:
                    answer = Answer(Outcome.later, code=NO_TIME)
                else:
                    answer = self._begin(self._number, request, until)
                if answer is not None:
                    self._found[self._number] = answer
            mine = set(numbers)
            while time.monotonic() < leave and any(
                each.number in mine for each in self._running.values()
            ):
                self._turn(leave)
        except BaseException:
            self._give_up()
            raise
        return numbers

    def close(self) -> None:
        """Closes the connections."""
        self._give_up()
        for transfer in self._idle:
            transfer.close()
        self._idle.clear()
        self._multi.close()

    def _begin(self, number: int, request: Request, until: float) -> Answer | None:
        """Takes one up; its answer if nothing can be sent there, or not by now."""
        url = _url(request.url)
        if url is None:
            return Answer(Outcome.later, code="no-url")
        if time.monotonic() > until:
            return Answer(Outcome.later, code=NO_TIME)
        transfer = self._idle.pop() if self._idle else Transfer(self._bounds)
        transfer.begin(number, request, url, until)
        self._running[transfer.curl] = transfer
        self._multi.add_handle(transfer.curl)
        if len(self._running) == 1:
            self._multi.perform()  # its server works while the others are made
        return None

    def _turn(self, until: float) -> None:
        """Goes on with what is running, notes what has ended, and waits if nothing has."""
        self._multi.perform()
        ended = dict(self._ended())
        self._found |= ended
        if not ended and self._running:
            self._wait(until)

    def _ended(self) -> Iterator[tuple[int, Reply | Answer]]:
        left = 1
        while left:
            left, whole, broken = self._multi.info_read()
            for curl in whole:
                transfer = self._end(curl)
                yield transfer.number, transfer.reply()
            for curl, error, _ in broken:
                transfer = self._end(curl)
                yield transfer.number, transfer.broken_off(error)
        overdue = time.monotonic() - self._bounds.seconds
        for transfer in list(self._running.values()):
            if transfer.written_at is not None and transfer.written_at < overdue:
                self._end(transfer.curl)  # with its connection, on which an answer may still come
                yield transfer.number, transfer.broken_off(pycurl.E_OPERATION_TIMEDOUT)

    def _end(self, curl: pycurl.Curl) -> Transfer:
        self._multi.remove_handle(curl)
        transfer = self._running.pop(curl)
        self._idle.append(transfer)
        return transfer

    def _wait(self, until: float) -> None:
        """Until something can be read or written, or libcurl or an answer is overdue."""
        overdue = (
            each.written_at + self._bounds.seconds
            for each in self._running.values()
            if each.written_at is not None
        )
        until = min(until, min(overdue, default=FOR_EVER))
        most = min(_LOOK_SECONDS, until - time.monotonic())
        libcurls = self._multi.timeout()
        if libcurls >= 0:
            most = min(most, libcurls / 1000)
        if self._multi.select(max(0.0, most)) < 0:
            time.sleep(_NOTHING_TO_WAIT_FOR)

    def _give_up(self) -> None:
        for curl in list(self._running):
            self._end(curl)


@lru_cache(maxsize=1 << 10)
def _url(text: str) -> str | None:
    """As it may be written, in ASCII; None if nothing can be sent there.

    Read once, since most requests go to few.
    """
    try:
        url = URL(text)
        host, written = url.host, str(url)
    except (ValueError, IndexError):  # yarl's own slips among them
        return None
    can_be_sent = host and url.scheme in {"http", "https"} and _WRITTEN.fullmatch(written)
    return written if can_be_sent else None
