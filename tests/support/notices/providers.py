"""Providers that send to sinks, and messages for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID, uuid4

from pydantic import SecretStr

from deploy.local.sinks.moods import Provider
from deploy.local.sinks.sinks import Sinks
from processors.notices.providers.mitake import Mitake
from processors.notices.providers.port import (
    Answer,
    Mail,
    Outcome,
    SmsMessage,
    SmsProvider,
    Tells,
)
from processors.notices.providers.smtp import Smtp
from processors.notices.providers.twilio import Twilio
from processors.notices.providers.webhook import Webhook
from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)

T = TypeVar("T")
ACCOUNT = "AC" + "1" * 32
PHONE, SENDER, TEXT = "+886912345678", "LANTERN", "您已獲得 100 點\n謝謝 & 再見=1"
ADDRESS = "ann@mail.example"
MAIL_SENDER = "points@shop.example"
WEBHOOK_SECRET = "a secret of forty characters, and no more"
PATIENCE = 30.0
"""Seconds for which the tests' providers wait for an answer; a busy machine needs some of them."""
WRITE_SECONDS = 30.0
"""Half of the usual lease, after which nothing of a chunk is begun to be written."""
SILENCE = 0.6
"""The same where none is to come."""


def sms(
    notice_id: UUID | None = None,
    *,
    to: str = PHONE,
    text: str = TEXT,
    sender: str = SENDER,
    url: str | None = None,
    tells: Tells | None = None,
) -> SmsMessage:
    """An SMS, for a shop's own address `url` where it is sent to one."""
    return SmsMessage(notice_id or uuid4(), "shop", to, sender, text, 1, url, tells)


def mail(
    notice_id: UUID | None = None,
    *,
    to: str = ADDRESS,
    sender: str = MAIL_SENDER,
    body: bytes = b".\r\nHello\r\n",
) -> Mail:
    """A mail with a few headers."""
    identifier = notice_id or uuid4()
    head = f"X-Points-Notice: {identifier}\r\nMessage-ID: <{identifier}.email@points>\r\n\r\n"
    return Mail(identifier, "shop", sender, to, head.encode() + body, 1)


def twilio(url: str, *, seconds: float = PATIENCE) -> Twilio:
    """An account of Twilio at a sink."""
    return Twilio(
        TwilioConfiguration(
            account_sid=ACCOUNT,
            auth_token=SecretStr("token"),
            url=url,
            callback_url="https://points.example/callbacks/twilio",
            timeout_seconds=seconds,
        ),
        WRITE_SECONDS,
    )


def mitake(url: str, *, seconds: float = PATIENCE) -> Mitake:
    """An account of Mitake at a sink."""
    return Mitake(
        MitakeConfiguration(
            username="shop",
            password=SecretStr("secret"),
            url=url,
            callback_url="https://points.example/callbacks/mitake",
            timeout_seconds=seconds,
        ),
        WRITE_SECONDS,
    )


def smtp(
    port: int, *, seconds: float = PATIENCE, within: float = WRITE_SECONDS, **server: object
) -> Smtp:
    """A server for mail at a sink."""
    given = {"host": "127.0.0.1", "encryption": "none", "timeout_seconds": seconds, "port": port}
    return Smtp(SmtpConfiguration.model_validate({**given, **server}), within)


def webhook(*, seconds: float = PATIENCE, **more: object) -> Webhook:
    """Shops' own addresses; `more` are further settings. Sinks are on this machine."""
    given = {"secret": WEBHOOK_SECRET, "timeout_seconds": seconds, "private_addresses": True}
    return Webhook(WebhookConfiguration.model_validate({**given, **more}), WRITE_SECONDS)


async def one(sinks: Sinks, provider: Provider, *, seconds: float = PATIENCE) -> Answer:
    """What a provider answers to one message, sent to a sink."""
    if provider == "smtp":
        server = smtp(sinks.smtp_port, seconds=seconds)
        try:
            return (await server.send([mail()]))[0]
        finally:
            await server.close()
    account: SmsProvider = webhook(seconds=seconds)
    if provider != "webhook":
        make = twilio if provider == "twilio" else mitake
        account = make(sinks.url, seconds=seconds)
    try:
        return (await sent(account, sms(url=f"{sinks.url}/webhook/shop")))[0]
    finally:
        account.close()


async def sent(account: SmsProvider, *messages: SmsMessage) -> Sequence[Answer]:
    """What a provider answers, asked by a thread, since the sinks answer by this one."""
    return await asyncio.to_thread(_all_of, account, messages)


def _all_of(account: SmsProvider, messages: Sequence[SmsMessage]) -> Sequence[Answer]:
    """Also what comes late."""
    answers, late = account.send(messages), dict[UUID, Answer]()
    ids = {
        message.notice_id
        for message, answer in zip(messages, answers, strict=True)
        if answer is None
    }
    while ids - late.keys():
        late |= account.came(PATIENCE)
    return [
        answer or late[message.notice_id] for message, answer in zip(messages, answers, strict=True)
    ]


def with_sinks(test: Callable[[Sinks], Awaitable[T]], **options: object) -> T:
    """Runs a test's coroutine with sinks."""

    async def run() -> T:
        async with Sinks(**options) as sinks:  # type: ignore[arg-type]
            return await test(sinks)

    return asyncio.run(run())


def outcomes(answers: object) -> list[Outcome]:
    """The outcomes of answers, for comparing."""
    assert isinstance(answers, list | tuple)
    return [answer.outcome for answer in answers]
