"""A sender that a provider refuses is left alone by itself, and tried now and then."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import pytest

from deploy.local.sinks.sinks import Sinks
from processors.notices.providers.left_alone import (
    DOUBT,
    MOST_REMEMBERED,
    OF_GATEWAYS,
    OF_SENDERS,
    LeftAlone,
)
from processors.notices.providers.port import LEFT_ALONE, NO_TIME, Answer, Outcome, Own
from processors.notices.providers.smtp import Smtp
from processors.notices.providers.twilio import Twilio
from rules.notices.backoff import LONGEST
from rules.notices.breaker import FAILURES, FIRST_OPEN
from schemas.ids import SECOND
from tests.support.notices.providers import mail, sms, smtp, twilio, with_sinks

TAKEN, REFUSED = Outcome.taken, Outcome.shop_refused
BAD = {"smtp": "bad@shop.example", "twilio": "BAD"}
GOOD = {"smtp": "good@tea.example", "twilio": "GOOD"}
HOW: dict[str, dict[str, object]] = {"smtp": {"stage": "mail"}, "twilio": {"code": "21606"}}

Name = Literal["smtp", "twilio"]


async def handed_over(provider: Smtp | Twilio, *senders: str) -> Sequence[Answer]:
    """The answers to a chunk with a message of each sender."""
    if isinstance(provider, Smtp):
        return await provider.send([mail(sender=sender) for sender in senders])
    return await asyncio.to_thread(provider.send, [sms(sender=sender) for sender in senders])


@pytest.mark.parametrize("name", ["smtp", "twilio"])
def test_a_sender_that_is_refused_is_left_alone_and_others_go_on(name: Name) -> None:
    clock, bad, good = [1000.0], BAD[name], GOOD[name]

    async def test(sinks: Sinks) -> None:
        provider = smtp(sinks.smtp_port) if name == "smtp" else twilio(sinks.url)
        provider.alone = LeftAlone(name, lambda: clock[0], told_by=OF_SENDERS)
        sinks.become(name, mood="wrong", sender=bad, **HOW[name])
        first = await handed_over(provider, bad, good)
        assert [each.outcome for each in first] == [REFUSED, TAKEN]
        drawn = sinks.moods[name].drawn
        again = await handed_over(provider, bad, good)
        assert [(each.outcome, each.code == LEFT_ALONE) for each in again] == [
            (REFUSED, True), (TAKEN, False),
        ]  # fmt: skip
        assert sinks.moods[name].drawn == drawn + 1, "it was asked all the same"
        assert again[0].retry_after == FIRST_OPEN
        own = Own("shop", bad)
        assert (provider.alone.is_open(own), provider.alone.lately()) == (True, 1)
        # Then one message tries it, and only one; when it is taken, all go again.
        clock[0] += FIRST_OPEN.total_seconds() + 1
        assert (provider.alone.is_open(own), provider.alone.probes(own)) == (False, True)
        tried = await handed_over(provider, bad, bad)
        assert [each.code == LEFT_ALONE for each in tried] == [False, True]
        clock[0] += 2 * FIRST_OPEN.total_seconds() + 1
        sinks.become(name, mood="normal")
        await handed_over(provider, bad)
        mended = await handed_over(provider, bad, bad)
        assert [each.outcome for each in mended] == [TAKEN, TAKEN]
        assert provider.alone.lately() == 0
        if isinstance(provider, Smtp):
            await provider.close()
        else:
            provider.close()

    with_sinks(test)


@pytest.mark.parametrize("name", ["smtp", "twilio"])
def test_a_provider_that_fails_says_nothing_of_the_sender(name: Name) -> None:
    async def test(sinks: Sinks) -> None:
        provider = smtp(sinks.smtp_port) if name == "smtp" else twilio(sinks.url)
        sinks.become(name, mood="busy")
        for _ in range(FAILURES + 1):
            (answer,) = await handed_over(provider, GOOD[name])
            assert (answer.outcome, answer.code == LEFT_ALONE) == (Outcome.later, False)

    with_sinks(test)


def test_one_that_nobody_writes_by_any_more_is_not_told_for_ever() -> None:
    clock = [1000.0]
    alone = LeftAlone("smtp", lambda: clock[0], told_by=OF_SENDERS)
    alone.learn(Own("shop", "bad"), Answer(REFUSED))
    assert alone.lately() == 1
    clock[0] += FIRST_OPEN.total_seconds() + 2 * LONGEST.total_seconds() - 1
    assert alone.lately() == 1, "the next message may try it now only"
    clock[0] += 2
    assert alone.lately() == 0


def test_what_is_answered_to_one_shop_is_held_against_no_other_that_names_the_same() -> None:
    alone = LeftAlone("webhook", told_by=OF_GATEWAYS)
    url = "https://gateway.example/sms"
    alone.learn(Own("intruder", url), Answer(REFUSED))
    assert [alone.is_open(Own(shop, url)) for shop in ("intruder", "owner")] == [True, False]
    assert alone.instead(Own("owner", url), set()) is None
    alone.learn(Own("owner", url), Answer(TAKEN))
    assert alone.is_open(Own("intruder", url)), "it was another's message that was taken"


def test_shops_that_failed_last_are_remembered_and_none_is_more_than_once() -> None:
    clock = [1000.0]
    alone = LeftAlone("webhook", lambda: clock[0], told_by=OF_GATEWAYS)
    for number in range(MOST_REMEMBERED + 1):
        alone.learn(Own("one", f"https://{number}.example"), Answer(REFUSED))
    assert alone.lately() == 1
    shops = [Own(f"shop {number}", "https://shop.example") for number in range(MOST_REMEMBERED)]
    for shop in shops:
        alone.learn(shop, Answer(REFUSED))
    assert (alone.lately(), alone.is_open(shops[0])) == (MOST_REMEMBERED, True)
    assert not alone.is_open(Own("one", f"https://{MOST_REMEMBERED}.example"))
    alone.learn(Own("late", "https://late.example"), Answer(REFUSED))
    assert [alone.is_open(shop) for shop in shops[:2]] == [False, True]
    assert alone.is_open(Own("late", "https://late.example"))


def test_what_comes_late_of_a_former_address_says_nothing_of_the_present_one() -> None:
    alone = LeftAlone("webhook", told_by=OF_GATEWAYS)
    former, present = Own("shop", "https://former.example"), Own("shop", "https://present.example")
    for _ in range(FAILURES):
        alone.learn(present, Answer(Outcome.later))
    alone.learn(former, Answer(Outcome.unknown))
    assert alone.is_open(present)
    alone.learn(former, Answer(TAKEN))
    assert alone.is_open(present)


def test_another_address_is_left_alone_as_soon_as_it_fails_whatever_the_former_one_did() -> None:
    alone = LeftAlone("webhook", told_by=OF_GATEWAYS)
    former, present = Own("shop", "https://former.example"), Own("shop", "https://present.example")
    alone.learn(former, Answer(REFUSED))
    assert alone.instead(present, set()) is None
    alone.learn(present, Answer(REFUSED))
    assert (alone.is_open(present), alone.lately()) == (True, 1)


def test_what_nobody_was_asked_says_nothing_of_an_address() -> None:
    """Else addresses that say nothing would have others left alone, for lack of connections."""
    alone = LeftAlone("webhook", told_by=OF_GATEWAYS)
    own = Own("shop", "https://shop.example")
    for _ in range(FAILURES):
        alone.learn(own, Answer(Outcome.later, code=NO_TIME))
    assert not alone


def test_an_address_of_a_mail_that_is_none_says_nothing_of_its_sender() -> None:
    async def test(sinks: Sinks) -> None:
        provider = smtp(sinks.smtp_port)
        sinks.become("smtp", mood="wrong", sender=BAD["smtp"], **HOW["smtp"])
        await handed_over(provider, BAD["smtp"])
        own = Own("shop", BAD["smtp"])
        provider.alone.learn(own, await provider._send(mail(to="none"), until=0.0))
        assert provider.alone.is_open(own)
        await provider.close()

    with_sinks(test)


def test_shops_that_fail_by_themselves_while_others_go_are_no_provider_that_refuses_all() -> None:
    clock = [1000.0]
    alone = LeftAlone("smtp", lambda: clock[0], told_by=OF_SENDERS)
    one, other = Own("one", "one@tea.example"), Own("other", "other@tea.example")
    doubted = list[int | None]()
    for seconds in (0.0, DOUBT.total_seconds(), DOUBT.total_seconds() - 1, 1.0):
        clock[0] += seconds
        for shop in (one, other):
            alone.learn(shop, Answer(REFUSED))
        if seconds == DOUBT.total_seconds():
            alone.learn(Own("third", "third@tea.example"), Answer(TAKEN))
        doubted.append(alone.doubted_us())
    assert doubted == [None, None, None, int(DOUBT.total_seconds()) * SECOND]


def test_one_shop_that_fails_alone_is_no_provider_that_refuses_all() -> None:
    """Since Monday one did, and on Tuesday nobody sends: then the second one that fails is new."""
    clock = [1000.0]
    alone = LeftAlone("smtp", lambda: clock[0], told_by=OF_SENDERS)
    one, other = Own("one", "one@tea.example"), Own("other", "other@tea.example")
    for _ in range(100):
        alone.learn(one, Answer(REFUSED))
        assert alone.doubted_us() is None
        clock[0] += DOUBT.total_seconds()
    alone.learn(other, Answer(REFUSED))
    assert alone.doubted_us() is None
