"""The quote: every figure of the help page and of account.md 2, and what always holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.account.in_force import NOTHING, InForce
from rules.quotes import steps
from rules.quotes.redemption import Quote, quote
from schemas.commands.bodies import MOST_MOVED
from schemas.money import fraction_digits
from tests.support.account.quoting import cart_of, item, settings_of

PERCENT = settings_of(max_percent=20)


def summary(made: Quote) -> tuple[str, int, int]:
    return made.code, made.points, made.point_discount


# The help page's own figures


def test_20_percent_of_226_is_rounded_up_to_46_and_takes_460_points() -> None:
    made = quote(cart_of(item(113, 2)), PERCENT, 5000)
    assert summary(made) == ("ok", 460, 46)
    assert (made.max_points, made.limited_by, made.total) == (460, "maximum", 180)


def test_200_points_are_worth_20_and_leave_600_of_800() -> None:
    made = quote(cart_of(item(500), points=200), settings_of(), 800)
    assert summary(made) == ("ok", 200, 20)
    assert made.points_left == 600


@pytest.mark.parametrize(
    ("entered", "code", "points"),
    [
        (15, "rounded", 10),
        (23, "rounded", 20),
        (9, "below_minimum", 0),
        (1, "below_minimum", 0),
        (10, "ok", 10),
        (0, "ok", 0),
    ],
)
def test_what_is_entered_becomes_whole_units(entered: int, code: str, points: int) -> None:
    cart, settings = cart_of(item(500), points=entered), settings_of()
    made = quote(cart, settings, 800)
    assert summary(made) == (code, points, points // 10)
    assert made.max_points == 800
    if code == "below_minimum":
        told = steps.message(made, cart, settings)
        assert told == "At least 10 points must be entered"


def test_the_prompt_names_a_large_unit_without_separators() -> None:
    cart, settings = cart_of(item(500), points=1), settings_of(unit_points=1000)
    made = quote(cart, settings, 8000)
    assert steps.message(made, cart, settings) == "At least 1000 points must be entered"


@pytest.mark.parametrize(
    ("price", "code", "points"),
    [(199, "below_minimum_purchase", 0), (200, "ok", 500), (201, "ok", 500)],
)
def test_from_200_on_at_most_50_may_be_paid_with_points(price: int, code: str, points: int) -> None:
    made = quote(cart_of(item(price)), settings_of(minimum_purchase=200, max_amount=50), 5000)
    assert summary(made) == (code, points, points // 10)


def test_the_minimum_counts_after_discounts_and_store_credits() -> None:
    settings = settings_of(minimum_purchase=200, max_amount=50)
    reached = cart_of(item(230), discount=20, store_credit=10)
    assert summary(quote(reached, settings, 5000)) == ("ok", 500, 50)
    missed = cart_of(item(230), discount=20, store_credit=11)
    assert quote(missed, settings, 5000).code == "below_minimum_purchase"


def test_delivery_counts_for_no_bound_and_is_paid() -> None:
    made = quote(cart_of(item(226), delivery_fee=60), PERCENT, 5000)
    assert summary(made) == ("ok", 460, 46)
    assert made.total == 226 - 46 + 60
    below = quote(cart_of(item(199), delivery_fee=60), settings_of(minimum_purchase=200), 5000)
    assert below.code == "below_minimum_purchase"


def test_the_total_is_subtotal_less_discount_credit_and_points_plus_delivery() -> None:
    cart = cart_of(item(113, 2), discount=6, store_credit=20, delivery_fee=60)
    made = quote(cart, PERCENT, 5000)
    assert (made.subtotal, made.eligible, made.point_discount) == (226, 200, 40)
    assert made.total == 226 - 6 - 20 - 40 + 60


def test_excluded_products_count_for_no_bound_and_discounts_come_off_the_others() -> None:
    cart = cart_of(item(100), item(1000, excluded=True), discount=30, store_credit=20)
    made = quote(cart, settings_of(), 50_000)
    assert (made.subtotal, made.eligible, made.points) == (1100, 50, 500)
    below = quote(cart, settings_of(minimum_purchase=51), 50_000)
    assert below.code == "below_minimum_purchase"


# The other figures of the quote


def test_units_of_three_dollars_leave_the_rest_of_seven() -> None:
    made = quote(cart_of(item(7)), settings_of(price_per_unit=3), 5000)
    assert summary(made) == ("ok", 20, 6)
    assert made.limited_by == "eligible"


def test_a_percentage_goes_up_to_the_whole_dollar_in_cents() -> None:
    hkd = settings_of("HKD", max_percent=20)
    made = quote(cart_of(item(22600), currency="HKD"), hkd, 5000)
    assert summary(made) == ("ok", 460, 4600)
    amount = quote(cart_of(item(46295), currency="HKD"), hkd, 5000)  # 20 % are HKD 92.59
    assert amount.bounds is not None
    assert amount.bounds.maximum_amount == 9300


def test_less_than_a_unit_of_eligible_amount_is_not_eligible() -> None:
    cart = cart_of(item(40), currency="HKD")
    made = quote(cart, settings_of("HKD", max_percent=100), 5000)
    assert made.code == "not_eligible"
    assert made.bounds is not None
    assert made.bounds.maximum_amount == 100
    assert (made.max_points, made.points, made.limited_by) == (0, 0, None)


def test_a_maximum_below_a_unit_is_not_eligible() -> None:
    made = quote(cart_of(item(100)), settings_of(price_per_unit=10, max_amount=9), 5000)
    assert made.code == "not_eligible"


def test_an_order_that_discounts_pay_whole_is_not_eligible_and_costs_nothing_below_zero() -> None:
    made = quote(cart_of(item(100), discount=90, store_credit=20), settings_of(), 5000)
    assert (made.code, made.eligible, made.total) == ("not_eligible", 0, 0)


def test_the_balance_limits_in_whole_units() -> None:
    made = quote(cart_of(item(226)), settings_of(), 19)
    assert summary(made) == ("ok", 10, 1)
    assert (made.limited_by, made.points_left) == ("balance", 9)


def test_no_more_is_quoted_than_one_hold_can_take() -> None:
    cart, settings = cart_of(item(10**9)), settings_of(unit_points=7)
    made = quote(cart, settings, 3 * MOST_MOVED)
    assert (made.code, made.points) == ("ok", MOST_MOVED - MOST_MOVED % 7)
    assert (made.max_points, made.limited_by) == (made.points, "maximum")
    assert (made.available, made.points_left) == (3 * MOST_MOVED, 3 * MOST_MOVED - made.points)
    told = [*steps.steps(made, cart, settings)]
    assert "One order can use 1,000,000,000 points at most." in told
    assert "At most 999,999,994 points can be used, by the most that one order can use." in told
    entered = cart_of(item(10**9), points=2 * MOST_MOVED)
    assert summary(quote(entered, settings, 3 * MOST_MOVED))[:2] == ("capped", made.points)


def test_a_bound_that_a_hold_can_take_is_named_as_without_that_limit() -> None:
    """Also one that is exactly as large, and of a member with more points."""
    cart, settings = cart_of(item(10**9)), settings_of(unit_points=10)
    assert quote(cart, settings, MOST_MOVED).limited_by == "balance"
    made = quote(cart_of(item(5)), settings, 3 * MOST_MOVED)
    assert (made.max_points, made.limited_by) == (50, "eligible")
    assert "One order" not in "".join(steps.steps(made, cart_of(item(5)), settings))


def test_more_than_allowed_is_capped_and_not_refused() -> None:
    assert summary(quote(cart_of(item(226), points=465), PERCENT, 5000)) == ("rounded", 460, 46)
    assert summary(quote(cart_of(item(226), points=470), PERCENT, 5000)) == ("capped", 460, 46)
    assert summary(quote(cart_of(item(226), points=10**12), PERCENT, 5000)) == ("capped", 460, 46)


def test_of_equal_bounds_the_first_is_named() -> None:
    assert quote(cart_of(item(5)), settings_of(max_amount=5), 50).limited_by == "maximum"
    assert quote(cart_of(item(5)), settings_of(max_amount=6), 50).limited_by == "eligible"
    assert quote(cart_of(item(6)), settings_of(max_amount=6), 50).limited_by == "balance"


# Codes and their order: each case breaks what comes after it as well

_EMPTY: dict[str, Any] = {"currency": "HKD", "channel": "retail", "discount": 226}


@pytest.mark.parametrize(
    ("code", "settings", "cart"),
    [
        ("feature_off", settings_of(feature=False, cash=False), _EMPTY),
        ("feature_off", NOTHING, _EMPTY),
        ("not_offered", settings_of(cash=False), _EMPTY),
        ("not_offered", settings_of(minimum_purchase=200), _EMPTY),
        ("currency_mismatch", settings_of(minimum_purchase=200), _EMPTY | {"channel": "ec"}),
        ("below_minimum_purchase", settings_of(minimum_purchase=200), {"discount": 226}),
        ("not_eligible", settings_of(), {"discount": 226}),
        ("no_points", settings_of(), {}),
    ],
)
def test_the_first_reason_that_holds_is_the_code(
    code: str, settings: InForce, cart: dict[str, Any]
) -> None:
    asked = cart_of(item(226), points=9, **cart)
    made = quote(asked, settings, 9)
    assert (made.code, made.max_points, made.points, made.limited_by) == (code, 0, 0, None)
    assert (made.eligible, made.available) == (226 - asked.discount, 9)
    assert steps.message(made, asked, settings)


def test_a_till_redeems_where_the_shop_offers_it() -> None:
    cart = cart_of(item(226), channel="retail")
    assert quote(cart, settings_of(channels=["ec", "retail"]), 5000).code == "ok"


def test_a_currency_is_compared_in_capitals() -> None:
    assert quote(cart_of(item(226), currency="twd"), PERCENT, 5000).code == "ok"


def test_the_steps_tell_each_figure() -> None:
    cart = cart_of(item(113, 2), store_credit=26)
    assert list(steps.steps(quote(cart, PERCENT, 5000), cart, PERCENT)) == [
        "2 items cost TWD 226.",
        "Points may pay for TWD 200 of it, without store credit of TWD 26.",
        "5,000 points are available.",
        "Every 10 points are worth TWD 1.",
        "The shop's maximum is TWD 40 (20 % of TWD 200, rounded up to the whole unit): 40 units.",
        "The amount allows 200 units, the balance 500 units.",
        "At most 400 points can be used, by the shop's maximum for one order.",
        "400 points give a discount of TWD 40; TWD 160 are to be paid, and 4,600 points are left.",
    ]


# What always holds

_AMOUNT = st.integers(0, 10**12)
_ITEMS = st.lists(
    st.builds(
        lambda price, quantity, excluded: item(price, quantity, excluded=excluded),
        st.integers(0, 5000) | _AMOUNT,
        st.integers(1, 30),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def offers(draw: st.DrawFn) -> InForce:
    currency = draw(st.sampled_from(["TWD", "HKD", "KWD"]))
    digits = fraction_digits(currency)
    amount = st.integers(1, 10**6).map(lambda minor: minor / 10**digits)
    maximum = draw(st.sampled_from(["none", "max_amount", "max_percent"]))
    percent = st.integers(1, 10_000).map(lambda hundredths: hundredths / 100)
    keys: dict[str, Any] = {
        "unit_points": draw(st.integers(1, 1000)),
        "price_per_unit": draw(amount),
        "minimum_purchase": draw(st.just(0) | amount),
    }
    if maximum != "none":
        keys[maximum] = draw(amount if maximum == "max_amount" else percent)
    return settings_of(currency, **keys)


@given(
    settings=offers(),
    items=_ITEMS,
    discount=st.just(0) | st.integers(0, 5000) | _AMOUNT,
    entered=st.none() | st.integers(0, 10_000),
    available=st.integers(0, 10**9) | st.integers(0, 10**12),
)
def test_never_more_than_is_eligible_allowed_or_owned_and_always_whole_units(
    settings: InForce,
    items: list[dict[str, Any]],
    discount: int,
    entered: int | None,
    available: int,
) -> None:
    assert settings.rules is not None
    cash, currency = settings.rules.account.cash, settings.rules.currency
    assert cash is not None
    cart = cart_of(*items, currency=currency, discount=discount, points=entered)
    made = quote(cart, settings, available)
    assert 0 <= made.points <= made.max_points <= min(available, MOST_MOVED)
    assert made.points % cash.unit_points == made.max_points % cash.unit_points == 0
    assert made.point_discount * cash.unit_points == made.points * cash.price
    assert made.point_discount <= made.eligible <= made.subtotal
    if cash.max_amount is not None:
        assert made.point_discount <= cash.max_amount
    if cash.max_percent is not None:
        major = 10 ** fraction_digits(currency)
        assert (made.point_discount - major) * 10_000 < made.eligible * cash.max_percent
    if entered is not None:
        assert made.points <= entered
    elif made.code == "ok":
        assert made.points == made.max_points
    assert made.points == 0 or made.eligible >= cash.minimum_purchase
    assert made.points_left + made.points == available
    assert all(steps.steps(made, cart, settings))


@given(settings=offers(), items=_ITEMS, available=st.integers(0, 10**9) | st.integers(0, 10**12))
def test_one_unit_more_would_break_the_bound_that_is_named(
    settings: InForce, items: list[dict[str, Any]], available: int
) -> None:
    assert settings.rules is not None
    cash = settings.rules.account.cash
    assert cash is not None
    made = quote(cart_of(*items, currency=settings.rules.currency), settings, available)
    if made.bounds is None or made.limited_by is None:
        return
    points = made.max_points + cash.unit_points
    discount = points // cash.unit_points * cash.price
    assert {
        "maximum": points > MOST_MOVED
        or (made.bounds.maximum_amount is not None and discount > made.bounds.maximum_amount),
        "eligible": discount > made.eligible,
        "balance": points > available,
    }[made.limited_by]
