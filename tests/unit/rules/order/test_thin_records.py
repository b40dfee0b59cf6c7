"""Keys that a record lacks, replaced parcels, odd moments, signs, shares, refunds (D11 to D19)."""

from itertools import permutations
from typing import Any

import pytest

from rules.order.facts import OrderFacts, Parcel, ParcelRecord, ReturnOrder
from rules.order.folding import (
    MOST_PARCELS,
    MOST_RETURNS,
    TOO_MANY_RETURNS,
    fold_parcel,
    fold_return,
)
from rules.order.trail import MOST_ENTRIES, Version
from tests.support.customers import customer
from tests.support.in_memory import at
from tests.support.in_memory import granted_at_once as engine
from tests.support.order_facts import (
    HOME,
    OTHER_MEMBER,
    Event,
    day,
    delivery,
    money,
    order,
    parcel,
    removed,
    returned,
    some_id,
)

ARRIVED = parcel("arrived", arrived_at=day("12-01"), updated_at=day("12-01"))
SOLD = order(updated=day("12-01"), order_delivery=ARRIVED, completed_at=None)


def lacking(event: Event, *keys: str, **more: Any) -> Event:
    resource = {k: v for k, v in event["resource"].items() if k not in keys} | more
    return event | {"resource": resource}


# --- absent is not empty (D19)


@pytest.mark.parametrize(
    ("first", "then", "points"),
    [
        (SOLD, lacking(order(updated=day("12-02")), "customer_id"), 100),
        (SOLD, lacking(order(updated=day("12-02")), "subtotal"), 100),
        (
            order(updated=day("12-01"), order_delivery=ARRIVED, order_discount=money(300)),
            lacking(order(updated=day("12-02")), "order_discount"),
            70,
        ),
        (
            order(updated=day("12-01"), status="cancelled", order_delivery=ARRIVED),
            lacking(order(updated=day("12-02")), "status"),
            0,
        ),
        (SOLD, lacking(delivery("", day("12-02")), "status", "platform", "delivery_status"), 100),
        (
            order(updated=day("12-01"), order_delivery=ARRIVED | {"delivery_status": "failed"}),
            lacking(delivery("arrived", day("12-02")), "delivery_status"),
            0,
        ),
        (SOLD, lacking(order(updated=day("12-02")), customer_id=None), 0),
        (SOLD, lacking(order(updated=day("12-02")), customer_id=" "), 0),
    ],
)
def test_a_key_that_a_newer_record_lacks_says_nothing_and_null_says_none(
    first: Event, then: Event, points: int
) -> None:
    for heard in permutations([first, then, first]):
        assert engine(*heard).points() == points


def test_a_return_that_lacks_its_total_keeps_what_it_said() -> None:
    asked = returned(430, day("12-02"), status="confirmed")
    done = lacking(returned(0, day("12-05")), "total", "created_at")
    for heard in permutations([SOLD, asked, done]):
        assert engine(*heard).points() == 57


def test_an_order_is_named_by_the_order_inside_as_by_its_id() -> None:
    inside = lacking(
        delivery("arrived", day("12-01")), "order_id", order={"_id": f" {some_id('o')} "}
    )
    assert engine(order(order_id=some_id("o")), inside).points() == 100


def test_a_parcel_stays_failed_until_a_record_says_otherwise() -> None:
    """Its status may change meanwhile, to one that is not final and back."""
    failed = delivery("shipped", day("12-01"), delivery_status="failed")
    moved = lacking(delivery("shipped", day("12-02")), "delivery_status")
    came = lacking(delivery("arrived", day("12-05")), "delivery_status")
    found = delivery("arrived", day("12-07"), delivery_status="arrived")
    for heard in permutations([failed, moved, came]):
        assert engine(order(), *heard).explain().state == "waiting"
    for heard in permutations([failed, moved, came, found]):
        assert engine(order(), *heard).explain().final_at == at(day("12-07"))


# --- empty


def test_an_empty_delivery_says_nothing() -> None:
    sold = order(updated=day("12-02"), status="completed", completed_at=day("12-02"))
    empty = lacking(sold, order_delivery={})
    assert engine(empty).explain().state == "waiting"
    assert engine(SOLD, empty).points() == 100
    assert engine(lacking(empty, created_by="pos")).points() == 100
    none = lacking(sold, order_delivery=None)
    assert engine(none, lacking(empty, updated_at=day("12-03"))).points() == 100


# --- ties (rules.md 7)


@pytest.mark.parametrize("n", range(8))
def test_of_a_tie_what_ends_the_order_or_parcel_wins(n: int) -> None:
    sold = order(subtotal=1000 + n, updated=day("12-02"), order_delivery=ARRIVED)
    assert engine(sold, lacking(sold, status="cancelled")).points() == 0
    assert engine(lacking(sold, status="cancelled"), sold).points() == 0
    came, back = (delivery(s, day("12-05"), note=n) for s in ("arrived", "returned"))
    assert engine(order(), came, back).points() == engine(order(), back, came).points() == 0


@pytest.mark.parametrize("n", range(8))
def test_of_a_tie_what_ends_the_order_in_another_way_wins_too(n: int) -> None:
    sold = order(subtotal=1000 + n, updated=day("12-02"), order_delivery=ARRIVED)
    removal = removed(day("12-02"))
    bare = removal | {"ts": None, "resource": removal["resource"] | {"updated_at": day("12-02")}}
    gone, alone = (lacking(sold, combined_to_order_id=other) for other in (some_id("another"), ""))
    for told in ((sold, bare), (alone, gone)):
        assert engine(*told).explain().state == "withdrawn"
        assert engine(*told[::-1]).explain().state == "withdrawn"


@pytest.mark.parametrize("n", range(8))
def test_of_a_tie_a_removed_customer_is_no_member(n: int) -> None:
    joined = customer(day("11-20"), is_member=True, registered_at=day("11-01"), note=n)
    gone = customer(day("11-20"), topic="user/remove")
    for told in permutations((SOLD, joined, gone)):
        assert engine(*told).explain().reason == "not_a_member"


@pytest.mark.parametrize("n", range(8))
def test_of_a_tie_a_cancelled_return_is_over(n: int) -> None:
    came = delivery("arrived", day("12-02"))
    done, undone = (
        returned(430, day("12-06"), status=status, note=n) for status in ("completed", "cancelled")
    )
    assert engine(order(), came, done, undone).points() == 100
    assert engine(order(), came, undone, done).points() == 100


def test_two_records_of_one_version_are_one_state_whichever_is_asked() -> None:
    lost, fetched = (
        ParcelRecord(Version(5), b"p", "arrived", HOME, failed=True),
        ParcelRecord(Version(5), b"p", "arrived", HOME, pickup=True, arrived_at=1),
    )
    for told in permutations([lost, fetched]):
        facts = OrderFacts()
        for record in told:
            fold_parcel(facts, record)
        (one,) = facts.parcels
        assert one.record.failed
        assert one.trail.entries[-1].failed


# --- signs and currencies (D11)


@pytest.mark.parametrize("total", [430, -430])
def test_a_return_counts_by_its_magnitude(total: int) -> None:
    assert engine(SOLD, returned(total, day("12-05"))).points() == 57


def test_discounts_count_by_their_magnitude() -> None:
    less = {
        "order_discount": money(-100),
        "order_points_to_cash": money(-20),
        "custom_discount_items": [{"total": money(-50)}],
    }
    assert engine(lacking(SOLD, **less)).points() == 83


def test_two_returns_of_the_least_number_take_all_and_no_more() -> None:
    least = [returned(-(2**63), day("12-05"), return_id=name) for name in ("one", "two")]
    made = engine(SOLD, *least)
    assert (made.points(), made.explain().state) == (0, "withdrawn")
    assert made.explain().earning.returned == 2**63 - 1


def test_no_amount_is_larger_than_a_row_can_hold() -> None:
    least = money(-(2**63))
    made = engine(
        lacking(SOLD, order_discount=least, order_points_to_cash=least, user_credit=least)
    )
    made.consume(returned(-(2**63), day("12-05")))
    (facts,) = made.merchant().orders.values()
    assert facts.record is not None
    record = facts.record
    amounts = (record.order_discount, record.points_to_cash, record.user_credit)
    assert (amounts, facts.returns[0].total) == ((2**63 - 1,) * 3, 2**63 - 1)


@pytest.mark.parametrize(
    ("field", "amount", "points"),
    [
        ("order_discount", money(100, "USD"), 0),
        ("order_discount", money(0, "USD"), 100),
        ("order_discount", money(100, "twd"), 90),
        ("order_points_to_cash", money(100, "USD"), 0),
        ("custom_discount_items", [{"total": money(1)}, {"total": money(1, "USD")}], 0),
        ("user_credit", money(100, "USD"), 100),
        ("subtotal", money(1000, "USD"), 0),
    ],
)
def test_each_amount_has_its_currency(field: str, amount: Any, points: int) -> None:
    assert engine(lacking(SOLD, **{field: amount})).points() == points


def test_a_return_in_another_currency_is_not_counted() -> None:
    assert engine(SOLD, lacking(returned(0, day("12-05")), total=money(13, "USD"))).points() == 100


# --- odd moments (D14)


@pytest.mark.parametrize(
    "odd", ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00+08:00", "0001-01-01T00:00:00Z"]
)
def test_a_date_that_means_not_given_is_none(odd: str) -> None:
    told = lacking(SOLD, order_delivery=ARRIVED | {"arrived_at": odd, "updated_at": day("12-03")})
    assert engine(told).explain().final_at == at(day("12-03"))


def test_what_is_final_before_the_order_was_made_is_final_with_it() -> None:
    told = lacking(SOLD, order_delivery=ARRIVED | {"arrived_at": day("2023-12-01")})
    made = engine(told)
    assert (made.points(), made.explain().final_at) == (100, at(day("11-29")))


def test_what_is_granted_stays_granted_when_the_clock_steps_back() -> None:
    made = engine(SOLD, pending_days=3)
    assert made.history() == [("granted", 100)]
    made.now = at(day("12-03"))
    made.consume(lacking(SOLD, updated_at=day("12-02"), note="an edit"))
    assert (made.history(), made.explain().state) == ([("granted", 100)], "granted")


# --- parcels (D15)


def nested(parcel_id: str, status: str, when: str, **fields: Any) -> Event:
    inside = parcel(status, parcel_id=parcel_id, updated_at=day(when))
    return order(updated=day(when), order_delivery=inside, **fields)


def test_a_parcel_that_another_replaced_in_the_order_is_awaited_no_more() -> None:
    old, new = nested("old", "pending", "11-30"), nested("new", "arrived", "12-02")
    for heard in permutations([old, new]):
        assert engine(*heard).points() == 100


@pytest.mark.parametrize(("when", "points"), [("12-01", 100), ("12-03", 0)])
def test_a_replaced_parcel_counts_by_an_event_of_its_own_newer_than_the_order(
    when: str, points: int
) -> None:
    told = [
        nested("old", "pending", "11-30"),
        nested("new", "arrived", "12-02"),
        delivery("pending", day(when), parcel_id="old"),
    ]
    for heard in permutations(told):
        assert engine(*heard).points() == points


def test_a_parcel_that_only_events_name_is_one_more() -> None:
    added = delivery("pending", day("11-30"), parcel_id="another")
    assert engine(nested("new", "arrived", "12-02"), added).points() == 0


@pytest.mark.parametrize("state", ["pending", "returned", "failed"])
@pytest.mark.parametrize(("by", "points"), [("r1", 70), (None, 0), ("", 0)])
def test_a_parcel_that_a_return_order_sent_back_keeps_its_finality(
    by: str | None, points: int, state: str
) -> None:
    more: Any = {"return_order_id": by, "returned_at": day("12-09"), "delivery_status": state}
    back = delivery("returned", day("12-09"), **more)
    assert engine(SOLD, returned(300, day("12-07")), back).points() == points
    assert engine(order(), back).points() == 0  # it never was final


# --- returns and refunds (D16, D17)


def test_a_return_takes_what_its_goods_had_earned_and_fractions_are_rounded_once() -> None:
    sold = lacking(SOLD, subtotal=money(2310), order_discount=money(693))
    items = [{"total": money(1450)}, {"total": money(430)}]
    back = lacking(returned(1880, day("12-05")), items=items)
    assert engine(sold, back).explain().earning.base == 301
    thirds = lacking(SOLD, subtotal=money(300), order_discount=money(200))
    one = [{"total": money(100)}]
    told = [lacking(returned(100, day("12-05"), return_id=n), items=one) for n in "abc"]
    assert engine(thirds, *told[:2]).explain().earning.base == 34
    assert engine(thirds, *told).explain().state == "withdrawn"


def test_a_return_without_total_takes_its_items_share() -> None:
    sold = lacking(SOLD, order_discount=money(300))
    priced = [{"item_price": money(-250), "quantity": 2}]
    back = lacking(returned(0, day("12-05")), "total", items=priced)
    assert engine(sold, back).explain().earning.base == 350


@pytest.mark.parametrize("on_return", ["keep", "claw_back"])
@pytest.mark.parametrize(
    ("on_refund", "status", "points"),
    [("keep", "refunded", 100), ("claw_back", "refunded", 0), ("claw_back", "completed", 100)],
)
def test_a_refund_without_a_return_takes_back_only_where_the_merchant_says_so(
    on_return: str, on_refund: str, status: str, points: int
) -> None:
    paid = lacking(SOLD, updated_at=day("12-18"), order_payment={"status": status})
    made = engine(SOLD, on_refund=on_refund, on_return=on_return)
    made.consume(paid, lacking(paid, "order_payment", updated_at=day("12-19")))
    assert made.points() == points
    assert made.explain().reason == (None if points else "refunded")


# --- bounds


def test_a_nightly_synchronisation_grows_nothing() -> None:
    made = engine(SOLD)
    for n in range(5 * MOST_ENTRIES):
        night = f"12-{n // 24 + 2:02} {n % 24:02}:00"
        made.consume(lacking(SOLD, "completed_at", status="completed", updated_at=day(night)))
    (facts,) = made.merchant().orders.values()
    assert len(facts.trail.entries) <= MOST_ENTRIES
    assert len(facts.parcels[0].trail.entries) <= MOST_ENTRIES
    assert made.explain().final_at == at(day("12-01"))
    assert facts.trail.entries[0].version.at == at(day("12-02"))


@pytest.mark.parametrize(("last", "points"), [("arrived", 100), ("returned", 0)])
def test_a_parcel_that_goes_to_and_fro_grows_no_further(last: str, points: int) -> None:
    made = engine(SOLD)
    for n in range(2 * MOST_ENTRIES):
        hour = f"12-{n // 24 + 2:02} {n % 24:02}:00"
        status = last if n % 2 else {"arrived": "returned", "returned": "arrived"}[last]
        told = {"status": status, "updated_at": day(hour)}
        made.consume(lacking(SOLD, updated_at=day(hour), order_delivery=ARRIVED | told))
    (facts,) = made.merchant().orders.values()
    assert len(facts.parcels[0].trail.entries) == MOST_ENTRIES
    assert made.points() == points


def test_of_many_parcels_those_that_were_replaced_are_forgotten() -> None:
    told = [nested(f"parcel {n}", "pending", f"12-01 {n // 60:02}:{n % 60:02}") for n in range(300)]
    made = engine(*told, nested("last", "arrived", "12-02"))
    (facts,) = made.merchant().orders.values()
    assert len(facts.parcels) == MOST_PARCELS
    assert made.points() == 100


def test_of_too_many_returns_those_that_do_not_count_are_forgotten() -> None:
    facts = OrderFacts()
    for n in range(2 * MOST_RETURNS):
        status = "completed" if n % 2 else "confirmed"
        fold_return(facts, ReturnOrder(b"%d" % n, Version(n), status, 1))
    assert len(facts.returns) == MOST_RETURNS
    assert sum(one.status == "completed" for one in facts.returns) == MOST_RETURNS
    more = ReturnOrder(b"more", Version(9), "completed", 1)
    assert fold_return(facts, more) is TOO_MANY_RETURNS


# --- a member who comes back (D9)


@pytest.mark.parametrize("between", [OTHER_MEMBER, None])
def test_what_a_member_had_before_he_lost_the_order_is_not_counted_when_he_loses_it_again(
    between: str | None,
) -> None:
    made = engine(SOLD)
    (account,) = made.merchant().accounts.values()
    account.available -= 30  # spent
    next(iter(account.lots.values())).remaining -= 30
    made.until(day("2026-01-02"))
    for n, member in enumerate([between, SOLD["resource"]["customer_id"], between]):
        made.consume(lacking(SOLD, customer_id=member, updated_at=day(f"12-{n + 3:02}")))
    assert account.debt == 30


def test_facts_without_a_record_count_all_their_parcels() -> None:
    one = Parcel(ParcelRecord(Version(1), b"p", "", None), nested=True)
    assert OrderFacts(parcels=(one,)).counted == (one,)


def test_the_currency_of_a_subtotal_does_not_stand_for_the_orders_own() -> None:
    foreign = lacking(SOLD, currency_iso="HKD", updated_at=day("12-01"))
    thin = lacking(SOLD, "currency_iso", updated_at=day("12-02"))
    for heard in permutations([foreign, thin]):
        assert engine(*heard).explain().reason == "currency_mismatch"


@pytest.mark.parametrize("order_of", [("USD", "TWD"), ("TWD", "USD"), ("TWD", "USD", "TWD")])
def test_a_return_with_one_item_in_another_currency_is_not_counted(
    order_of: tuple[str, ...],
) -> None:
    items = [{"total": money(100, code)} for code in order_of]
    assert engine(SOLD, lacking(returned(300, day("12-05")), items=items)).points() == 100
