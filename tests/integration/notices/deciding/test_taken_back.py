"""Notices that still wait say how things are when they go out, not how they were."""

import pytest

from schemas.ids import iso
from schemas.notices.ids import first_id
from store.notices.deciding import deciding
from store.postgres import session
from store.streams import outbox
from tests.support.database import plans
from tests.support.notices.decided import NOON, DecidingLane, changed

FIGURES = "channel, state, points, balance, sequence"


def earned(lane: DecidingLane) -> list[tuple[object, ...]]:
    """The figures of what was earned, by channel."""
    return lane.rows(
        f"SELECT {FIGURES} FROM notices.notice WHERE kind = 'earned' ORDER BY event_sequence, 1"
    )


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("type_", ["clawed_back", "adjusted"])
def test_a_grant_wholly_taken_back_is_withdrawn(
    shop: DecidingLane, type_: str, *, together: bool
) -> None:
    events = [changed(1), changed(2, type_, -100, available=0)]
    for batch in [events] if together else [[each] for each in events]:
        shop.change(*batch)
    assert earned(shop) == [
        ("email", "withdrawn", 0, 0, 2),
        ("sms", "withdrawn", 0, 0, 2),
    ]
    assert shop.rows("SELECT DISTINCT reason FROM notices.notice WHERE kind = 'earned'") == [
        ("taken_back",)
    ]
    values = shop.rows("SELECT value FROM notices.outbox WHERE kind = 11 ORDER BY id")
    assert sum(b"taken_back" in v for (value,) in values for _, v in outbox.records_of(value)) == 2


@pytest.mark.parametrize("together", [True, False])
def test_a_grant_taken_back_in_part_says_what_is_left(
    shop: DecidingLane, *, together: bool
) -> None:
    events = [changed(1), changed(2, "adjusted", -30, available=70)]
    for batch in [events] if together else [[each] for each in events]:
        shop.change(*batch)
    assert earned(shop) == [("email", "waiting", 70, 70, 2), ("sms", "waiting", 70, 70, 2)]


def test_an_amount_up_and_down_again_leaves_the_grant_whole(shop: DecidingLane) -> None:
    shop.change(changed(1))
    shop.change(changed(2, "adjusted", 20, available=120))
    shop.change(changed(3, "adjusted", -20, available=100))
    assert earned(shop) == [("email", "waiting", 100, 100, 3), ("sms", "waiting", 100, 100, 3)]


def test_what_was_taken_back_of_another_order_changes_only_the_balance(
    shop: DecidingLane,
) -> None:
    shop.change(changed(1, order="first"), changed(2, order="second", available=200))
    shop.change(changed(3, "clawed_back", -100, order="second", available=100))
    assert earned(shop) == [
        ("email", "waiting", 100, 100, 3),
        ("sms", "waiting", 100, 100, 3),
        ("email", "withdrawn", 0, 100, 3),
        ("sms", "withdrawn", 0, 100, 3),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_a_change_of_another_order_gives_nothing_back_that_was_taken(
    shop: DecidingLane, *, together: bool
) -> None:
    events = [
        changed(1, order="first"),
        changed(2, "adjusted", -30, order="first", available=70),
        changed(3, order="second", available=170),
    ]
    for batch in [events] if together else [[each] for each in events]:
        shop.change(*batch)
    assert earned(shop) == [
        ("email", "waiting", 70, 170, 3),
        ("sms", "waiting", 70, 170, 3),
        ("email", "waiting", 100, 170, 3),
        ("sms", "waiting", 100, 170, 3),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_what_is_withdrawn_says_the_balance_of_then(shop: DecidingLane, *, together: bool) -> None:
    events = [
        changed(1, order="first"),
        changed(2, "clawed_back", -100, order="first", available=0),
        changed(3, order="second", available=100),
    ]
    for batch in [events] if together else [[each] for each in events]:
        shop.change(*batch)
    assert earned(shop)[:3] == [
        ("email", "withdrawn", 0, 0, 2),
        ("sms", "withdrawn", 0, 0, 2),
        ("email", "waiting", 100, 100, 3),
    ]


@pytest.mark.parametrize("type_", ["held", "redeemed", "gifted", "deducted"])
def test_the_balance_is_the_newest_whatever_changed_it(shop: DecidingLane, type_: str) -> None:
    shop.change(changed(1))
    shop.change(changed(2, type_, -40, order=None, available=60))
    assert earned(shop) == [("email", "waiting", 100, 60, 2), ("sms", "waiting", 100, 60, 2)]


def test_an_older_change_that_comes_late_does_not_bring_an_old_balance(
    shop: DecidingLane,
) -> None:
    shop.change(changed(5, order="first", available=500))
    shop.change(changed(4, order="second", available=400))
    assert set(earned(shop)) == {
        ("email", "waiting", 100, 500, 5),
        ("sms", "waiting", 100, 500, 5),
    }


def test_what_was_taken_back_before_the_grant_is_heard_counts(shop: DecidingLane) -> None:
    shop.change(changed(2, "clawed_back", -100, available=0))
    shop.change(changed(1))
    assert [row[1] for row in earned(shop)] == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize("state", ["sent", "sending", "unknown", "failed", "expired"])
def test_what_may_be_out_stays_as_it_was_said(shop: DecidingLane, state: str) -> None:
    shop.change(changed(1))
    shop.admin.execute("UPDATE notices.notice SET state = %s", [state])
    shop.change(changed(2, "clawed_back", -100, available=0))
    assert earned(shop) == [("email", state, 100, 100, 1), ("sms", state, 100, 100, 1)]


def test_a_sender_that_has_it_in_hand_finds_it_withdrawn(shop: DecidingLane) -> None:
    shop.change(changed(1))
    shop.admin.execute("UPDATE notices.notice SET state = 'claimed'")
    shop.change(changed(2, "clawed_back", -100, available=0))
    assert [row[1] for row in earned(shop)] == ["withdrawn", "withdrawn"]


def test_of_one_that_may_have_arrived_nobody_says_that_it_was_withdrawn(
    shop: DecidingLane,
) -> None:
    shop.change(changed(1))
    shop.admin.execute("UPDATE notices.notice SET asked_us = 1 WHERE channel = 'email'")
    shop.change(changed(2, "clawed_back", -100, available=0))
    assert earned(shop) == [("email", "waiting", 0, 0, 2), ("sms", "withdrawn", 0, 0, 2)]
    # Its time is over, and whoever gives it up says that nobody knows.
    late = "give_up_us <= public.points_now()"
    query = f"SELECT {late} FROM notices.notice WHERE kind = 'earned' AND channel = 'email'"
    assert shop.rows(query) == [(True,)]
    values = shop.rows("SELECT value FROM notices.outbox WHERE kind = 11 ORDER BY id")
    assert sum(b"taken_back" in v for (value,) in values for _, v in outbox.records_of(value)) == 1


def test_a_repeat_takes_nothing_back_twice(shop: DecidingLane) -> None:
    events = [changed(1), changed(2, "adjusted", -30, available=70)]
    shop.change(*events)
    shop.change(*events)
    shop.change(events[1], events[1])
    assert earned(shop) == [("email", "waiting", 70, 70, 2), ("sms", "waiting", 70, 70, 2)]


def test_notices_that_can_wait_no_more_are_not_searched(shop: DecidingLane) -> None:
    shop.change(changed(1))
    # A day to be told, three to wait.
    shop.clock(NOON + 4 * 86_400_000_000 + 1000)
    shop.change(changed(2, "clawed_back", -100, available=0, at=NOON + 4 * 86_400_000_000))
    assert [row[1] for row in earned(shop)] == ["waiting", "waiting"], iso(NOON)


def shape_of(shop: DecidingLane, name: str, values: list[object]) -> str:
    """How a statement was carried out."""
    with session.transaction(shop.connection) as cursor:
        return plans.shape_of(cursor, deciding._SQL[name], values)


def test_each_notice_is_looked_at_by_its_key_and_compared_with_no_other(
    shop: DecidingLane,
) -> None:
    """However many there are, and whose they are also in a week without statistics."""
    many = 300
    shop.change(*(changed(1, member=f"m{n}") for n in range(many)))
    number, since = shop.shop("shop"), first_id(0)
    asked = [(number, f"m{n}".encode(), b"order") for n in range(many)]
    standing = [since, *deciding._ASKED.arrays(asked)]
    assert "Rows Removed by Join Filter" not in shape_of(shop, "standing", standing)
    shop.admin.execute("ANALYZE notices.notice")
    assert "Rows Removed by Join Filter" not in shape_of(shop, "standing", standing)
    brought = [
        (notice.bytes, 90, 90, 2, False)
        for (notice,) in shop.rows("SELECT notice_id FROM notices.notice ORDER BY 1")
    ]
    shape = shape_of(shop, "bring_up", [since, *deciding._BROUGHT.arrays(brought)])
    assert "Rows Removed by Join Filter" not in shape
    assert shop.rows("SELECT DISTINCT points, sequence FROM notices.notice") == [(90, 2)]
