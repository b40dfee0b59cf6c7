"""Connections to the server that takes mails: encrypted, logged in, kept and reused."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiosmtplib

from processors.notices.providers.port import NO_TIME, Answer, Outcome
from processors.runtime.notices_configuration import SmtpConfiguration

_IDLE_SECONDS: Final = 30.0
"""Servers close what is idle, many after a minute."""
_MOST_MAILS: Final = 100
"""Of one connection; servers with a limit set it there or above."""
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)")
_LEAVING: Final = 421
_NO_LOGIN: Final = frozenset({530, 534, 535, 538})
"""Codes that say that we are not let in, wherever they come."""
_OF_SENDER: Final = re.compile(r"[45]\.(1\.[78]|7\.2[0-4]|7\.2[67])")
"""Enhanced codes that are about the sender, at whatever stage: its address and domain, SPF, DKIM,
DMARC (RFC 3463, 7372, 7505). Also 4.1.8, which servers say of a domain that is nowhere: one that
cannot ask anybody says it of all, and that nothing goes for anybody is seen (`doubted_us`)."""
_OF_US: Final = re.compile(r"5\.7\.2[58]")
"""The name of our own address (RFC 7372), and that we send too much: about all, at any stage."""
_OF_OUR_LOGIN: Final = re.compile(r"5\.7\.([89]|1[0-4])")
"""At MAIL FROM (RFC 4954, 5248): of a recipient's server they may be about the recipient."""
_OF_WHO_IS_NAMED: Final = re.compile(r"5\.(1\.\d+|7\.([0-2]|[2-9]\d|\d{3}))")
"""At MAIL FROM: addresses, and what is allowed to whom (RFC 3463). Not 7.3 to 7.7 and 7.15 to 7.19:
ciphers, priorities, and whom an address was given to since."""
_OF_WHO_IS_NAMED_BY_CODE: Final = frozenset({501, 550, 551, 553, 554})
"""The same where there is no enhanced code; the others are about commands, space, the host."""
_OUT_OF_ORDER: Final = 503
"""A command came where none of its kind was expected: about the conversation, not the mail."""


class NotConnected(Exception):
    """No connection could be had, so nothing was sent; `answer` is that of every mail."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


class Connection:
    """A connection in the hands of one mail at a time."""

    def __init__(self, client: aiosmtplib.SMTP, *, fresh: bool) -> None:
        self.client = client
        self.fresh = fresh
        self.mails = 0
        self.idle_since = 0.0

    def usable(self, now: float) -> bool:
        """Whether another mail can go over it. `now`: the loop's time, in seconds."""
        idle = now - self.idle_since
        return self.client.is_connected and self.mails < _MOST_MAILS and idle < _IDLE_SECONDS


class Connections:
    """The connections to one server, as many as the configuration allows. Of one event loop."""

    def __init__(self, server: SmtpConfiguration) -> None:
        self._server = server
        self._tls = (
            ssl.create_default_context(cafile=server.ca_location)
            if server.encryption != "none"
            else None
        )
        self._free = asyncio.Semaphore(server.connections)
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self, until: float, *, fresh: bool) -> AsyncIterator[Connection]:
        """A connection for one mail; a new one if `fresh`. Raises NotConnected, also `until` then.

        It is kept for others unless it is closed meanwhile.
        """
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError:
            raise NotConnected(Answer(Outcome.later, code=NO_TIME)) from None
        try:
            connection = None if fresh else self._taken()
            if connection is None:
                connection = Connection(await self._connected(until), fresh=True)
            try:
                yield connection
            except BaseException:
                connection.client.close()
                raise
            self._give_back(connection)
        finally:
            self._free.release()

    def _taken(self) -> Connection | None:
        """The one used last, so that what is not needed grows idle and is closed."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(now):
                return connection
            connection.client.close()
        return None

    def _give_back(self, connection: Connection) -> None:
        connection.mails += 1
        connection.fresh = False
        connection.idle_since = asyncio.get_running_loop().time()
        if connection.usable(connection.idle_since):
            self._idle.append(connection)
        else:
            connection.client.close()

    async def _connected(self, until: float) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password.get_secret_value() if server.password is not None else None,
            timeout=server.timeout_seconds,
            use_tls=server.encryption == "tls",
            start_tls=server.encryption == "starttls",
            tls_context=self._tls,
        )
        try:
            async with at_most(server.timeout_seconds, until):
                await client.connect()
                if client.is_ehlo_or_helo_needed:
                    await client.ehlo()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            # The error's own text may hold what the server said, and that our address.
            raise NotConnected(_not_connected(error)) from None
        return client

    async def close(self) -> None:
        """Says goodbye on what is idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.client.close()


def at_most(seconds: float, until: float) -> asyncio.Timeout:
    """A limit of so many seconds from now, and of that moment by the loop's clock."""
    return asyncio.timeout_at(min(asyncio.get_running_loop().time() + seconds, until))


def code_of(code: int, message: str) -> str:
    """A reply's code, with the enhanced one if it has one: 550-5.1.1. No word of its text."""
    enhanced = _ENHANCED.match(message)
    return f"{code}-{enhanced[1]}" if enhanced is not None else str(code)


def contradicts_itself(code: int, message: str) -> bool:
    """Whether the enhanced code is of another class than the code: 250 5.7.1 says nothing."""
    enhanced = _ENHANCED.match(message)
    return enhanced is not None and enhanced[1][0] != str(code)[0]


def refused_of_sender(code: int, message: str) -> Answer:
    """As `refused`, of a reply to MAIL FROM, which says nothing of the mail.

    For good, and about who is named, that is about the sender. All else, such as our space, the
    server's own trouble, its network or the commands we use (x.2 to x.6), is about all: later,
    so that the breaker that all share sees it.
    """
    answer = refused(code, message)
    if answer.outcome is not Outcome.wrong:
        return answer
    enhanced = _ENHANCED.match(message)
    if enhanced is None or enhanced[1].startswith("5.0."):
        of_sender = code in _OF_WHO_IS_NAMED_BY_CODE
    elif _OF_OUR_LOGIN.fullmatch(enhanced[1]):
        return Answer(Outcome.credentials, code=answer.code)
    else:
        of_sender = _OF_WHO_IS_NAMED.fullmatch(enhanced[1]) is not None
    return Answer(Outcome.shop_refused if of_sender else Outcome.later, code=answer.code)


def refused(code: int, message: str) -> Answer:
    """What a reply says that came before anything was taken, or instead of taking it.

    4xx: later, 5xx: wrong for good (RFC 5321 4.2.1), unless it names the sender: many servers say
    what they have against it when they hear the recipient, or the message. What is no reply at all
    says nothing, and so later; 421 and the like that come with a new connection do, too.

    5.7.1 to a recipient stays wrong: it may be about the recipient, who takes no mail from outside,
    about the text, or about the sender, and does not say which. To wait with all of a shop's mails
    for what one recipient refuses would be worse than to lose those that are refused one by one.
    """
    if contradicts_itself(code, message):
        return Answer(Outcome.later, code="not-understood")
    if code in _NO_LOGIN:
        return Answer(Outcome.credentials, code=code_of(code, message))
    enhanced = _ENHANCED.match(message)
    if enhanced is not None and _OF_SENDER.fullmatch(enhanced[1]) and code != _LEAVING:
        return Answer(Outcome.shop_refused, code=code_of(code, message))
    of_us = enhanced is not None and _OF_US.fullmatch(enhanced[1])
    if 500 <= code <= 599 and code != _OUT_OF_ORDER and not of_us:  # noqa: PLR2004
        return Answer(Outcome.wrong, code=code_of(code, message))
    if 400 <= code <= 499 or code == _OUT_OF_ORDER or of_us:  # noqa: PLR2004
        return Answer(Outcome.later, code=code_of(code, message))
    return Answer(Outcome.later, code="not-understood")


def _not_connected(error: Exception) -> Answer:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            answer = refused(error.code, error.message)
            # 454 and the like: the server cannot ask its own directory now.
            wrong = answer.outcome is not Outcome.later
            return Answer(Outcome.credentials if wrong else Outcome.later, code=answer.code)
        case aiosmtplib.SMTPResponseException():
            answer = refused(error.code, error.message)
            # A server that takes nothing from us says so of no mail.
            let_in = answer.outcome is not Outcome.credentials
            return Answer(Outcome.later if let_in else answer.outcome, code=answer.code)
        case ssl.SSLError():
            return Answer(Outcome.later, code="tls")
        case aiosmtplib.SMTPException() if isinstance(error.__cause__, ssl.SSLError):
            return Answer(Outcome.later, code="tls")
        case OSError():
            return Answer(Outcome.later, code="no-connection")
        case _:
            # It offers no STARTTLS, or no way to log in.
            return Answer(Outcome.credentials, code="no-tls-or-login")
