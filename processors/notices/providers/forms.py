"""Providers that take one SMS a request, as a form: what they have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

from processors.notices.providers.http import HttpClient, Reply, Request
from processors.notices.providers.left_alone import OF_SENDERS, LeftAlone
from processors.notices.providers.port import Answer, Outcome, Own, SmsMessage


class FormSms(ABC):
    """Sends forms to one address; a kind says what is in a form, and what an answer means.

    For one thread at a time.
    """

    name: str
    headers: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}

    def __init__(self, url: str, http: HttpClient) -> None:
        """`url`: where a message is posted."""
        self._url, self._http = url, http
        self.alone = LeftAlone(self.name, told_by=OF_SENDERS)

    @abstractmethod
    def form(self, message: SmsMessage) -> Mapping[str, str]:
        """The fields of a message."""

    @abstractmethod
    def judged(self, reply: Reply) -> Answer:
        """What an answer says."""

    def send(self, chunk: Sequence[SmsMessage]) -> Sequence[Answer]:
        """See `SmsProvider`."""
        probed = set[Own]()
        replies = self._http.post(self._request(message, probed) for message in chunk)
        return [
            each if isinstance(each, Answer) else self._heard(message, each)
            for message, each in zip(chunk, replies, strict=True)
        ]

    def _heard(self, message: SmsMessage, reply: Reply) -> Answer:
        answer = self.judged(reply)
        self.alone.learn(Own(message.merchant_id, message.sender), answer)
        return answer

    def _request(self, message: SmsMessage, probed: set[Own]) -> Request | Answer:
        instead = self.alone.instead(Own(message.merchant_id, message.sender), probed)
        if instead is not None:
            return instead
        try:
            body = urlencode(self.form(message)).encode()
        except UnicodeEncodeError:
            return Answer(Outcome.wrong, code="no-text")
        return Request(self._url, body, self.headers)

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """See `SmsProvider`. None: all are waited for, since there is one address."""
        del seconds
        return ()

    def close(self) -> None:
        """See `SmsProvider`."""
        self._http.close()
