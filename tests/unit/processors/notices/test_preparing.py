"""What becomes of a notice in hand just before it is sent, and what is remembered of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from processors import metrics
from processors.notices.directory.port import MemberKey
from processors.notices.sending.in_hand.hand import Ready
from processors.notices.sending.in_hand.preparing import Background, Prepared, Preparing
from processors.notices.sending.ports import Outside, Shop
from processors.notices.sending.wiring import OurWording
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices.outcomes import Custom, OnUnknown
from rules.notices.values import Contact
from schemas.ids import DAY, MINUTE
from schemas.notices.words import Channel, Kind, State, Why
from store.notices.sending.queue import Taken
from tests.support.notices.texts import ZONE, notice_settings

HOUR = 60 * MINUTE
NOW = 1_790_000_000_000_000
EMAIL = "ann@t\u00e9a.example"


class Seals:
    """Tells what it was asked for."""

    def open(self, merchant_no: int, member_id: str, field: str, sealed: bytes | None) -> None:
        del merchant_no, member_id, field, sealed

    def hmac(self, merchant_no: int, member_id: str, text: str) -> bytes:
        del merchant_no, member_id
        return text.encode()

    def has_key(self, merchant_no: int, member_id: str) -> bool:
        del merchant_no, member_id
        return True


SHOP = Shop(
    1, "shop", ZONE, ("en",), True, True, lambda *_: True, "mitake", "LANTERN",
    "points@lantern.example", "TW", None, None, "hold", {}, "Lantern Tea", notice_settings(),
)  # fmt: skip


def a_notice(channel: Channel) -> Taken:
    """One about 100 points, in hand."""
    return Taken(
        uuid4(), uuid4(), 1, "ann", Kind.earned, channel, State.claimed, 0, 100, 100, 1,
        None, None, None, NOW, NOW + DAY, None, None, NOW, "shop", NOW,
    )  # fmt: skip


def prepared(
    shop: Shop,
    taken: Taken,
    provider: str,
    custom: Custom,
    contact: Contact,
    lapsing: Mapping[UUID, int] | None = None,
) -> Prepared:
    """What becomes of a notice in the hand of a provider's sender.

    `lapsing`: how many points the ledger says still lapse, of those of reminders that do.
    """
    outside = Outside(
        shops=lambda *_: {1: shop},
        seals=lambda *_: Seals(),
        opted_out=lambda *_: dict,
        lapsing=lambda *_: {},
        month_of=lambda *_: 202611,
        not_before=lambda now, *_: now,
        wording=OurWording(NoticesConfiguration()),
    )
    preparing = Preparing(provider, taken.channel, custom, outside)
    known = Background({1: shop}, Seals(), lapsing or {}, NOW)
    return preparing.prepare([taken], known, {MemberKey(1, "shop", "ann"): contact})


def test_an_address_is_remembered_as_the_directory_has_it() -> None:
    taken = a_notice(Channel.email)
    mail = Custom(True, timedelta(0))
    (ready,) = prepared(SHOP, taken, "smtp", mail, Contact("Ann", "en", EMAIL, None)).ready
    assert isinstance(ready, Ready)
    assert ready.to == "ann@xn--ta-bja.example"
    assert ready.address_hmac == EMAIL.encode()


@pytest.mark.parametrize(
    ("provider", "asked_hours_ago", "on_unknown", "goes"),
    [
        ("mitake", 1, "hold", True),  # it knows our id
        ("mitake", 13, "hold", False),
        ("mitake", 13, "resend", True),
        ("twilio", 1, "hold", False),
        ("twilio", 1, "resend", True),
    ],
)
def test_what_may_have_arrived_goes_again_as_its_shop_wants(
    provider: str, asked_hours_ago: int, on_unknown: OnUnknown, goes: bool
) -> None:
    """Also where it waited so long that its provider has forgotten it, or has another by now."""
    asked = NOW - asked_hours_ago * HOUR
    taken = a_notice(Channel.sms)._replace(asked_us=asked, provider="mitake")
    shop = replace(SHOP, on_unknown=on_unknown, provider=provider)
    custom = Custom(False, timedelta(hours=12))
    done = prepared(shop, taken, provider, custom, Contact(None, "en", None, "0912345678"))
    assert [len(done.ready), len(done.ended)] == ([1, 0] if goes else [0, 1])
    assert all(each.state is State.unknown for each in done.ended)


@pytest.mark.parametrize("asked", [None, NOW - HOUR])
@pytest.mark.parametrize("why", ["off", "no_plan", "feature_off", "no_address", "unusable_address"])
def test_of_what_may_have_arrived_nobody_says_that_it_was_skipped(
    why: str, asked: int | None
) -> None:
    shop = replace(
        SHOP,
        tells=lambda *_: why != "off",
        entitled=why != "no_plan",
        enabled=why != "feature_off",
    )
    address = {"no_address": None, "unusable_address": "ann@"}.get(why, EMAIL)
    taken = a_notice(Channel.email)._replace(asked_us=asked, provider="smtp")
    contact = Contact("Ann", "en", address, None)
    (done,) = prepared(shop, taken, "smtp", Custom(True, timedelta(0)), contact).ended
    unsaid = (State.skipped, why) if asked is None else (State.unknown, None)
    assert (done.state, done.reason) == unsaid


def test_what_has_no_text_fails_and_is_counted() -> None:
    taken = a_notice(Channel.sms)._replace(kind=Kind.corrected)  # of which no SMS ever tells
    counted = metrics.NOTICES_NOT_WORDED.labels(Channel.sms)._value
    before = counted.get()
    contact = Contact(None, "en", None, "0912345678")
    done = prepared(SHOP, taken, "mitake", Custom(False, timedelta(0)), contact)
    assert [(each.state, each.reason) for each in done.ended] == [(State.failed, Why.render)]
    assert counted.get() == before + 1


def test_a_kind_that_is_switched_off_while_it_waits_is_not_told() -> None:
    settings = notice_settings(kinds={"earned": False})
    shop = replace(SHOP, settings=settings, tells=settings.tells)
    taken, custom = a_notice(Channel.sms), Custom(False, timedelta(0))
    contact = Contact(None, "en", None, "0912345678")
    (off,) = prepared(shop, taken, "mitake", custom, contact).ended
    assert (off.state, off.reason) == (State.skipped, Why.off)
    told = taken._replace(kind=Kind.assigned)
    assert len(prepared(shop, told, "mitake", custom, contact).ready) == 1


def test_a_reminder_warns_of_what_still_lapses_as_it_is_sent() -> None:
    taken = a_notice(Channel.sms)._replace(kind=Kind.expiring, expires_us=NOW + 7 * DAY)
    custom, contact = Custom(False, timedelta(0)), Contact(None, "en", None, "0912345678")

    def sent(lapsing: Mapping[UUID, int]) -> Prepared:
        return prepared(SHOP, taken, "mitake", custom, contact, lapsing)

    (ready,) = sent({taken.notice_id: 37}).ready  # of 100 when it was decided
    assert "points that expire soon: 37." in ready.worded.text
    for spent in ({}, {taken.notice_id: 0}):
        (done,) = sent(spent).ended
        assert (done.state, done.reason) == (State.skipped, Why.spent)
