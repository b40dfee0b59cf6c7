"""A shop's own address: SMS and what they tell, as signed JSON, for a gateway that the shop has.

Who stands behind an address is not known, so it may be no address of our own network, is given
little time and few bytes, and is left alone by itself when it fails: other shops go on. Nor do they
wait for an address that says nothing: what it answers comes later.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

from processors.notices.providers.answers import (
    NOT_UNDERSTOOD,
    by_status,
    code_of,
    id_of,
    object_of,
    parts_of,
)
from processors.notices.providers.http import HttpClient, Reply, Request
from processors.notices.providers.left_alone import OF_GATEWAYS, LeftAlone
from processors.notices.providers.port import Answer, Outcome, Own, SmsMessage
from processors.notices.providers.transfers import PRIVATE
from processors.runtime.notices_configuration import WebhookConfiguration
from rules.notices.webhooks import (
    IDEMPOTENCY_KEY,
    SIGNATURE,
    TIMESTAMP,
    is_public,
    key_of,
    signature,
)
from schemas.ids import iso
from schemas.web_addresses import address_of

_CONNECTIONS: Final = 128
"""So many that addresses which say nothing leave some to the others until they are left alone."""
PROMPT: Final = 0.5
"""Seconds for which a chunk waits for its answers: more than a gateway needs, and little for those
of other shops that wait behind it.
"""


class Webhook:
    """All shops' own addresses; see `SmsProvider`. For one thread at a time.

    A shop promises to take a message of an `Idempotency-Key` once within `window`.
    """

    name = "webhook"
    window = timedelta(hours=24)
    shared = False

    def __init__(
        self,
        settings: WebhookConfiguration,
        write_within: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock`: seconds, for how long an address is left alone."""
        self._secret = settings.secret.get_secret_value() if settings.secret is not None else ""
        self._anywhere = settings.private_addresses
        self._http = HttpClient(
            settings.timeout_seconds,
            _CONNECTIONS,
            ca_location=settings.ca_location,
            only_public=not self._anywhere,
            write_within=write_within,
        )
        self.alone = LeftAlone(self.name, clock, told_by=OF_GATEWAYS)
        self._late: dict[int, tuple[SmsMessage, Request]] = {}
        """What was written and has no answer yet, by the request's number."""

    def send(self, chunk: Sequence[SmsMessage]) -> Sequence[Answer | None]:
        """See `SmsProvider`."""
        probed = set[Own]()
        asked = [self._request(message, probed) for message in chunk]
        replies = self._http.post_within(asked, PROMPT)
        answers: list[Answer | None] = []
        for message, request, reply in zip(chunk, asked, replies, strict=True):
            if isinstance(request, Answer):
                answers.append(request)
            elif isinstance(reply, int):
                self._late[reply] = message, request
                answers.append(None)
            else:
                answers.append(self._heard(message, request, reply))
        return answers

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """See `SmsProvider`."""
        came = []
        for number, reply in self._http.came(seconds).items():
            message, request = self._late.pop(number)
            came.append((message.notice_id, self._heard(message, request, reply)))
        return came

    def _heard(self, message: SmsMessage, request: Request, reply: Reply | Answer) -> Answer:
        answer = reply if isinstance(reply, Answer) else judged(reply)
        self.alone.learn(Own(message.merchant_id, request.url), answer)
        return answer

    def _request(self, message: SmsMessage, probed: set[Own]) -> Request | Answer:
        """What is asked; the answer to what is not. `probed`: addresses that one tries just now."""
        url = message.url
        if url is None or not self._may_be_asked(url):
            return Answer(Outcome.later, code="no-url" if url is None else PRIVATE)
        try:
            body = _body(message)
        except (UnicodeEncodeError, orjson.JSONEncodeError):
            return Answer(Outcome.wrong, code="no-text")
        instead = self.alone.instead(Own(message.merchant_id, url), probed)
        return instead or Request(url, body, self._headers(message, body))

    def _headers(self, message: SmsMessage, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "Content-Type": "application/json",
            IDEMPOTENCY_KEY: str(message.notice_id),
            TIMESTAMP: timestamp,
            SIGNATURE: signature(key_of(self._secret, message.merchant_id), timestamp, body),
        }

    def _may_be_asked(self, url: str) -> bool:
        """Names are looked at when a connection is made; addresses and schemes here."""
        if self._anywhere:
            return True
        parts = address_of(url)
        if parts is None:
            return False
        host = parts.hostname or ""
        is_address = ":" in host or host.replace(".", "").isdigit()
        return parts.scheme == "https" and (not is_address or is_public(host))

    def close(self) -> None:
        """See `SmsProvider`."""
        self._http.close()


def judged(reply: Reply) -> Answer:
    """What a shop's answer says (docs/reference/providers.md).

    Proof that it took a message is JSON with `taken: true`; `taken: false` with a status of 200 or
    422 says that it never will. Where it lets us not in, or is no such address, that is its shop's.
    """
    said = object_of(reply.body) or {}
    taken = said.get("taken")
    if 200 <= reply.status <= 299 and taken is True:  # noqa: PLR2004
        return Answer(Outcome.taken, id_of(said.get("id")), parts_of(said.get("parts")))
    if reply.status in {200, 422} and taken is False:
        return Answer(Outcome.wrong, code=code_of(said.get("error")) or NOT_UNDERSTOOD)
    answer = by_status(reply)
    if answer.outcome is Outcome.credentials:
        return replace(answer, outcome=Outcome.shop_refused)
    return answer


def _body(message: SmsMessage) -> bytes:
    """The message, and what it tells for a gateway that words it by itself."""
    content: dict[str, object] = {
        "notice_id": message.notice_id,
        "merchant_id": message.merchant_id,
        "to": message.to,
        "sender": message.sender,
        "text": message.text,
        "attempt": message.attempt,
    }
    if message.tells is not None:
        tells = message.tells
        content |= {
            "event_id": tells.event_id,
            "member_id": tells.member_id,
            "kind": tells.kind,
            "points": tells.points,
            "balance": tells.balance,
            "expires_at": iso(tells.expires_us) if tells.expires_us else None,
        }
    return orjson.dumps(content)
