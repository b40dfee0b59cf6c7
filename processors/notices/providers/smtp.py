"""Mail by SMTP: what became of each mail follows from how far its conversation came.

Until the server is asked to take the message (354 and the message after it) it has nothing; from
the message on only its 250 is proof, and silence is `unknown`.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

import aiosmtplib

from processors.notices.providers.left_alone import OF_SENDERS, LeftAlone
from processors.notices.providers.port import Answer, Mail, Outcome, Own
from processors.notices.providers.smtp_connections import (
    Connection,
    Connections,
    NotConnected,
    at_most,
    code_of,
    contradicts_itself,
    refused,
    refused_of_sender,
)
from processors.runtime.notices_configuration import SmtpConfiguration

_GO_ON: Final = 354
_DONE: Final = frozenset({250, 251})
_TAKEN: Final = 250
_LEAVING: Final = 421
_ANEW_SECONDS: Final = 5.0
"""For a connection to be ready for another mail; a new one costs less than a longer wait."""
_REFUSALS: Final = range(400, 600)
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_LONGEST_ADDRESS: Final = 254
"""Of a path without its brackets (RFC 5321 4.5.3.1.3)."""
_WORD: Final = r"[^\s<>@,;:\"\\\x00-\x20\x7f]"
_ADDRESS: Final = re.compile(rf"{_WORD}{{1,64}}@{_WORD}{{1,253}}")
"""One address, with nothing that SMTP gives a meaning to."""


class Smtp:
    """A server for mail; see `MailProvider`. Belongs to one event loop."""

    name = "smtp"
    shared = True
    window = timedelta(0)

    def __init__(self, server: SmtpConfiguration, write_within: float) -> None:
        """`write_within`: as of HttpClient."""
        self._seconds = min(server.timeout_seconds, write_within)
        self._write_within = write_within
        self._connections = Connections(server)
        self.alone = LeftAlone(self.name, told_by=OF_SENDERS)

    async def send(self, chunk: Sequence[Mail]) -> Sequence[Answer]:
        """See `MailProvider`."""
        until = asyncio.get_running_loop().time() + self._write_within
        probed = set[Own]()
        return await asyncio.gather(*(self._asked(mail, until, probed) for mail in chunk))

    async def _asked(self, mail: Mail, until: float, probed: set[Own]) -> Answer:
        own = Own(mail.merchant_id, mail.sender)
        instead = self.alone.instead(own, probed)
        if instead is not None:
            return instead
        answer = await self._send(mail, until)
        self.alone.learn(own, answer)
        return answer

    async def _send(self, mail: Mail, until: float) -> Answer:
        sender, to = _ascii(mail.sender), _ascii(mail.to)
        if sender is None or to is None:
            return Answer(Outcome.wrong, code="no-address")
        for fresh in (False, True):
            try:
                async with self._connections.connection(until, fresh=fresh) as connection:
                    reused = not connection.fresh
                    delivery = _Delivery(connection, self._seconds, until)
                    answer = await delivery.of(sender, to, mail.message)
            except NotConnected as nothing:
                return nothing.answer
            # A server may have closed what was idle; that says nothing about the mail.
            if not (reused and delivery.left_at_once):
                break
        return answer

    async def close(self) -> None:
        """See `MailProvider`."""
        await self._connections.close()


class _Delivery:
    """One mail over one connection. `left_at_once`: the server had closed it before.

    It takes `seconds` at most to be begun, and as many to be answered; its message is written
    before `until`, or not.
    """

    def __init__(self, connection: Connection, seconds: float, until: float) -> None:
        self._client = connection.client
        self._seconds, self._until = seconds, until
        self._written = False
        self._begun = False
        self.left_at_once = False

    async def of(self, sender: str, to: str, message: bytes) -> Answer:
        """What became of it. Closes the connection unless it can take another mail."""
        try:
            async with at_most(self._seconds, self._until):
                answer = await self._envelope(sender, to, message)
            if answer is None:
                answer = await self._message(message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self._client.close()
            return self._broken_off(error)
        return answer

    async def _envelope(self, sender: str, to: str, message: bytes) -> Answer | None:
        """What is said before the message; None if the server is ready to take it."""
        client = self._client
        options = [b"BODY=8BITMIME"] if self._wide(message) else []
        replies: tuple[tuple[bytes, list[bytes], Collection[int]], ...] = (
            (b"MAIL", [b"FROM:<" + sender.encode() + b">", *options], {250}),
            (b"RCPT", [b"TO:<" + to.encode() + b">"], _DONE),
            (b"DATA", [], {_GO_ON}),
        )
        for command, arguments, good in replies:
            reply = await client.execute_command(command, *arguments)
            if reply.code not in good:
                self.left_at_once = reply.code == _LEAVING and not self._begun
                await self._begin_anew(reply.code)
                judged = refused_of_sender if command == b"MAIL" else refused
                return judged(reply.code, reply.message)
            self._begun = True
        return None

    async def _message(self, message: bytes) -> Answer:
        """Hands the message over; only a 250 says that it is taken."""
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("closed")
        protocol.write(_dotted(message))
        self._written = True
        async with asyncio.timeout(self._seconds):
            reply = await protocol.read_response()
        understood = not contradicts_itself(reply.code, reply.message)
        if understood and reply.code == _TAKEN:
            return Answer(Outcome.taken, code=code_of(reply.code, reply.message))
        if understood and reply.code in _REFUSALS:
            await self._begin_anew(reply.code)
            return refused(reply.code, reply.message)
        self._client.close()
        return Answer(Outcome.unknown, code="not-understood")

    async def _begin_anew(self, code: int) -> None:
        """Makes the connection ready for another mail, or closes it."""
        if code == _LEAVING or code not in _REFUSALS:
            self._client.close()
            return
        try:
            async with asyncio.timeout(min(self._seconds, _ANEW_SECONDS)):
                await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()

    def _wide(self, message: bytes) -> bool:
        return not message.isascii() and self._client.supports_extension("8bitmime")

    def _broken_off(self, error: Exception) -> Answer:
        no_reply = isinstance(error, aiosmtplib.SMTPResponseException)
        code = "not-understood" if no_reply else "no-answer"
        if self._written:
            return Answer(Outcome.unknown, code=code)
        self.left_at_once = not self._begun and isinstance(error, ConnectionError)
        return Answer(Outcome.later, code=code)


def _dotted(message: bytes) -> bytes:
    """A message as it goes over the wire: every line ends in CRLF, the last is a dot.

    Nothing but CRLF is a line's end, so no text can end the message early.
    """
    lines = _LINE_END.sub(b"\r\n", message)
    end = b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"
    return _DOT.sub(b"..", lines) + end


def _ascii(address: str) -> str | None:
    """An address as every server takes it; None if it is none, or no server's.

    A domain of other letters is written as RFC 3490 does. What stands before the @ has no such
    form.
    """
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        return None
    local, _, domain = address.rpartition("@")
    try:
        written = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
    return written if written.isascii() and len(written) <= _LONGEST_ADDRESS else None
