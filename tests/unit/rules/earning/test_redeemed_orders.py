"""What comes back of points that an order redeemed, and what it takes itself (account.md 5)."""

import pytest

from rules.account.holds import Purpose
from rules.account.redemptions import DEBIT_NUMBER, Redemption
from rules.earning.redeemed_orders import RedeemChange, redeem_changes
from rules.order.facts import OrderFacts
from schemas.packing import pack_id
from schemas.settings import BoundRules
from schemas.settings.account_rules import AccountRules
from tests.support.in_memory import InMemoryEngine
from tests.support.order_facts import (
    MEMBER,
    ORDER,
    OTHER_MEMBER,
    Event,
    Json,
    day,
    money,
    order,
    returned,
    settings,
)

ANN, BEA, PACKED = pack_id(MEMBER), pack_id(OTHER_MEMBER), pack_id(ORDER)
KEEP, GIVE = 1, 2
"""Settings versions: that keep what a cancelled order redeemed, and that give it back."""


def heard(*events: Event, **redeem: Json) -> tuple[OrderFacts, BoundRules]:
    """An order's facts, and the settings that it is bound to."""
    made = InMemoryEngine()
    made.apply(settings(redeem={"from_orders": "debit", **redeem}))
    made.consume(*events)
    facts = made.merchant().orders[PACKED]
    return facts, made.merchant().rules[facts.settings_no]


def policies(version: int | None) -> AccountRules:
    _, rules = heard(order(), return_on_cancel=version == GIVE, on_return="keep")
    return rules.account


def capture(points: int, number: int = 1, version: int = GIVE) -> Redemption:
    return Redemption(PACKED, number, Purpose.cash, points, version)


def debit(points: int, version: int = GIVE, *, returned: int = 0) -> Redemption:
    return Redemption(PACKED, DEBIT_NUMBER, None, points, version, returned=returned)


CANCELLED = order(status="cancelled", updated=day("12-05"), order_points=100)


def test_a_debit_goes_by_the_settings_that_the_order_is_bound_to_by_now() -> None:
    """Of a split child these may be other ones than at its first debit (rules.md 1.7)."""
    facts, rules = heard(CANCELLED)
    for bound, back in ((KEEP, 0), (GIVE, 100)):
        facts.settings_no = bound
        for taken_under in (KEEP, GIVE):
            known = {ANN: [debit(100, taken_under)]}
            changes = redeem_changes(facts, rules, (), known, policies)
            assert sum(change.points for change in changes) == back


def test_a_capture_goes_by_the_settings_of_its_hold() -> None:
    facts, rules = heard(CANCELLED)
    for bound in (KEEP, GIVE):
        facts.settings_no = bound
        for held_under, back in ((KEEP, 0), (GIVE, 100)):
            known = {ANN: [capture(100, version=held_under)]}
            changes = redeem_changes(facts, rules, (), known, policies)
            assert sum(change.points for change in changes) == back


def test_captures_come_in_their_order_and_the_debit_last() -> None:
    facts, rules = heard(CANCELLED)
    known = {ANN: [debit(40), capture(30, 2), capture(20, 1)]}
    facts.settings_no = GIVE
    assert redeem_changes(facts, rules, (), known, policies) == [
        RedeemChange(ANN, 1, 20),
        RedeemChange(ANN, 2, 30),
        RedeemChange(ANN, DEBIT_NUMBER, 40),
    ]


@pytest.mark.parametrize("order_points", [100, -100])
def test_a_debit_moves_with_the_order_and_takes_all_from_the_new_member(order_points: int) -> None:
    facts, rules = heard(order(member=OTHER_MEMBER, order_points=order_points))
    known = {ANN: [debit(100, returned=30)], BEA: [debit(60, returned=60)]}
    assert redeem_changes(facts, rules, (), known, policies) == [
        RedeemChange(ANN, DEBIT_NUMBER, 70),
        RedeemChange(BEA, DEBIT_NUMBER, -100),
    ]


def test_what_others_captured_is_no_debit_of_the_orders_member() -> None:
    facts, rules = heard(order(member=OTHER_MEMBER, order_points=100))
    known = {ANN: [capture(60), debit(10)]}
    assert redeem_changes(facts, rules, (), known, policies) == [
        RedeemChange(ANN, DEBIT_NUMBER, 10),
        RedeemChange(BEA, DEBIT_NUMBER, -40),
    ]


@pytest.mark.parametrize(("back", "points"), [([333], [33]), ([333, 667], [100, 100])])
def test_cash_comes_back_by_the_part_rounded_down_and_a_gift_with_the_last_of_it(
    back: list[int], points: list[int]
) -> None:
    events = [returned(total, day("12-04"), return_id=f"{total}") for total in back]
    gifts = Redemption(PACKED, 2, Purpose.gift, 100, GIVE)
    assert points_of({ANN: [capture(100), gifts]}, order(), *events) == points


def points_of(
    redeemed: dict[bytes, list[Redemption]], *events: Event, earn: Json = None, **redeem: Json
) -> list[int]:
    """What is posted of an order for these redemptions, all under the settings it is bound to."""
    made = InMemoryEngine()
    made.apply(settings(earn=earn, redeem=redeem))
    made.consume(*events)
    facts = made.merchant().orders[PACKED]
    rules = made.merchant().rules[facts.settings_no]
    changes = redeem_changes(facts, rules, (), redeemed, lambda _: rules.account)
    return [change.points for change in changes]


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"order_points": 1_000_000_000}, [-1_000_000_000]),
        ({"order_points": 1_000_000_001}, []),
        ({"order_points": 100, "status": "temp"}, []),
        ({"order_points": 100, "member": None}, []),
        ({"order_points": 100, "combined_to_order_id": "64d20b7741f3a90019c0de99"}, []),
        ({"order_points": 100, "created": "2018-12-31T00:00:00Z"}, []),
    ],
)
def test_which_orders_take_points_themselves(fields: dict[str, Json], taken: list[int]) -> None:
    made = InMemoryEngine()
    made.apply(settings(redeem={"from_orders": "debit"}))
    made.consume(order(**fields))
    facts = made.merchant().orders[PACKED]
    rules = made.merchant().rules.get(facts.settings_no)
    changes = redeem_changes(facts, rules, (), {}, policies)
    assert [change.points for change in changes] == taken


def test_an_order_of_a_shop_that_was_off_takes_nothing() -> None:
    facts, _ = heard(order(order_points=100))
    made = InMemoryEngine()
    needs_app = {"plan": "o2o", "app_installed": True, "modules": []}
    made.apply(settings(redeem={"from_orders": "debit"}, entitlement=needs_app))
    rules = made.merchant().rules[1]
    assert redeem_changes(facts, rules, (), {}, policies) != []
    made.installed(day("11-01"), installed=False)
    assert redeem_changes(facts, rules, made.merchant().installs, {}, policies) == []


def test_more_captured_than_the_order_says_is_no_debit_below_zero() -> None:
    known = {ANN: [capture(150), debit(0)]}
    assert points_of(known, order(order_points=100), from_orders="debit") == []


def test_by_hand_and_by_itself_give_back_no_more_than_was_taken() -> None:
    one = capture(100)
    one.manual = one.returned = 80
    half = returned(500, day("12-04"))
    assert points_of({ANN: [one]}, order(), half) == [20]


def test_more_returned_than_was_bought_is_the_whole() -> None:
    twice = [returned(800, day("12-04"), return_id=name) for name in ("one", "other")]
    assert points_of({ANN: [capture(100)]}, order(), *twice) == [100]


def test_with_keep_a_return_gives_nothing_back_and_a_cancellation_all() -> None:
    whole = returned(1000, day("12-04"))
    assert points_of({ANN: [capture(100)]}, order(), whole, on_return="keep") == []
    gone = order(status="cancelled", updated=day("12-05"))
    assert points_of({ANN: [capture(100)]}, order(), gone, on_return="keep") == [100]


@pytest.mark.parametrize(
    ("fields", "back"),
    [
        ({}, [25]),
        ({"items": [{"total": money(100)}]}, [50]),
        ({"items": [{"total": money(200)}]}, [100]),
        ({"items": [{"total": money(20)}]}, [10]),
    ],
)
def test_of_an_order_without_a_base_the_list_prices_are_the_measure(
    fields: dict[str, Json], back: list[int]
) -> None:
    """Of goods for 200 at no cost: by the items' prices, without items by what was paid back."""
    free = order(subtotal=200, order_discount=money(200))
    assert points_of({ANN: [capture(100)]}, free, returned(50, day("12-04"), **fields)) == back


def test_an_order_without_any_price_has_no_measure() -> None:
    back = returned(5, day("12-04"), items=[{"total": money(5)}])
    assert points_of({ANN: [capture(100)]}, order(subtotal=0), back) == []


@pytest.mark.parametrize(("deducts", "back"), [(False, 50), (True, 62)])
def test_store_credits_count_in_the_measure_as_they_do_in_the_base(
    back: int, *, deducts: bool
) -> None:
    """Of a base of 1,000, or of 800, a refund of 500 without items is so much."""
    events = order(user_credit=money(200)), returned(500, day("12-04"))
    earn = {"deduct_store_credit": deducts}
    assert points_of({ANN: [capture(100)]}, *events, earn=earn) == [back]


@pytest.mark.parametrize(("on_refund", "back"), [("keep", []), ("claw_back", [100])])
def test_a_refund_gives_back_where_the_orders_settings_say_so(
    on_refund: str, back: list[int]
) -> None:
    refunded = order(updated=day("12-05"), order_payment={"status": "refunded"})
    earn = {"on_refund": on_refund}
    assert points_of({ANN: [capture(100)]}, order(), refunded, earn=earn) == back


def test_an_order_that_went_into_another_gives_nothing_back_by_that() -> None:
    gone = order(status="cancelled", updated=day("12-05"), combined_to_order_id="6" * 24)
    assert points_of({ANN: [capture(100)]}, order(), gone) == []
