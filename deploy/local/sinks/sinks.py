"""Both sinks on free ports of loopback, for as long as a block of a test or a process runs."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Self

from aiohttp import web

from deploy.local.sinks.http_sink import HttpSink
from deploy.local.sinks.kept import Kept, Request
from deploy.local.sinks.moods import PROVIDERS, Manner, Moods, Provider
from deploy.local.sinks.smtp_sink import SmtpSink

LOOPBACK = "127.0.0.1"


class Sinks:
    """`async with Sinks() as sinks`: an SMTP and an HTTP server that keep what they get.

    `tls`: a context with a certificate; HTTP then speaks TLS, and SMTP offers STARTTLS, or is
    wrapped in it if `smtps`. `login`: SMTP wants one, any. `clock`: seconds, for the twelve hours
    in which a key is known. Ports of 0 are free ones.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        smtps: bool = False,
        login: bool = False,
        clock: Callable[[], float] = time.time,
        smtp_port: int = 0,
        http_port: int = 0,
    ) -> None:
        self.kept = Kept()
        self.moods: dict[Provider, Moods] = {provider: Moods() for provider in PROVIDERS}
        self._http = HttpSink(self.kept, self.moods, clock)
        self._smtp = SmtpSink(
            self.kept, self.moods["smtp"], tls=None if smtps else tls, login=login
        )
        self._tls = tls
        self._smtps = smtps
        self.smtp_port = smtp_port
        self.http_port = http_port

    @property
    def url(self) -> str:
        """Where the HTTP sink listens."""
        host = "localhost" if self._tls else LOOPBACK
        return f"http{'s' if self._tls else ''}://{host}:{self.http_port}"

    def become(self, provider: Provider, **manner: object) -> None:
        """Lets a sink behave so, as `PUT /mood` does."""
        self.moods[provider].become(Manner.model_validate(manner))

    def taken(self, provider: Provider) -> list[Request]:
        """The messages that a sink took."""
        return [r for r in self.kept.requests if r.provider == provider and r.taken]

    async def __aenter__(self) -> Self:
        # It tells of every line.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._smtp_server = await loop.create_server(
            self._smtp.protocol,
            LOOPBACK,
            self.smtp_port,
            ssl=self._tls if self._smtps else None,
        )
        self.smtp_port = self._smtp_server.sockets[0].getsockname()[1]
        self._runner = web.ServerRunner(
            web.Server(self._http.handle, access_log=None, keepalive_timeout=3600),
            handle_signals=False,
            # 0 would wait for ever for those who are deaf.
            shutdown_timeout=0.01,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self.http_port, ssl_context=self._tls)
        await site.start()
        self.http_port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._smtp_server.close()
        await self._smtp.hang_up()
        await self._runner.cleanup()
