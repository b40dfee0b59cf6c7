"""How the platform's own figure stands to ours, in one word (rules.md 7)."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from rules.earning.entitlement import entitlement
from rules.earning.upstream_figures import compare, our_points
from rules.order.facts import DeliveryKey, OrderFacts, OrderRecord, ParcelRecord, ReturnOrder
from rules.order.folding import fold_order, fold_parcel, fold_return
from rules.order.trail import Version
from schemas.ids import DAY, micros
from schemas.settings import compile_settings, load_settings
from tests.support.order_facts import settings

CREATED = micros(datetime(2024, 3, 1, tzinfo=UTC))
ORDER = OrderRecord(
    Version(CREATED),
    CREATED,
    "confirmed",
    b"\xffmember",
    guest=False,
    created_by="shop",
    kind=None,
    currency="TWD",
    subtotal=1000,
    delivery_key=DeliveryKey.PRESENT,
    summary_days=3,
    summary_points=100,
)
RULES = compile_settings(load_settings(orjson.dumps(settings()), name="test"))


def outcome(
    record: OrderRecord, status: str = "arrived", *, refund: int = 0, days_later: int = 30
) -> str | None:
    facts = OrderFacts(settings_no=1)
    fold_order(facts, record, None)
    fold_parcel(facts, ParcelRecord(Version(CREATED + DAY), b"\xffp", status, "tw_tcat_roomtemp"))
    if refund:
        fold_return(facts, ReturnOrder(b"\xffr", Version(CREATED + 2 * DAY), "completed", refund))
    now = CREATED + days_later * DAY
    return compare(facts, RULES, entitlement(facts, RULES, now))


def test_without_a_figure_there_is_nothing_to_compare() -> None:
    assert outcome(ORDER._replace(summary_points=None)) is None
    assert compare(OrderFacts(), RULES, entitlement(OrderFacts(), RULES, CREATED)) is None


@pytest.mark.parametrize("days_later", [2, 30])
def test_the_same_points_after_the_same_days_are_equal_before_and_after_the_grant(
    days_later: int,
) -> None:
    assert outcome(ORDER, days_later=days_later) == "equal"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"summary_points": 90}, "other_points"),
        ({"summary_points": 0}, "other_points"),
        ({"summary_days": 7}, "other_days"),
        ({"summary_days": None}, "equal"),
        ({"member": None}, "no_member"),
        ({"guest": True}, "guest_checkout"),
        ({"currency": "HKD"}, "currency_mismatch"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "cancelled", "summary_points": 0}, "equal"),
        ({"member": None, "summary_points": 0, "summary_days": 9}, "equal"),
    ],
)
def test_what_differs_is_said_by_its_reason(changed: dict[str, Any], word: str) -> None:
    assert outcome(ORDER._replace(**changed)) == word


def test_an_order_that_is_not_final_with_us_differs_in_nothing_else() -> None:
    assert outcome(ORDER, "shipped") == "not_final"
    assert outcome(ORDER._replace(summary_points=90), "shipped") == "other_points"


def test_goods_that_went_back_explain_a_figure_that_still_counts_them() -> None:
    assert outcome(ORDER, refund=430) == "partly_returned"
    assert outcome(ORDER._replace(summary_points=57), refund=430) == "equal"
    assert outcome(ORDER._replace(summary_points=80), refund=430) == "other_points"
    assert outcome(ORDER, refund=1000) == "returned"


def test_an_order_that_cannot_earn_stands_for_nothing_beside_the_platform() -> None:
    facts = OrderFacts(settings_no=1)
    fold_order(facts, ORDER._replace(currency="HKD"), None)
    assert our_points(entitlement(facts, RULES, CREATED)) == 0
    fold_order(facts, ORDER._replace(version=Version(CREATED + 1)), None)
    assert our_points(entitlement(facts, RULES, CREATED)) == 100
