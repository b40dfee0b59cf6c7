"""`explain` tells in words what the rules decided, and says each reason by its name."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from rules.explain.order import Explained, explain
from rules.explain.view import OrderEntry, OrderView, SettingsVersion
from rules.order.facts import (
    NOTHING_IN_FORCE,
    PARCEL_KEYS,
    DeliveryKey,
    OrderFacts,
    OrderRecord,
    ParcelRecord,
    Posted,
    ReturnOrder,
)
from rules.order.folding import fold_order, fold_parcel, fold_return
from rules.order.trail import Version as RecordVersion
from schemas.events import EntryType
from schemas.ids import DAY, Micros, micros
from schemas.settings import load_settings

SETTINGS: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "languages": ["en"],
    "enabled": True,
    "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
    "earn": {
        "rules": [
            {"unit_price": 10, "points_per_unit": 1},
            {"unit_price": 1, "points_per_unit": 9, "membership_tier_id": "vip"},
        ],
        "channels": ["ec"],
        "pending_days": 3,
        "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
    },
    "delivery_overrides": {"custom": "arrived"},
}


def at(text: str) -> Micros:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


CREATED, FINAL = at("2019-11-29T02:00"), at("2019-12-01T06:00")
ORDER = OrderRecord(
    RecordVersion(CREATED),
    CREATED,
    "confirmed",
    b"\xffmember",
    guest=False,
    created_by="shop",
    kind=None,
    currency="TWD",
    subtotal=1000,
    delivery_key=DeliveryKey.PRESENT,
)


def settings(**changed: object) -> SettingsVersion:
    document = load_settings(orjson.dumps(SETTINGS | changed), name="test")
    return SettingsVersion(3, at("2019-01-01T00:00"), document, at("2019-01-01T00:00"), "mei")


def parcel(status: str, option: str = "tw_tcat_roomtemp", when: Micros = FINAL) -> ParcelRecord:
    return ParcelRecord(RecordVersion(when), b"\xffparcel", status, option)


def facts(
    record: OrderRecord = ORDER, *parcels: ParcelRecord, tier: str | None = None
) -> OrderFacts:
    found = OrderFacts(settings_no=3)
    fold_order(found, record, tier)
    for one in parcels:
        fold_parcel(found, one)
    return found


def entry(sequence: int, kind: EntryType, points: int) -> OrderEntry:
    numbered = kind is not EntryType.expired
    return OrderEntry(
        "member", sequence, kind, numbered, points, at("2020-12-31T16:00"), FINAL, FINAL
    )


def explanation_of(
    found: OrderFacts,
    now: Micros = FINAL + 30 * DAY,
    bound: SettingsVersion | None = None,
    **view: Any,
) -> Explained:
    whole = OrderView(now, found, 0, None, (), bound or settings(), bound or settings())
    return explain(replace(whole, **view))


def text_of(explained: Explained) -> str:
    return "\n".join(step.text for step in explained.steps)


def test_the_example_of_the_help_page_reads_as_it_is_told_there() -> None:
    found = explanation_of(facts(ORDER, parcel("arrived")))
    text = text_of(found)
    assert found.state == "granted"
    assert "1 point for every full TWD 10, the general rule: 100 × 1 = 100 points" in text
    assert "2019-12-01 + 3 days = 2019-12-04, at 00:00" in text
    assert "usable until 2020-12-31 23:59 (Asia/Taipei)" in text
    assert "Bound to settings version 3" in text


def test_parcel_waiting_at_the_store_is_told_to_wait() -> None:
    found = explanation_of(facts(ORDER, parcel("arrived", "tw_711_nopay")))
    assert found.state == "waiting"
    assert "The parcel is at the store and has not been collected." in text_of(found)


def test_due_and_not_posted_yet_is_still_planned() -> None:
    found = explanation_of(
        facts(ORDER, parcel("arrived")), due_at=at("2019-12-03T16:00"), planned=100
    )
    assert found.state == "planned"
    assert "not posted yet" in text_of(found)
    assert "100 points planned" in text_of(found)


def test_deductions_are_listed_one_by_one() -> None:
    record = ORDER._replace(
        order_discount=150, custom_discount=50, points_to_cash=20, user_credit=30
    )
    text = text_of(explanation_of(facts(record, parcel("arrived"))))
    assert (
        "less order discount TWD 150, less custom discounts TWD 50, "
        "less points used as cash TWD 20 = TWD 780" in text
    )
    assert "Store credits spent (TWD 30) do not lower the base" in text
    assert "Delivery fee, payment fee, tax and extra fees never count" in text


@pytest.mark.parametrize(
    ("record", "state", "word"),
    [
        (
            ORDER._replace(currency="HKD"),
            "none",
            "currency_mismatch: the order is in HKD, the settings in TWD",
        ),
        (ORDER._replace(subtotal=10**12), "none", "over_limit"),
        (ORDER._replace(guest=True), "none", "guest_checkout"),
        (ORDER._replace(member=None), "none", "no_member"),
        (ORDER._replace(created_by="pos"), "none", "channel_excluded"),
        (ORDER._replace(status="temp"), "none", "temporary_order"),
        (ORDER._replace(status="cancelled"), "withdrawn", "Cancelled or removed since"),
    ],
)
def test_why_nothing_is_earned_is_said_by_its_word(
    record: OrderRecord, state: str, word: str
) -> None:
    found = explanation_of(facts(record, parcel("arrived")))
    assert found.state == state
    assert word in text_of(found)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"enabled": False}, "feature_off: enabled was false"),
        (
            {"entitlement": {"plan": "basic", "app_installed": True}},
            "feature_off: plan basic does not include it",
        ),
        (
            {"entitlement": {"plan": "o2o", "app_installed": False, "modules": []}},
            "the app not installed",
        ),
    ],
)
def test_a_feature_that_was_off_is_told_with_its_cause(
    changed: dict[str, object], word: str
) -> None:
    found = explanation_of(facts(ORDER, parcel("arrived")), bound=settings(**changed))
    assert found.state == "none"
    assert word in text_of(found)


def test_module_alone_entitles() -> None:
    entitlement = {"plan": "basic", "app_installed": False, "modules": ["crm_credits"]}
    text = text_of(
        explanation_of(facts(ORDER, parcel("arrived")), bound=settings(entitlement=entitlement))
    )
    assert "The feature was on: module crm_credits" in text


def test_the_tier_that_chose_the_rule_is_named() -> None:
    assert "9 points for every full TWD 1, the rule of tier vip" in text_of(
        explanation_of(facts(ORDER, tier="vip"))
    )
    assert "the general rule (tier new has none of its own)" in text_of(
        explanation_of(facts(ORDER, tier="new"))
    )


def test_whence_the_final_status_is_known_is_told() -> None:
    assert "the merchant's delivery_overrides" in text_of(
        explanation_of(facts(ORDER, parcel("arrived", "custom")))
    )
    assert "not in the table of options" in text_of(
        explanation_of(facts(ORDER, parcel("arrived", "pigeon")))
    )


def test_evidence_is_the_field_that_shows_the_moment() -> None:
    said = parcel("collected")._replace(arrived_at=FINAL - DAY, collected_at=FINAL)
    assert "by its arrived_at" in text_of(explanation_of(facts(ORDER, said)))
    assert "by the earliest updated_at" in text_of(explanation_of(facts(ORDER, parcel("arrived"))))


def test_a_moment_that_a_thin_record_tells_is_named_for_what_it_is() -> None:
    """The record names no status (D19), so that it tells of the one before it."""
    arrived_at = next(bit for bit, names in PARCEL_KEYS.items() if "arrived_at" in names)
    thin = ParcelRecord(
        RecordVersion(FINAL + DAY), b"\xffparcel", "", None, arrived_at=FINAL - 1, said=arrived_at
    )
    assert "by its arrived_at" in text_of(explanation_of(facts(ORDER, parcel("arrived"), thin)))


def test_kept_cancellation_is_told() -> None:
    found = facts(ORDER, parcel("arrived"))
    fold_order(
        found, ORDER._replace(version=RecordVersion(FINAL + 9 * DAY), status="cancelled"), None
    )
    keep = settings(earn=SETTINGS["earn"] | {"on_return": "keep"})
    explained = explanation_of(found, bound=keep)
    assert explained.state == "granted"
    assert "on_return is keep, so the points stay" in text_of(explained)


def test_what_was_posted_is_listed_and_added_up() -> None:
    found = facts(ORDER, parcel("arrived"))
    found.posted = Posted(
        1, 2, 70, b"\xffmember", 1, FINAL, at("2019-12-03T16:00"), at("2020-12-31T16:00")
    )
    entries = (
        entry(1, EntryType.granted, 100),
        entry(2, EntryType.clawed_back, -30),
        entry(3, EntryType.expired, -70),
    )
    explained = explanation_of(found, entries=entries)
    assert explained.view.granted == 70
    assert "granted +100 for member member (sequence 1, expiring 2020-12-31 23:59)" in text_of(
        explained
    )
    assert "clawed_back -30" in text_of(explained)
    assert "Posted in all: 70 points." in text_of(explained)


def test_orders_without_binding_are_told_why() -> None:
    found = facts(ORDER, parcel("arrived"))
    found.settings_no = NOTHING_IN_FORCE
    view = OrderView(FINAL, found, 0, None, (), None, settings())
    assert "no_settings_in_force" in text_of(explain(view))
    found.settings_no = -1
    assert "no_settings_yet: the merchant has no settings" in text_of(
        explain(replace(view, newest=None))
    )


def test_unknown_order_says_so() -> None:
    explained = explain(OrderView(FINAL, OrderFacts(), 0, None, (), None, None))
    assert explained.state == "none"
    assert text_of(explained) == "unknown_order: we have received no record of this order."


def test_what_was_left_out_is_told() -> None:
    when = CREATED + 5 * DAY
    found = facts(
        ORDER._replace(status="on the moon", version=RecordVersion(when), refunded=True),
        parcel("arrived"),
    )
    fold_parcel(found, ParcelRecord(RecordVersion(when), b"\xffother", "beamed", None))
    for name, total, currency in ((b"one", 100, "TWD"), (b"two", None, None), (b"x", 13, "USD")):
        back = ReturnOrder(name, RecordVersion(CREATED + DAY), "completed", total, currency)
        fold_return(found, back)
    text = text_of(explanation_of(found, till_returns=("till-1",)))
    for told in (
        "on the moon is not a status that we know",
        "beamed (not a status that we know)",
        "Returns without total: 1",
        "Returns in another currency: 1; they are not counted",
        "The order was edited after a return",
        "on_refund is keep, that changes nothing",
        "A till's order of type return names it (till-1)",
    ):
        assert told in text
    assert "Wholly returned" not in text


def test_a_replaced_parcel_is_told_to_be_awaited_no_more() -> None:
    found = facts(ORDER._replace(delivery_id=b"\xffparcel"), parcel("arrived"))
    old = ParcelRecord(RecordVersion(CREATED), b"\xffold", "pending", None)
    fold_parcel(found, old, nested=True)
    explained = explanation_of(found)
    assert "Parcel old was replaced in the order by another: it is not awaited." in text_of(
        explained
    )
    assert explained.state == "granted"


def test_a_refund_that_takes_back_is_told() -> None:
    takes_back = settings(earn=SETTINGS["earn"] | {"on_refund": "claw_back"})
    found = facts(ORDER._replace(refunded=True), parcel("arrived"))
    explained = explanation_of(found, bound=takes_back)
    assert explained.state == "withdrawn"
    assert "on_refund is claw_back, it earns nothing while it stays so" in text_of(explained)


@pytest.mark.parametrize(
    ("changed", "enabled", "said"),
    [
        ({}, True, "what no capture has taken is debited"),
        ({"order_points": -5}, True, "a number below 0 takes none"),
        ({"member": None}, True, "it belongs to no member"),
        ({"status": "temp"}, True, "it is temporary"),
        ({}, False, "the feature was not in force when it was made"),
    ],
)
def test_whether_an_orders_own_points_are_debited_is_told(
    changed: dict[str, Any], enabled: bool, said: str
) -> None:
    bound = settings(enabled=enabled, redeem={"from_orders": "debit"})
    record = ORDER._replace(**{"order_points": 600} | changed)
    assert f"from_orders is debit: {said}." in (
        text_of(explanation_of(facts(record), bound=bound)).replace("nothing is debited, as ", "")
    )


def test_an_order_that_went_into_another_debits_nothing_and_says_so() -> None:
    bound = settings(redeem={"from_orders": "debit"})
    found = facts(ORDER._replace(order_points=600))
    found.origin = found.origin._replace(combined_to=b"\xffanother")
    text = text_of(explanation_of(found, bound=bound))
    assert "from_orders is debit: nothing is debited, as the order went into another one." in text
