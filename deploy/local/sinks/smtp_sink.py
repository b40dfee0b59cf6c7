"""The SMTP sink: takes mails on loopback, in the moods of `smtp`."""

import asyncio
import contextlib
import re
import ssl
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.local.sinks.kept import Kept
from deploy.local.sinks.moods import Manner, Mood, Moods

_FOR_EVER: Final = 24 * 3600.0
_HEADER: Final = re.compile(
    rb"^(Message-ID|X-Points-Notice):\s*(\S+)", re.IGNORECASE | re.MULTILINE
)
_LARGEST: Final = 10 * 1024 * 1024
_BUSY: Final = {"greeting": 421, "mail": 451, "rcpt": 451, "data": 452, "end": 451}
_ANSWERS: Final = {
    Mood.html: b"<!DOCTYPE html><html><body>Maintenance</body></html>",
    Mood.error_inside: b"250-2.0.0 but no\r\n550 5.7.1 refused",
    Mood.empty: b"",
    Mood.redirect: b"251 2.1.5 elsewhere",
    Mood.garbled: "\ufeff錯誤".encode("utf-16"),
}


class SmtpSink:
    """Says for each mail, at each stage of its conversation, what the mood wants."""

    def __init__(
        self, kept: Kept, moods: Moods, *, tls: ssl.SSLContext | None, login: bool
    ) -> None:
        self.kept = kept
        self.moods = moods
        self._tls = tls
        self._login = login
        self.conversations: set[_Conversation] = set()

    async def hang_up(self) -> None:
        """Ends every conversation."""
        for conversation in list(self.conversations):
            conversation.hang_up()
        # They end in the loop's next round.
        await asyncio.sleep(0)

    def protocol(self) -> SMTP:
        """A conversation; STARTTLS is offered where there is a certificate."""
        return _Conversation(
            self,
            data_size_limit=_LARGEST,
            enable_SMTPUTF8=False,
            hostname="sink.localhost",
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            authenticator=self.authenticate if self._login else None,
            # Here a login is wanted by MAIL: aiosmtpd warns of one without STARTTLS.
            auth_require_tls=False,
        )

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Any login will do, except in the mood credentials."""
        del server, session, envelope, mechanism
        named = isinstance(data, LoginPassword) and bool(data.login and data.password)
        wrong = self.moods.manner.mood is Mood.credentials
        return AuthResult(success=named and not wrong, handled=False)

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """The mood of a mail is drawn here."""
        del server
        envelope.mail_from, envelope.mail_options = address, options
        mood = self.moods.draw(address)
        envelope.__dict__["mood"] = mood
        if mood is Mood.credentials or (self._login and not session.authenticated):
            return "530 5.7.0 Authentication required"
        return self._refused(mood, "mail") or "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """A stage at which mails are refused."""
        del server, session
        refused = self._refused(_mood(envelope), "rcpt")
        if refused is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return refused or "250 2.1.5 OK"

    def refused_data(self, envelope: Envelope) -> str | None:
        """What is said instead of a 354."""
        return self._refused(_mood(envelope), "data")

    async def handle_DATA(  # noqa: N802
        self, server: "_Conversation", session: Session, envelope: Envelope
    ) -> bytes | str:
        """Keeps the mail, and answers as the mood wants."""
        del session
        mood, manner = _mood(envelope), self.moods.manner
        content = envelope.original_content or b""
        headers = {
            name.decode().lower(): value.decode(errors="replace")
            for name, value in _HEADER.findall(content.partition(b"\r\n\r\n")[0])
        }
        request = self.kept.keep(
            "smtp",
            mood,
            headers.get("x-points-notice"),
            to=envelope.rcpt_tos[0],
            sender=envelope.mail_from or "",
            content=content.decode(errors="replace"),
            message_id=headers.get("message-id"),
        )
        refused = self._refused(mood, "end")
        if refused is not None:
            return refused
        if mood is Mood.slow:
            await asyncio.sleep(manner.delay_ms / 1000)
        if mood is Mood.held:
            await self.moods.released(manner)
        if mood is Mood.deaf:
            await asyncio.sleep(_FOR_EVER)
        if mood in {Mood.lost, Mood.drop, Mood.half_line, Mood.endless}:
            await server.break_off(mood)
        if mood in _ANSWERS:
            return _ANSWERS[mood]
        request.answered = True
        return f"250 2.0.0 OK {request.number}"

    def _refused(self, mood: Mood, stage: str) -> str | None:
        manner: Manner = self.moods.manner
        if manner.stage != stage:
            return None
        if mood is Mood.busy:
            return f"{manner.status or _BUSY[stage]} 4.7.1 Try again later"
        if mood is Mood.wrong:
            return f"{manner.status or 550} {manner.code or '5.1.1'} No such user"
        return None


def _mood(envelope: Envelope) -> Mood:
    found = envelope.__dict__.get("mood", Mood.normal)
    return found if isinstance(found, Mood) else Mood.normal


class _Conversation(SMTP):
    """A conversation of aiosmtpd that can be silent, refuse DATA, and break off."""

    def __init__(self, sink: SmtpSink, **options: Any) -> None:
        super().__init__(sink, **options)
        self._sink = sink

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sink.conversations.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._sink.conversations.discard(self)

    async def _handle_client(self) -> None:
        manner = self._sink.moods.manner
        if manner.mood is Mood.silent:
            await asyncio.sleep(_FOR_EVER)
        if manner.mood in {Mood.busy, Mood.wrong} and manner.stage == "greeting":
            await self.push(f"{manner.status or 421} 4.3.2 Not now")
            self.hang_up()
            return
        with contextlib.suppress(ConnectionError):
            await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        refused = self._sink.refused_data(self.envelope) if self.envelope is not None else None
        if refused is not None:
            await self.push(refused)
            return
        await super().smtp_DATA(arg)

    async def break_off(self, mood: Mood) -> None:
        """Ends the conversation: without a word, within one, or with words that never end."""
        if mood is Mood.drop:
            self._writer.write(b"250-2.0.0 O")
        if mood is Mood.half_line:
            self._writer.write(b"25")
            await asyncio.sleep(_FOR_EVER)
        while mood is Mood.endless:
            self._writer.write(b"250-" + b"0" * 8192 + b"\r\n")
            await self._writer.drain()
        self.hang_up()
        await asyncio.sleep(_FOR_EVER)

    def hang_up(self) -> None:
        """Closes the connection, whatever is still to be said."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
