"""What a sender has in hand goes as the rates of its senders' names let it, in its order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from processors.notices.providers.left_alone import OF_SENDERS, LeftAlone
from processors.notices.providers.port import Answer, Outcome, Own
from processors.notices.sending.in_hand.hand import Hand, Ready
from processors.notices.sending.ports import Shop, Worded
from rules.notices.breaker import FIRST_OPEN
from schemas.ids import SECOND
from schemas.notices.words import Channel, Kind, State
from store.notices.sending.queue import Taken
from store.valkey.notices import Bucket, Granted

REFUSED, TAKEN = Answer(Outcome.shop_refused), Answer(Outcome.taken)


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(
            "processors.notices.sending.in_hand.hand.time.monotonic", lambda: self.now
        )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Rates:
    """Has so many messages left for each sender's name, and more in two seconds."""

    def __init__(self, **left: int) -> None:
        self.left = left
        self.asked: list[dict[str, int]] = []

    def take(self, wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
        self.asked.append({bucket.sender: count for bucket, count in wanted.items()})
        return {bucket: self._granted(bucket, count) for bucket, count in wanted.items()}

    def _granted(self, bucket: Bucket, count: int) -> Granted:
        given = min(count, self.left[bucket.sender])
        self.left[bucket.sender] -= given
        return Granted(given, 0 if given == count else 2 * SECOND)


def empty_hand(provider: str = "mitake", channel: Channel = Channel.sms) -> Hand:
    """Of a provider that leaves nobody alone."""
    return Hand(provider, channel, 10.0, LeftAlone(provider, told_by=OF_SENDERS))


def ready(member: str, sender: str, *, url: str | None = None, merchant: str = "shop") -> Ready:
    unused: Any = None
    taken = Taken(
        uuid4(), uuid4(), 1, member, Kind.earned, Channel.sms, State.claimed, 0, 1, 1, 1, None,
        None, None, 0, 0, None, None, 0, "shop", 0,
    )  # fmt: skip
    shop = Shop(
        1, merchant, "UTC", (), True, True, lambda *_: True, "mitake", sender, None, "TW", None,
        url, "hold", {}, "Shop", unused,
    )  # fmt: skip
    return Ready(taken, shop, "", Worded(), None)


def members(chunk: list[Ready]) -> str:
    return "".join(each.taken.member_id for each in chunk)


def hand_of(text: str) -> Hand:
    """A member a letter: capital ones are of the sender's name `B`, the others of `a`."""
    hand = empty_hand()
    hand.add(ready(letter, "B" if letter.isupper() else "a") for letter in text)
    return hand


def test_messages_go_in_their_order_and_no_more_than_there_is_room_for(clock: Clock) -> None:
    del clock
    hand, rates = hand_of("abCdE"), Rates(a=9, B=9)
    assert [members(hand.chunk(2, rates.take)) for _ in range(4)] == ["ab", "Cd", "E", ""]
    assert rates.asked == [{"a": 2}, {"B": 1, "a": 1}, {"B": 1}]


def test_a_rate_that_has_nothing_left_holds_up_its_own_alone(clock: Clock) -> None:
    hand, rates = hand_of("abcDEF"), Rates(a=1, B=9)
    assert members(hand.chunk(3, rates.take)) == "a"
    assert hand.free() == 3
    assert members(hand.chunk(3, rates.take)) == "DEF"
    assert (hand.free(), members(hand.chunk(3, rates.take))) == (0, "")
    assert hand.wait(10.0) == 2.0
    assert len(rates.asked) == 2
    rates.left["a"] = 9
    clock.now += 2
    assert (hand.free(), hand.wait(10.0)) == (2, 0.0)
    assert members(hand.chunk(3, rates.take)) == "bc"


def test_two_rates_can_have_nothing_left_at_once(clock: Clock) -> None:
    hand, rates = hand_of("abCD"), Rates(a=1, B=0)
    assert members(hand.chunk(4, rates.take)) == "a"
    assert hand.free() == 0
    clock.now += 2
    assert hand.free() == 3


def test_who_is_left_alone_holds_up_nobody_and_is_not_waited_for(clock: Clock) -> None:
    del clock
    hand, rates = hand_of("aBcD"), Rates(a=9, B=9)
    hand.alone.learn(Own("shop", "B"), REFUSED)
    assert (members(hand.chunk(4, rates.take)), hand.free()) == ("ac", 0)
    assert hand.wait(10.0) == 10.0, "it would turn without a pause"
    hand.alone.learn(Own("shop", "B"), TAKEN)
    assert (hand.free(), hand.wait(10.0)) == (2, 0.0)


def test_what_is_answered_to_one_shop_holds_up_no_other_that_names_the_same(clock: Clock) -> None:
    del clock
    hand, rates = empty_hand(), Rates(a=9)
    hand.add(ready(letter, "a", merchant=f"shop {letter}") for letter in "xy")
    hand.alone.learn(Own("shop x", "a"), REFUSED)
    assert (hand.free(), members(hand.chunk(2, rates.take))) == (1, "y")


def test_one_message_tries_whether_a_sender_was_mended_and_the_others_wait_for_it() -> None:
    now = [1000.0]
    hand = Hand(
        "mitake", Channel.sms, 10.0, LeftAlone("mitake", lambda: now[0], told_by=OF_SENDERS)
    )
    rates = Rates(a=9, B=9)
    hand.add(ready(letter, "B" if letter.isupper() else "a") for letter in "aBCbD")
    hand.alone.learn(Own("shop", "B"), REFUSED)
    now[0] += FIRST_OPEN.total_seconds()
    assert (hand.free(), members(hand.chunk(8, rates.take))) == (3, "aBb")
    hand.alone.learn(Own("shop", "B"), REFUSED)
    assert (hand.free(), members(hand.chunk(8, rates.take))) == (0, "")
    now[0] += 2 * FIRST_OPEN.total_seconds()
    assert members(hand.chunk(8, rates.take)) == "C"
    hand.alone.learn(Own("shop", "B"), TAKEN)
    assert members(hand.chunk(8, rates.take)) == "D"


@pytest.mark.parametrize(
    ("provider", "channel", "whose"),
    [
        ("smtp", Channel.email, "points@shop.example"),
        ("twilio", Channel.sms, "LANTERN"),
        ("webhook", Channel.sms, "https://shop.example/sms"),
    ],
)
def test_what_is_a_shops_own_depends_on_who_delivers(
    provider: str, channel: Channel, whose: str
) -> None:
    """A shop may keep the address of a gateway that it uses no more."""
    shop = ready("a", "LANTERN", url="https://shop.example/sms").shop
    hand = empty_hand(provider, channel)
    assert hand.own(replace(shop, mail_from="points@shop.example")) == Own("shop", whose)
