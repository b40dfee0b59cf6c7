"""Providers that take one SMS a request, as a form: what they have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from processors.notices.providers.http import HttpClient, Reply
from processors.notices.providers.port import Answer, Outcome, SmsMessage


class FormSms(ABC):
    """Sends forms to one address; a kind says what is in a form, and what an answer means.

    Belongs to one event loop.
    """

    headers: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}

    def __init__(self, url: str, http: HttpClient) -> None:
        """`url`: where a message is posted."""
        self._url, self._http = url, http

    @abstractmethod
    def form(self, message: SmsMessage) -> Mapping[str, str]:
        """The fields of a message."""

    @abstractmethod
    def judged(self, reply: Reply) -> Answer:
        """What an answer says."""

    async def send(self, chunk: Sequence[SmsMessage]) -> Sequence[Answer]:
        """See `SmsProvider`."""
        return await asyncio.gather(*map(self._send, chunk))

    async def _send(self, message: SmsMessage) -> Answer:
        try:
            body = urlencode(self.form(message)).encode()
        except UnicodeEncodeError:
            return Answer(Outcome.wrong, code="no-text")
        reply = await self._http.post(self._url, body, self.headers)
        return reply if isinstance(reply, Answer) else self.judged(reply)

    async def close(self) -> None:
        """See `SmsProvider`."""
        await self._http.close()
