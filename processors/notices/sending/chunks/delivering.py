"""Providers of either channel behind one face, which takes what is in hand."""

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from processors.notices.providers.left_alone import LeftAlone
from processors.notices.providers.port import Answer, MailProvider, SmsProvider
from processors.notices.sending.in_hand.hand import Sent
from schemas.notices.words import Channel


class Delivers(Protocol):
    """A provider as the loop knows it; `window` and `alone` as in the providers' port."""

    name: str
    window: timedelta
    shared: bool
    alone: LeftAlone
    channel: Channel

    def send(
        self, sent: Sequence[Sent]
    ) -> Sequence[Answer | None] | Awaitable[Sequence[Answer | None]]:
        """Hands over a chunk; an answer for each, in their order, None of those that come later.

        Called in the connection's thread. What is awaitable is awaited by the event loop.
        """

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """Those that come later, by their notices; waits so long for the first, if any is to come.

        Called in the connection's thread.
        """

    async def close(self) -> None:
        """Closes its connections."""


class ByMail:
    """A server for mail."""

    channel = Channel.email

    def __init__(self, provider: MailProvider) -> None:
        self._provider, self.name, self.window = provider, provider.name, provider.window
        self.shared, self.alone = provider.shared, provider.alone

    async def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        """Hands over mails."""
        return await self._provider.send([each.ready.mail(each.marked) for each in sent])

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """None: all are waited for, since there is one server."""
        del seconds
        return ()

    async def close(self) -> None:
        """Closes its connections."""
        await self._provider.close()


class BySms:
    """A provider of SMS."""

    channel = Channel.sms

    def __init__(self, provider: SmsProvider) -> None:
        self._provider, self.name, self.window = provider, provider.name, provider.window
        self.shared, self.alone = provider.shared, provider.alone

    def send(self, sent: Sequence[Sent]) -> Sequence[Answer | None]:
        """Hands over SMS, and waits: the thread that marked them loses no time to another."""
        return self._provider.send([each.ready.sms(each.marked) for each in sent])

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """What came later."""
        return self._provider.came(seconds)

    async def close(self) -> None:
        """Closes its connections."""
        self._provider.close()
