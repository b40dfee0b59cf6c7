"""The table of what makes a notice, a test for each of its rows, and the order of reasons."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest

from rules.notices.deciding import (
    FIRST_MONDAY,
    KEPT,
    NO_NOTICE,
    TABLE,
    Decided,
    Limits,
    Reach,
    decide,
    lines_of,
)
from rules.notices.shop import ShopInForce
from schemas.events import EntryType
from schemas.ids import DAY, NEVER, Micros, instant
from schemas.notices.document import NoticeSettings, load_notice_settings
from schemas.notices.points_change import PointsChange
from schemas.notices.words import Channel, Kind, State

NOW: Micros = 1_800_000_000_000_000
HOUR: Micros = DAY // 24
LIMITS = Limits(too_old=DAY, mail=3 * DAY, sms=DAY)
REACHABLE = Reach(has_email=True, has_phone=True)


def settings(**sections: Any) -> NoticeSettings:
    content: dict[str, Any] = {
        "email": {"from": "Lantern Tea <points@lantern.example>"},
        "quiet": {"sms": None, "email": None},
        **sections,
    }
    return load_notice_settings(orjson.dumps(content), "settings.json")


BY_SMS = {"enabled": True, "sender": "LANTERN", "provider": "mitake", "country": "TW"}
EVERYTHING = settings(
    email={
        "from": "Lantern Tea <points@lantern.example>",
        "kinds": dict.fromkeys(
            ("earned", "assigned", "returned", "earned_more", "corrected", "expired"), True
        ),
    },
    sms={
        **BY_SMS,
        "kinds": dict.fromkeys(("earned", "assigned", "returned", "earned_more"), True),
    },
)
DEFAULTS = settings()
SHOP = ShopInForce(
    merchant_no=1,
    merchant_id="shop",
    zone="Asia/Taipei",
    languages=("en",),
    enabled=True,
    entitled=True,
    notices=EVERYTHING,
    until=NEVER,
)
ON_AS_SHIPPED = replace(SHOP, notices=DEFAULTS)
GRANTED = PointsChange(
    event_id=UUID(int=1),
    type="granted",
    merchant_id="shop",
    member_id="ann",
    sequence=1,
    points=100,
    available=100,
    expires_us=None,
    order_id="order",
    cause="order",
    notify_email=False,
    notify_sms=False,
    reason=None,
    recorded_us=NOW,
)


def told(
    change: PointsChange,
    shop: ShopInForce = SHOP,
    reach: Reach = REACHABLE,
    now: Micros = NOW,
) -> dict[str, tuple[str, str]] | str:
    """By channel: the kind, and why it is skipped or that it waits."""
    made = decide(change, shop, reach, now, LIMITS)
    if isinstance(made, str):
        return made
    return {each.channel: (each.kind, each.why or each.state) for each in made}


def told_of(
    change: PointsChange, shop: ShopInForce, reach: Reach, now: Micros
) -> dict[str, tuple[str, str]]:
    found = told(change, shop, reach, now)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("type_", "points", "kind", "by_sms"),
    [
        ("granted", 100, "earned", True),
        ("returned", 30, "returned", True),
        ("adjusted", 20, "earned_more", True),
        ("adjusted", -20, "corrected", False),
        ("deducted", -20, "corrected", False),
        ("clawed_back", -100, "corrected", False),
        ("expired", -100, "expired", False),
    ],
)
def test_each_row_of_the_table(type_: str, points: int, kind: str, *, by_sms: bool) -> None:
    found = told(GRANTED._replace(type=type_, points=points))
    expected = {"email": (kind, "waiting")} | ({"sms": (kind, "waiting")} if by_sms else {})
    assert found == expected


@pytest.mark.parametrize(
    ("type_", "points", "mail", "sms"),
    [
        ("granted", 100, "waiting", "off"),
        ("returned", 30, "off", "off"),
        ("adjusted", 20, "off", "off"),
        ("adjusted", -20, "off", None),
        ("deducted", -20, "off", None),
        ("clawed_back", -100, "off", None),
        ("expired", -100, "off", None),
    ],
)
def test_what_is_on_without_a_word_of_the_shop(
    type_: str, points: int, mail: str, sms: str | None
) -> None:
    found = told(GRANTED._replace(type=type_, points=points), ON_AS_SHIPPED)
    assert isinstance(found, dict)
    assert found["email"][1] == mail
    assert (found["sms"][1] if "sms" in found else None) == sms


@pytest.mark.parametrize("type_", ["held", "released", "redeemed"])
def test_nobody_is_told_of_points_set_aside_or_spent(type_: str) -> None:
    assert told(GRANTED._replace(type=type_, points=-5)) == "no_notice"
    assert told(GRANTED._replace(type=type_, points=0)) == "no_notice"


@pytest.mark.parametrize("type_", [each.name for each in EntryType])
def test_nobody_is_told_of_no_points(type_: str) -> None:
    assert lines_of(GRANTED._replace(type=type_, points=0)) == NO_NOTICE


@pytest.mark.parametrize(("points", "kind"), [(1, Kind.earned_more), (-1, Kind.corrected)])
def test_a_single_point_is_told(points: int, kind: Kind) -> None:
    found = lines_of(GRANTED._replace(type="adjusted", points=points))
    assert isinstance(found, tuple)
    assert found[0].kind is kind


def test_notices_are_kept_400_days_in_weeks_that_begin_on_mondays() -> None:
    assert KEPT == 400 * DAY
    assert instant(FIRST_MONDAY).strftime("%A %Y-%m-%d %H:%M") == "Monday 1970-01-05 00:00"


def test_a_type_of_a_later_version_is_an_addition() -> None:
    assert told(GRANTED._replace(type="gifted")) == "unknown_type"


def test_every_type_of_today_is_in_the_table() -> None:
    assert TABLE.keys() == EntryType.__members__.keys()


@pytest.mark.parametrize(
    ("mail", "sms", "channels"),
    [
        (True, True, {"email", "sms"}),
        (True, False, {"email"}),
        (False, True, {"sms"}),
    ],
)
def test_of_an_assignment_is_told_as_its_sender_asks(
    *, mail: bool, sms: bool, channels: set[str]
) -> None:
    change = GRANTED._replace(type="assigned", notify_email=mail, notify_sms=sms)
    found = told(change)
    assert isinstance(found, dict)
    assert set(found) == channels
    assert set(found.values()) == {("assigned", "waiting")}


def test_an_assignment_that_asks_for_nothing_tells_nobody() -> None:
    assert told(GRANTED._replace(type="assigned")) == "not_asked"


def test_an_assignment_by_sms_needs_sms_switched_on() -> None:
    change = GRANTED._replace(type="assigned", notify_sms=True)
    assert told(change, ON_AS_SHIPPED) == {"sms": ("assigned", "off")}
    switched_on = replace(SHOP, notices=settings(sms=BY_SMS))
    assert told(change, switched_on) == {"sms": ("assigned", "waiting")}


def test_what_was_recorded_over_a_day_ago_is_not_told() -> None:
    assert told(GRANTED, now=NOW + DAY) == {
        "email": ("earned", "waiting"),
        "sms": ("earned", "waiting"),
    }
    assert told(GRANTED, now=NOW + DAY + 1) == {
        "email": ("earned", "too_old"),
        "sms": ("earned", "too_old"),
    }


def test_what_is_older_than_notices_are_kept_makes_none() -> None:
    assert isinstance(told(GRANTED, now=NOW + KEPT), dict)
    assert told(GRANTED, now=NOW + KEPT + 1) == "not_kept"


def test_the_first_reason_that_holds_is_the_one() -> None:
    off = replace(SHOP, notices=NoticeSettings())
    no_plan = replace(off, entitled=False)
    feature_off = replace(no_plan, enabled=False)
    out = Reach(has_email=False, opted_out=frozenset({("email", "*")}))
    nowhere = Reach(has_email=False)
    late = NOW + 2 * DAY
    reasons = [
        why
        for shop, reach, now in (
            (feature_off, out, late),
            (feature_off, out, NOW),
            (no_plan, out, NOW),
            (off, out, NOW),
            (SHOP, out, NOW),
            (SHOP, nowhere, NOW),
        )
        for channel, (_, why) in told_of(GRANTED, shop, reach, now).items()
        if channel == "email"
    ]
    assert reasons == ["too_old", "feature_off", "no_plan", "off", "opted_out", "no_address"]


@pytest.mark.parametrize(
    ("out", "mail", "sms"),
    [
        ({("email", "earned")}, "opted_out", "waiting"),
        ({("email", "*")}, "opted_out", "waiting"),
        ({("sms", "*")}, "waiting", "opted_out"),
        ({("email", "assigned"), ("sms", "expiring")}, "waiting", "waiting"),
    ],
)
def test_an_opt_out_is_of_a_channel_and_of_a_kind_or_all(
    out: set[tuple[str, str]], mail: str, sms: str
) -> None:
    reach = REACHABLE._replace(opted_out=frozenset(out))
    assert told(GRANTED, reach=reach) == {"email": ("earned", mail), "sms": ("earned", sms)}


def test_a_member_without_an_address_is_not_told_by_that_channel() -> None:
    assert told(GRANTED, reach=Reach(has_email=False, has_phone=True)) == {
        "email": ("earned", "no_address"),
        "sms": ("earned", "waiting"),
    }


def test_of_a_member_not_heard_of_the_address_is_judged_when_it_is_sent() -> None:
    assert told(GRANTED, reach=Reach()) == {
        "email": ("earned", "waiting"),
        "sms": ("earned", "waiting"),
    }
    # Who does not want to hear is known all the same.
    out = Reach(opted_out=frozenset({("sms", "*")}))
    assert told(GRANTED, reach=out) == {
        "email": ("earned", "waiting"),
        "sms": ("earned", "opted_out"),
    }


def test_quiet_hours_of_the_shops_zone_hold_back_each_channel_by_itself() -> None:
    shop = replace(SHOP, notices=settings(sms={**BY_SMS, "kinds": {"earned": True}}, quiet={}))
    midnight = 1_795_708_800_000_000  # 2026-11-27T00:00+08:00
    made = decide(GRANTED._replace(recorded_us=midnight), shop, REACHABLE, midnight, LIMITS)
    assert made == (
        Decided(Channel.email, Kind.earned, State.waiting, None, midnight, midnight + 3 * DAY),
        Decided(Channel.sms, Kind.earned, State.waiting, None, midnight + 9 * HOUR, midnight + DAY),
    )


def test_a_mail_needs_somebody_who_writes_it() -> None:
    nobody = replace(SHOP, notices=NoticeSettings())
    assert told(GRANTED, nobody) == {"email": ("earned", "off"), "sms": ("earned", "off")}
