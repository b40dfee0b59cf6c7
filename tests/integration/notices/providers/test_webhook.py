"""Requests to shops' own addresses: whose they are, where they may lead, and when they stop."""

import asyncio
import json
import socket
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from deploy.local.sinks.sinks import Sinks
from processors.notices.providers.port import LEFT_ALONE, Answer, Outcome, Tells
from processors.notices.providers.webhook import Webhook
from processors.runtime.notices_configuration import WebhookConfiguration
from rules.notices.breaker import FAILURES
from rules.notices.webhooks import key_of, signature
from schemas.notices.points_change import ALL_PAID
from tests.support.notices.providers import (
    PATIENCE,
    PHONE,
    TEXT,
    WEBHOOK_SECRET,
    WRITE_SECONDS,
    sent,
    sms,
    webhook,
    with_sinks,
)

TELLS = Tells(UUID(int=7), "ann", "earned", 100, 340, None)


@pytest.mark.parametrize(
    ("expires_us", "said"),
    [(1_798_732_800_000_000, "2026-12-31T16:00:00Z"), (None, None), (ALL_PAID, None)],
)
def test_a_request_says_when_points_lapse(expires_us: int | None, said: str | None) -> None:
    tells = replace(TELLS, expires_us=expires_us)

    async def test(sinks: Sinks) -> None:
        shops = webhook()
        await sent(shops, sms(uuid4(), url=f"{sinks.url}/webhook/shop", tells=tells))
        shops.close()
        (taken,) = sinks.taken("webhook")
        assert json.loads(taken.details["body"])["expires_at"] == said

    with_sinks(test)


def test_a_request_says_what_it_tells_once_and_proves_whose_it_is() -> None:
    notice = uuid4()

    async def test(sinks: Sinks) -> None:
        shops = webhook()
        message = sms(notice, url=f"{sinks.url}/webhook/shop", tells=TELLS)
        answers = [(await sent(shops, message))[0] for _ in range(2)]
        shops.close()
        assert [answer.outcome for answer in answers] == [Outcome.taken, Outcome.taken]
        assert answers[0].parts == 1
        assert answers[0].provider_id == answers[1].provider_id
        (taken,) = sinks.taken("webhook")
        kept = taken.details
        said = json.loads(kept["body"])
        assert (said["to"], said["text"], said["notice_id"]) == (PHONE, TEXT, str(notice))
        assert (said["event_id"], said["member_id"], said["kind"]) == (
            str(TELLS.event_id), "ann", "earned",
        )  # fmt: skip
        assert (said["points"], said["balance"], said["expires_at"]) == (100, 340, None)
        key = key_of(WEBHOOK_SECRET, "shop")
        assert kept["points-signature"] == signature(
            key, kept["points-timestamp"], kept["body"].encode()
        )
        assert kept["key"] == str(notice)

    with_sinks(test)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1:1/x", "private-address"),
        ("https://[::1]:1/x", "private-address"),
        ("https://[::ffff:10.0.0.1]/x", "private-address"),
        ("https://localhost:1/x", "private-address"),
        ("https://2130706433:1/x", "private-address"),
        ("https://0x7f.1:1/x", "private-address"),
        ("http://shop.example/x", "private-address"),
        ("https://no-such-shop.invalid/x", "no-address"),
        (None, "no-url"),
    ],
)
def test_nothing_goes_to_our_own_network_or_in_the_clear(url: str | None, code: str) -> None:
    async def ask() -> Answer:
        shops = webhook(private_addresses=False)
        try:
            return (await sent(shops, sms(url=url)))[0]
        finally:
            shops.close()

    answer = asyncio.run(ask())
    assert (answer.outcome, answer.code) == (Outcome.later, code)


def test_an_address_that_fails_is_left_alone_and_others_go_on() -> None:
    clock = [1000.0]

    async def test(sinks: Sinks) -> None:
        settings = WebhookConfiguration.model_validate(
            {"secret": WEBHOOK_SECRET, "private_addresses": True}
        )
        shops = Webhook(settings, WRITE_SECONDS, lambda: clock[0])
        bad, good = f"{sinks.url}/webhook/bad", f"{sinks.url}/webhook/good"
        sinks.become("webhook", mood="busy")
        failed = [(await sent(shops, sms(url=bad)))[0] for _ in range(FAILURES)]
        assert {answer.code for answer in failed} <= {"http-429", "http-503"}
        sinks.become("webhook", mood="normal")
        alone, other = await sent(shops, sms(url=bad), sms(url=good))
        assert (alone.outcome, alone.code) == (Outcome.later, LEFT_ALONE)
        assert alone.retry_after is not None
        assert other.outcome is Outcome.taken
        # Then one message tries it, and only one; when it is taken, all go again.
        clock[0] += 6
        tried = await sent(shops, sms(url=bad), sms(url=bad))
        assert [answer.outcome for answer in tried] == [Outcome.taken, Outcome.later]
        again = await sent(shops, sms(url=bad), sms(url=bad))
        assert [answer.outcome for answer in again] == [Outcome.taken, Outcome.taken]
        shops.close()

    with_sinks(test)


def test_one_that_does_not_know_our_signature_is_left_alone_at_once() -> None:
    async def test(sinks: Sinks) -> None:
        shops = webhook()
        sinks.become("webhook", mood="credentials")
        first = (await sent(shops, sms(url=f"{sinks.url}/webhook/x")))[0]
        second = (await sent(shops, sms(url=f"{sinks.url}/webhook/x")))[0]
        shops.close()
        assert first.outcome is Outcome.shop_refused
        assert (second.outcome, second.code) == (Outcome.shop_refused, LEFT_ALONE)

    with_sinks(test)


def test_a_message_that_is_no_text_goes_nowhere() -> None:
    async def test(sinks: Sinks) -> None:
        shops = webhook()
        answer = (await sent(shops, sms(text="\ud800", url=f"{sinks.url}/webhook/x")))[0]
        shops.close()
        assert (answer.outcome, answer.code) == (Outcome.wrong, "no-text")
        assert sinks.taken("webhook") == []

    with_sinks(test)


def test_a_chunk_does_not_wait_for_an_address_that_says_nothing() -> None:
    async def test(sinks: Sinks) -> None:
        shops, other = webhook(), sms(url=f"{sinks.url}/webhook/shop")
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            silent = sms(url=f"http://127.0.0.1:{deaf.getsockname()[1]}/")
            answers = await asyncio.to_thread(shops.send, [silent, other])
            assert answers[0] is None
            # It has not come yet either while others go on.
            again = (await asyncio.to_thread(shops.send, [other]))[0]
            assert again is not None
            assert again.outcome is Outcome.taken
            assert shops.came(0.0) == []
        came = await asyncio.to_thread(shops.came, PATIENCE)
        # On a busy machine the other one's answer may come late as well.
        answered = [answer for answer in answers if answer is not None]
        found = {notice: answer.outcome for notice, answer in came}
        assert found[silent.notice_id] is Outcome.unknown
        assert [*answered, *(a for n, a in came if n == other.notice_id)][0].outcome is (
            Outcome.taken
        )
        shops.close()

    with_sinks(test)
