"""What an order earns by its amount, its buyer and its channel (rules.md 1)."""

from typing import Any

import pytest

from tests.support.in_memory import InMemoryEngine
from tests.support.order_facts import (
    ARRIVED,
    MEMBER,
    OTHER_MEMBER,
    Json,
    day,
    money,
    order,
    returned,
    settings,
)

TIER = "6540c62d2ee23a0020bd897a"


def engine(**earn: Json) -> InMemoryEngine:
    """A merchant who grants at once."""
    made = InMemoryEngine()
    made.apply(settings(earn={"pending_days": 0} | earn))
    made.until(day("12-02"))
    return made


def points_of(made: InMemoryEngine | None = None, **fields: Json) -> int:
    """What an order delivered yesterday brings its member."""
    made = made or engine()
    made.consume(order(**ARRIVED | fields))
    return made.points()


@pytest.mark.parametrize(
    ("subtotal", "points"), [(1000, 100), (100, 10), (9, 0), (10, 1), (19, 1), (0, 0), (1009, 100)]
)
def test_ten_dollars_are_a_point_and_what_is_under_a_unit_is_nothing(
    subtotal: int, points: int
) -> None:
    assert points_of(subtotal=subtotal) == points


def test_several_points_per_unit_multiply_whole_units_only() -> None:
    rules = [{"unit_price": 30, "points_per_unit": 7, "membership_tier_id": None}]
    assert points_of(engine(rules=rules), subtotal=119) == 21


def test_a_unit_price_is_in_major_units_and_amounts_are_in_minor_ones() -> None:
    made = InMemoryEngine()
    made.apply(
        settings(
            currency="HKD",
            earn={"pending_days": 0, "rules": [{"unit_price": 2.5, "points_per_unit": 1}]},
        )
    )
    made.consume(order(subtotal=100_00, currency="HKD", **ARRIVED), when=day("12-02"))
    assert made.points() == 40


DOCUMENTED: Json = {
    "subtotal": 2310,
    "order_discount": money(231),
    "custom_discount_items": [{"total": money(80)}, {"total": money(45)}],
    "order_points": 600,
    "order_points_to_cash": money(60),
    "user_credit": money(0),
    "total_tax_fee": money(0),
    "total": money(1959),
}


def test_the_documented_order_counts_1894_and_1464_after_its_completed_return() -> None:
    made = engine()
    made.consume(order(**DOCUMENTED | ARRIVED))
    assert made.explain().earning.base == 1894
    assert made.points() == 189
    made.consume(returned(1450, day("12-03"), status="confirmed", return_id="only confirmed"))
    assert made.explain().earning.base == 1894
    made.consume(returned(430, day("12-04")))
    assert made.explain().earning.base == 1464
    assert made.points() == 146


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "pending", "something_new"])
def test_only_completed_returns_count(status: str) -> None:
    made = engine()
    made.consume(order(**ARRIVED), returned(500, day("12-03"), status=status))
    assert made.points() == 100


def test_returns_of_tills_count_like_others() -> None:
    made = engine()
    made.consume(order(**ARRIVED), returned(500, day("12-03"), topic="pos_return_order/update"))
    assert made.points() == 50


@pytest.mark.parametrize(
    "fields",
    [
        {"order_delivery": ARRIVED["order_delivery"] | {"total": money(65)}},
        {"order_payment": {"payment_fee": money(30), "status": "pending"}},
        {"total_tax_fee": money(50)},
        {"total": money(5000)},
        {"extra_fees": [{"total": money(77)}]},
    ],
)
def test_fees_and_tax_never_count_and_payment_gates_nothing(fields: dict[str, Any]) -> None:
    assert points_of(**fields) == 100


def test_store_credits_do_not_lower_the_base_unless_the_merchant_says_so() -> None:
    assert points_of(user_credit=money(400)) == 100
    assert points_of(engine(deduct_store_credit=True), user_credit=money(400)) == 60


def test_gifts_add_nothing() -> None:
    gift = {"item_type": "Gift", "quantity": 2, "price": money(0), "total": money(0)}
    bought = {
        "item_type": "RedeemGift",
        "quantity": 1,
        "price": money(0),
        "unit_point": 300,
        "total": money(0),
    }
    assert points_of(subtotal_items=[gift, bought]) == 100


def test_a_base_below_zero_is_zero() -> None:
    made = engine()
    made.consume(order(subtotal=100, order_discount=money(300), **ARRIVED))
    assert made.explain().earning.base == 0
    assert (made.points(), made.explain().state) == (0, "granted")


def test_returns_beyond_the_goods_take_no_more_than_was_granted() -> None:
    made = engine()
    made.consume(
        order(**ARRIVED),
        returned(900, day("12-03")),
        returned(900, day("12-04"), return_id="second"),
    )
    assert made.points() == 0
    assert made.explain().state == "withdrawn"


def test_a_return_of_goods_worth_less_than_nothing_brings_nothing() -> None:
    """Discounts of more than the goods leave no share of a base to take, nor to give."""
    made = engine()
    made.consume(
        order(subtotal=100, order_discount=money(300), **ARRIVED),
        returned(300, day("12-03"), items=[{"total": money(200)}]),
    )
    assert (made.points(), made.explain().earning.base) == (0, 0)


@pytest.mark.parametrize("discount", [1000, 1300])
def test_where_no_base_was_left_to_take_an_order_is_not_wholly_returned(discount: int) -> None:
    made = engine()
    made.consume(order(order_discount=money(discount), **ARRIVED), returned(50, day("12-03")))
    assert (made.points(), made.explain().state) == (0, "granted")


def test_store_credits_in_another_currency_are_a_mismatch_where_they_enter_the_base() -> None:
    assert points_of(user_credit=money(400, "HKD")) == 100
    made = engine(deduct_store_credit=True)
    made.consume(order(user_credit=money(400, "HKD"), **ARRIVED))
    assert (made.points(), made.explain().reason) == (0, "currency_mismatch")


def test_the_platforms_own_figure_is_never_paid_from() -> None:
    assert points_of(member_point_summary={"pending_days": 0, "earned_points": 5000}) == 100


TIERS = [
    {"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None},
    {"unit_price": 10, "points_per_unit": 3, "membership_tier_id": TIER},
]


def test_the_tiers_rule_speaks_for_its_tier_and_the_general_one_for_others() -> None:
    assert points_of(engine(rules=TIERS), membership_tier_data={"_id": TIER}) == 300
    assert (
        points_of(engine(rules=TIERS), membership_tier_data={"_id": "6540c62d2ee23a0020bd8999"})
        == 100
    )
    assert points_of(engine(rules=TIERS)) == 100


def test_without_a_general_rule_other_tiers_earn_nothing() -> None:
    made = engine(rules=TIERS[1:])
    made.consume(order(**ARRIVED))
    assert (made.points(), made.explain().state, made.explain().reason) == (
        0,
        "none",
        "no_rule_for_tier",
    )


@pytest.mark.parametrize("late", [False, True])
def test_the_tier_is_the_one_at_creation_whatever_comes_later_or_is_heard_first(
    *, late: bool
) -> None:
    first = order(membership_tier_data={"_id": TIER}, updated=day("11-29"))
    upgraded = order(
        membership_tier_data={"_id": "6540c62d2ee23a0020bd8999"},
        updated=day("12-01 16:00"),
        **ARRIVED,
    )
    made = engine(rules=TIERS)
    made.consume(*((upgraded, first) if late else (first, upgraded)))
    assert made.points() == 300


@pytest.mark.parametrize(
    ("first", "points"),
    [(None, 100), ({"_id": " "}, 100), ({"_id": None}, 100), ({}, 300)],
)
def test_an_order_that_was_made_without_a_tier_earns_by_the_general_rule(
    first: Json, points: int
) -> None:
    told = order(membership_tier_data=first, updated=day("11-29"))
    reached = order(membership_tier_data={"_id": TIER}, updated=day("12-01 16:00"), **ARRIVED)
    for heard in ((told, reached), (reached, told)):
        made = engine(rules=TIERS)
        made.consume(*heard)
        assert made.points() == points


@pytest.mark.parametrize("created_by", ["shop", "sc", "mc", "admin", "openapi", "import"])
def test_these_are_the_online_channel(created_by: str) -> None:
    assert points_of(engine(channels=["ec"]), created_by=created_by) == 100
    assert points_of(engine(channels=["retail"]), created_by=created_by) == 0


@pytest.mark.parametrize("created_by", ["pos", "shop_crm"])
def test_tills_and_kiosks_are_the_retail_channel(created_by: str) -> None:
    assert points_of(engine(channels=["retail"]), created_by=created_by) == 100
    assert points_of(engine(channels=["ec"]), created_by=created_by) == 0


@pytest.mark.parametrize("created_by", ["pos", "shop_crm", "shop"])
def test_both_channels_earn_by_default(created_by: str) -> None:
    assert points_of(created_by=created_by) == 100


@pytest.mark.parametrize("created_by", ["hologram", "", None])
def test_an_unknown_creator_counts_as_online(created_by: str | None) -> None:
    assert points_of(engine(channels=["ec"]), created_by=created_by) == 100
    assert points_of(engine(channels=["retail"]), created_by=created_by) == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"member": None}, "no_member"),
        ({"member": ""}, "no_member"),
        ({"is_guest_checkout": True}, "guest_checkout"),
        ({"created_by": "pos", "type": "return"}, "pos_return"),
        ({"created_by": "pos", "type": "exchange"}, "pos_return"),
        ({"created_by": "shop_crm", "type": "return"}, "pos_return"),
        ({"status": "temp"}, "temporary_order"),
        ({"currency_iso": "HKD"}, "currency_mismatch"),
    ],
)
def test_these_orders_cannot_earn_and_say_why(fields: dict[str, Any], reason: str) -> None:
    made = engine()
    made.consume(order(**ARRIVED | fields))
    assert (made.points(), made.explain().state, made.explain().reason) == (0, "none", reason)


@pytest.mark.parametrize("guest", [False, None])
def test_a_checkout_that_is_not_known_to_be_a_guests_is_a_members(*, guest: bool | None) -> None:
    assert points_of(is_guest_checkout=guest) == 100


def test_other_types_of_till_orders_earn() -> None:
    assert points_of(created_by="pos", type="sale") == 100


@pytest.mark.parametrize("kind", ["return", "exchange"])
def test_only_of_tills_a_return_or_exchange_earns_nothing(kind: str) -> None:
    assert points_of(created_by="shop", type=kind) == 100


def test_an_order_of_a_channel_that_does_not_earn_says_so() -> None:
    made = engine(channels=["ec"])
    made.consume(order(created_by="pos", **ARRIVED))
    earning = made.explain().earning
    assert (earning.points, earning.base, earning.reason) == (0, 1000, "channel_excluded")


@pytest.mark.parametrize("status", ["cancelled", "removed"])
def test_cancelled_and_removed_orders_earn_nothing(status: str) -> None:
    made = engine()
    made.consume(order(status=status, **ARRIVED))
    assert (made.points(), made.explain().state, made.explain().reason) == (
        0,
        "withdrawn",
        "cancelled",
    )


def test_the_limit_itself_is_granted_and_one_unit_more_is_nothing() -> None:
    assert points_of(subtotal=10_000_000_000) == 1_000_000_000
    made = engine()
    made.consume(order(subtotal=10_000_000_010, **ARRIVED))
    assert (made.points(), made.explain().state, made.explain().reason) == (0, "none", "over_limit")


def test_amounts_of_64_bits_are_added_up_without_wrapping() -> None:
    made = engine()
    made.consume(order(subtotal=-(2**63), order_discount=money(2**63 - 1), **ARRIVED))
    assert (made.points(), made.explain().earning.base) == (0, 0)


@pytest.mark.parametrize("first", [MEMBER, OTHER_MEMBER])
def test_points_go_to_the_orders_own_member(first: str) -> None:
    made = engine()
    made.consume(order(member=first, **ARRIVED))
    assert {m: made.points(m) for m in (MEMBER, OTHER_MEMBER)} == {MEMBER: 0, OTHER_MEMBER: 0} | {
        first: 100
    }


@pytest.mark.parametrize(("on_refund", "points"), [("keep", 100), ("claw_back", 0)])
def test_a_refund_withdraws_also_where_the_cancellation_with_it_is_kept(
    on_refund: str, points: int
) -> None:
    made = engine(on_return="keep", on_refund=on_refund)
    made.consume(order(**ARRIVED))
    payment = {"status": "refunded"}
    gone = order(status="cancelled", updated=day("12-05"), order_payment=payment, **ARRIVED)
    made.consume(gone, when=day("12-05"))
    assert made.points() == points
