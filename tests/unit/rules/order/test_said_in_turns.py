"""What a sender says again and again, whole and thin in turns: of it all that decides is kept.

Nightly synchronisations and polls send a parcel, an order or a customer a hundred times, and not
always with the same keys (D19).
"""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order import folding
from rules.order.delivery import before_it_went_back, final_moment, gone_back_since
from rules.order.facts import OrderFacts, Parcel
from rules.order.folding import fold_parcel
from rules.order.membership import (
    MOST_STATEMENTS,
    UNKNOWN_BUYER,
    Buyer,
    MemberStatement,
    not_yet_a_member,
    with_statement,
)
from rules.order.records import parcel_record
from rules.order.trail import MOST_ENTRIES, Version
from tests.support.in_memory import at
from tests.support.in_memory import granted_at_once as engine
from tests.support.order_facts import HOME, STORE, Event, Json, day, delivery, order

TIMES = 150


def hour(n: int) -> str:
    """So many hours after 1 December."""
    return day(f"12-{n // 24 + 1:02} {n % 24:02}:00")


def thin(event: Event, *left: str, **more: Json) -> Event:
    """The event with these keys of the resource alone, and those that it needs."""
    needed = ("id", "order_id", "created_at", "updated_at", *left)
    resource = {k: v for k, v in event["resource"].items() if k in needed}
    return event | {"resource": resource | more}


def whole(n: int) -> Event:
    return delivery("arrived", hour(n))


@pytest.mark.parametrize(
    "between",
    [
        lambda n: thin(whole(n), "delivery_status"),
        lambda n: thin(whole(n), arrived_at=None),
        lambda n: delivery("collected", hour(n)),
        whole,
    ],
)
def test_a_parcel_that_is_polled_for_days_is_final_since_the_first_word(between: Any) -> None:
    polled = [whole(n) if n % 2 == 0 else between(n) for n in range(TIMES)]
    made = engine(order(), *polled)
    assert made.explain().final_at == at(hour(0))
    (facts,) = made.merchant().orders.values()
    assert len(facts.parcels[0].trail.entries) <= MOST_ENTRIES


def test_a_completed_sale_that_is_polled_for_days_is_final_since_the_first_word() -> None:
    sold = [order(created_by="pos", status="completed", updated=hour(n)) for n in range(TIMES)]
    polled = [
        one if n % 2 == 0 else thin(one, "currency_iso", completed_at=None)
        for n, one in enumerate(sold)
    ]
    assert engine(*polled).explain().final_at == at(hour(0))


def test_what_a_parcel_was_before_a_long_way_back_is_not_forgotten() -> None:
    back = [delivery("returning", hour(n)) for n in range(24, TIMES)]
    polled = [one if n % 2 == 0 else thin(one, "delivery_status") for n, one in enumerate(back)]
    made = engine(order(), whole(0), *polled, on_return="keep")
    assert (made.points(), made.explain().final_at) == (100, at(hour(0)))


SAID: dict[str, st.SearchStrategy[Json]] = {
    "status": st.sampled_from(["arrived", "collected"]),
    "delivery_status": st.just("pending"),
    "arrived_at": st.sampled_from([None, datetime(2024, 12, 1, tzinfo=UTC)]),
    "collected_at": st.sampled_from([None, datetime(2024, 12, 2, tzinfo=UTC)]),
}


@given(
    told=st.lists(st.fixed_dictionaries({}, optional=SAID), min_size=2, max_size=6),
    option=st.sampled_from([HOME, STORE]),
    back=st.booleans(),
)
def test_a_trail_cut_short_says_what_the_whole_one_says(
    told: list[Json], option: str, *, back: bool
) -> None:
    def parcel() -> Parcel:
        facts = OrderFacts()
        for n in range(TIMES):
            resource: Json = {"id": "p", "platform": option, **told[n % len(told)]}
            fold_parcel(facts, parcel_record(resource, Version(n)))
        if back:
            fold_parcel(facts, parcel_record({"id": "p", "status": "returning"}, Version(TIMES)))
        return facts.parcels[0]

    with patch.object(folding, "MOST_ENTRIES", 10 * TIMES):
        kept_whole = parcel()
    cut = parcel()
    assert len(cut.trail.entries) <= MOST_ENTRIES
    for asked in (final_moment, before_it_went_back):
        assert asked(cut, {}) == asked(kept_whole, {})
    assert gone_back_since(cut) == gone_back_since(kept_whole)


JOINED, LEFT, BACK = 100, 200, 300


def timeline(*said: MemberStatement) -> Buyer:
    buyer = UNKNOWN_BUYER
    for statement in said:
        buyer = with_statement(buyer, statement)
    return buyer


CAME_BACK = (
    MemberStatement(Version(JOINED), is_member=True, registered_at=JOINED),
    MemberStatement(Version(LEFT), is_member=False, removal=True),
    MemberStatement(Version(BACK), is_member=True, registered_at=BACK),
)


def test_who_came_back_and_signs_in_often_keeps_what_he_earned_before_he_left() -> None:
    signs_in = [
        MemberStatement(Version(BACK + 1 + n), True, BACK if n % 2 else None) for n in range(TIMES)
    ]
    buyer = timeline(*CAME_BACK, *signs_in)
    assert len(buyer.statements) < MOST_STATEMENTS
    judged = {made: not_yet_a_member(buyer, made) for made in (JOINED, LEFT, BACK)}
    assert judged == {JOINED: None, LEFT: "registered_later", BACK: None}


def test_a_member_who_leaves_and_comes_back_many_times_is_judged_by_each_of_them() -> None:
    times = range(0, MOST_STATEMENTS, 2)
    told = [
        statement
        for n in times
        for statement in (
            MemberStatement(Version(n), is_member=True, registered_at=n),
            MemberStatement(Version(n + 1), is_member=False),
        )
    ]
    buyer = timeline(*told)
    assert [not_yet_a_member(buyer, n) for n in times] == [None] * len(times)
    assert all(not_yet_a_member(buyer, n + 1) for n in times)
    assert len(timeline(*told, *CAME_BACK).statements) == MOST_STATEMENTS
