"""A shop's own address: SMS and what they tell, as signed JSON, for a gateway that the shop has.

Who stands behind an address is not known, so it may be no address of our own network, is given
little time and few bytes, and is left alone by itself when it fails: other shops go on.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import orjson

from processors.notices.providers.answers import (
    NOT_UNDERSTOOD,
    by_status,
    code_of,
    id_of,
    object_of,
    parts_of,
)
from processors.notices.providers.http import HttpClient, Reply
from processors.notices.providers.port import Answer, Outcome, SmsMessage
from processors.notices.providers.public_addresses import PRIVATE, PublicResolver
from processors.runtime.logs import log
from processors.runtime.notices_configuration import WebhookConfiguration
from rules.notices.breaker import CLOSED, Breaker
from rules.notices.outcomes import Answered
from rules.notices.webhooks import (
    IDEMPOTENCY_KEY,
    SIGNATURE,
    TIMESTAMP,
    is_public,
    key_of,
    signature,
)
from schemas.ids import SECOND, iso

_CONNECTIONS: Final = 32
LEFT_ALONE: Final = "left-alone"
"""The code of ours for what an address is not asked, since it failed lately."""
MOST_REMEMBERED: Final = 10_000
"""Addresses whose failures are remembered."""


class Webhook:
    """All shops' own addresses; see `SmsProvider`. Belongs to one event loop.

    A shop promises to take a message of an `Idempotency-Key` once within `window`.
    """

    name = "webhook"
    window = timedelta(hours=24)
    shared = False

    def __init__(
        self, settings: WebhookConfiguration, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds, for how long an address is left alone."""
        self._secret = settings.secret.get_secret_value() if settings.secret is not None else ""
        self._anywhere = settings.private_addresses
        tls = None
        if settings.ca_location is not None:
            tls = ssl.create_default_context(cafile=settings.ca_location)
        resolver = None if self._anywhere else PublicResolver()
        self._http = HttpClient(settings.timeout_seconds, _CONNECTIONS, resolver=resolver, tls=tls)
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._probed: set[str] = set()

    async def send(self, chunk: Sequence[SmsMessage]) -> Sequence[Answer]:
        """See `SmsProvider`."""
        return await asyncio.gather(*map(self._send, chunk))

    async def _send(self, message: SmsMessage) -> Answer:
        url = message.url
        if url is None or not self._may_be_asked(url):
            return Answer(Outcome.later, code="no-url" if url is None else PRIVATE)
        now = int(self._clock() * SECOND)
        breaker = self._breakers.get(url, CLOSED)
        if breaker.is_open(now) or (breaker.probes(now) and url in self._probed):
            wait = max(1, (breaker.open_until - now) // SECOND)
            return Answer(Outcome.later, retry_after=timedelta(seconds=wait), code=LEFT_ALONE)
        if breaker.probes(now):
            self._probed.add(url)
        try:
            answer = await self._asked(url, message)
        finally:
            self._probed.discard(url)
        self._learn(url, message.merchant_id, answer)
        return answer

    async def _asked(self, url: str, message: SmsMessage) -> Answer:
        try:
            body = _body(message)
        except (UnicodeEncodeError, orjson.JSONEncodeError):
            return Answer(Outcome.wrong, code="no-text")
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            IDEMPOTENCY_KEY: str(message.notice_id),
            TIMESTAMP: timestamp,
            SIGNATURE: signature(key_of(self._secret, message.merchant_id), timestamp, body),
        }
        reply = await self._http.post(url, body, headers)
        return reply if isinstance(reply, Answer) else judged(reply)

    def _may_be_asked(self, url: str) -> bool:
        """Names are looked at when they are resolved; addresses and schemes here."""
        if self._anywhere:
            return True
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        is_address = ":" in host or host.replace(".", "").isdigit()
        return parts.scheme == "https" and (not is_address or is_public(host))

    def _learn(self, url: str, merchant_id: str, answer: Answer) -> None:
        now = int(self._clock() * SECOND)
        before = self._breakers.get(url, CLOSED)
        learnt = before.after([Answered(answer.outcome.value)], now)
        if learnt.open_until > before.open_until:
            log().warning("webhook_left_alone", merchant_id=merchant_id, why=answer.code)
        if learnt == CLOSED:
            self._breakers.pop(url, None)
        elif url in self._breakers or len(self._breakers) < MOST_REMEMBERED:
            self._breakers[url] = learnt

    async def close(self) -> None:
        """See `SmsProvider`."""
        await self._http.close()


def judged(reply: Reply) -> Answer:
    """What a shop's answer says (docs/reference/providers.md).

    Proof that it took a message is JSON with `taken: true`; `taken: false` with a status of 200 or
    422 says that it never will.
    """
    said = object_of(reply.body) or {}
    taken = said.get("taken")
    if 200 <= reply.status <= 299 and taken is True:  # noqa: PLR2004
        return Answer(Outcome.taken, id_of(said.get("id")), parts_of(said.get("parts")))
    if reply.status in {200, 422} and taken is False:
        return Answer(Outcome.wrong, code=code_of(said.get("error")) or NOT_UNDERSTOOD)
    return by_status(reply)


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
            "expires_at": iso(tells.expires_us) if tells.expires_us is not None else None,
        }
    return orjson.dumps(content)
