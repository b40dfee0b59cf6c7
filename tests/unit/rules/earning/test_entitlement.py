"""The one law: where entitlement and postings differ, the difference is posted.

See rules.md 2.6, 4.
"""

from itertools import permutations

import pytest

from schemas.ids import iso
from tests.support.in_memory import InMemoryEngine, at
from tests.support.order_facts import (
    HOME,
    MEMBER,
    OTHER_MEMBER,
    STORE,
    Event,
    Json,
    day,
    delivery,
    order,
    removed,
    returned,
    settings,
)


def engine(*, on_return: str = "claw_back", **earn: Json) -> InMemoryEngine:
    """A merchant in Taipei who grants three days after."""
    made = InMemoryEngine()
    made.apply(settings(earn={"on_return": on_return} | earn))
    return made


def granted(**how: Json) -> InMemoryEngine:
    """An order of 1,000 that was delivered on 1 December and granted its 100 points on the 4th."""
    made = engine(**how)
    made.consume(
        order(), delivery("arrived", day("12-01"), arrived_at=day("12-01")), when=day("12-01")
    )
    made.until(day("12-04"))
    assert made.history() == [("granted", 100)]
    return made


def test_what_is_granted_stays_granted_when_the_clock_steps_back() -> None:
    made = granted()
    made.now = at(day("12-03"))
    made.consume(order(updated=day("12-02")), delivery("collected", day("12-02 12:00")))
    assert (made.explain().state, made.history()) == ("granted", [("granted", 100)])
    made.consume(order(subtotal=1200, updated=day("12-02 13:00")))
    assert made.history() == [("granted", 100), ("adjusted", 20)]


# --- before the grant


def test_an_edit_before_the_grant_changes_the_plan() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    made.consume(order(subtotal=500, updated=day("12-02")), when=day("12-02"))
    assert (made.explain().state, made.explain().points) == ("planned", 50)
    made.until(day("12-04"))
    assert made.history() == [("granted", 50)]


def test_a_plan_is_no_history() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    assert (made.history(), made.points(), made.explain().state) == ([], 0, "planned")


def test_a_status_that_goes_back_before_the_grant_withdraws_the_plan() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    made.consume(delivery("shipped", day("12-02")), when=day("12-02"))
    made.until(day("12-10"))
    assert (made.history(), made.explain().state) == ([], "waiting")
    made.consume(delivery("arrived", day("12-11")), when=day("12-11"))
    assert made.explain().due_at == at(day("12-14"))


@pytest.mark.parametrize(
    "gone", [order(status="cancelled", updated=day("12-02")), removed(day("12-02"))]
)
def test_an_order_cancelled_or_removed_before_the_grant_earns_nothing(gone: Event) -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    made.consume(gone, when=day("12-02"))
    made.until(day("12-10"))
    assert (made.history(), made.explain().state) == ([], "withdrawn")


# --- edits after the grant


@pytest.mark.parametrize(("subtotal", "difference"), [(1200, 20), (990, -1), (5, -100)])
def test_an_edit_after_the_grant_posts_the_difference_at_once_with_the_same_expiry(
    subtotal: int, difference: int
) -> None:
    made = granted()
    made.consume(order(subtotal=subtotal, updated=day("2025-02-01")), when=day("2025-02-01"))
    assert made.history() == [("granted", 100), ("adjusted", difference)]
    assert set(made.expiries()) <= {at(day("2026-01-01"))}
    assert made.explain().state == "granted"


def test_an_edit_below_one_unit_is_still_granted_and_can_come_back() -> None:
    made = granted()
    made.consume(
        order(subtotal=5, updated=day("12-05")),
        order(subtotal=700, updated=day("12-06")),
        when=day("12-06"),
    )
    assert made.history() == [("granted", 100), ("adjusted", -100), ("adjusted", 70)]


def test_an_amount_over_the_limit_is_an_adjustment_to_nothing() -> None:
    made = granted()
    made.consume(order(subtotal=10_000_000_010, updated=day("12-05")), when=day("12-05"))
    assert made.history() == [("granted", 100), ("adjusted", -100)]
    assert (made.explain().state, made.explain().reason) == ("none", "over_limit")
    made.consume(order(subtotal=500, updated=day("12-06")), when=day("12-06"))
    assert made.history()[2:] == [("adjusted", 50)]


def test_an_older_record_heard_late_changes_nothing() -> None:
    made = granted()
    made.consume(
        order(subtotal=1200, updated=day("12-06")),
        order(subtotal=300, updated=day("12-05")),
        when=day("12-07"),
    )
    assert made.history() == [("granted", 100), ("adjusted", 20)]


def test_every_event_twice_changes_nothing() -> None:
    made = granted()
    told = [order(), delivery("arrived", day("12-01"), arrived_at=day("12-01"))]
    assert made.consume(*told, *told, when=day("2029-01-01")) == ["duplicate"] * 4
    assert made.history() == [("granted", 100), ("expired", -100)]


# --- episodes


def test_finality_lost_after_the_grant_is_clawed_back_and_planned_again_with_new_dates() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-26")), when=day("12-26"))
    made.until(day("12-29"))
    assert set(made.expiries()) == {at(day("2026-01-01"))}
    made.consume(delivery("shipped", day("12-30")), when=day("12-30"))
    assert (made.history(), made.explain().state) == (
        [("granted", 100), ("clawed_back", -100)],
        "waiting",
    )
    made.consume(delivery("arrived", day("12-31")), when=day("12-31"))
    assert (made.explain().state, made.explain().due_at) == ("planned", at(day("2025-01-03")))
    made.until(day("2025-01-03"))
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]
    assert set(made.expiries()) == {at(day("2027-01-01"))}


def test_arrived_collected_and_more_records_of_the_same_finality_post_nothing() -> None:
    made = granted()
    made.consume(
        delivery("collected", day("12-08"), arrived_at=day("12-01"), collected_at=day("12-08")),
        when=day("12-08"),
    )
    made.consume(
        delivery("collected", day("12-09"), arrived_at=day("12-01"), collected_at=day("12-08")),
        when=day("12-09"),
    )
    assert made.history() == [("granted", 100)]


def test_a_later_final_moment_due_already_posts_nothing_when_the_expiry_is_the_same() -> None:
    made = granted()
    made.consume(delivery("arrived", day("12-05"), arrived_at=day("12-05")), when=day("12-20"))
    assert made.history() == [("granted", 100)]
    assert made.explain().due_at == at(day("12-08"))


def test_a_later_final_moment_not_yet_due_opens_an_episode_that_waits_for_its_own_due_date() -> (
    None
):
    made = granted()
    made.consume(delivery("arrived", day("12-05"), arrived_at=day("12-05")), when=day("12-06"))
    assert (made.history(), made.explain().state) == (
        [("granted", 100), ("clawed_back", -100)],
        "planned",
    )
    made.until(day("12-08"))
    assert made.history()[2:] == [("granted", 100)]


def test_a_later_final_moment_of_another_year_moves_the_points_to_the_new_expiry() -> None:
    made = granted()
    made.consume(delivery("arrived", day("12-30"), arrived_at=day("12-30")), when=day("2025-02-01"))
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]
    assert made.expiries() == {at(day("2027-01-01")): 100}


def test_a_new_episode_is_granted_whole_although_the_earlier_lot_expired() -> None:
    made = granted()
    made.until(day("2026-02-01"))
    assert made.history() == [("granted", 100), ("expired", -100)]
    made.consume(delivery("arrived", day("2026-01-20")), when=day("2026-02-01"))
    assert made.history() == [
        ("granted", 100),
        ("expired", -100),
    ]  # the newest record gives no time: nothing was lost
    made.consume(delivery("shipped", day("2026-01-19")))
    assert made.history() == [("granted", 100), ("expired", -100), ("granted", 100)]
    assert made.expiries() == {at(day("2028-01-01")): 100}


def test_an_earlier_final_moment_heard_after_the_grant_moves_nothing() -> None:
    made = engine()
    made.consume(
        order(),
        delivery("arrived", day("2025-01-02"), arrived_at=day("2025-01-02")),
        when=day("2025-01-02"),
    )
    made.until(day("2025-01-05"))
    made.consume(
        delivery("arrived", day("2025-01-03"), arrived_at=day("12-01")), when=day("2025-01-06")
    )
    assert made.history() == [("granted", 100)]
    assert set(made.expiries()) == {at(day("2027-01-01"))}
    assert made.explain().due_at == at(day("2025-01-05"))


def test_an_earlier_final_moment_heard_before_the_grant_moves_the_plan() -> None:
    made = engine()
    made.consume(
        order(), delivery("arrived", day("12-05"), arrived_at=day("12-05")), when=day("12-05")
    )
    made.consume(delivery("arrived", day("12-06"), arrived_at=day("12-03")), when=day("12-06"))
    assert made.history() == [("granted", 100)]
    assert made.explain().due_at == at(day("12-06"))


@pytest.mark.parametrize("heard", list(permutations(range(3))))
def test_a_loss_counts_by_its_time_even_if_heard_last(heard: tuple[int, ...]) -> None:
    events = [
        delivery("arrived", day("12-01")),
        delivery("shipped", day("12-05")),
        delivery("arrived", day("12-07")),
    ]
    made = engine()
    made.consume(order(), *(events[i] for i in heard), when=day("12-20"))
    assert made.points() == 100
    assert set(made.expiries()) == {at(day("2026-01-01"))}


def test_a_loss_older_than_the_final_word_takes_nothing_back() -> None:
    made = granted()
    made.consume(delivery("shipped", day("11-30")), when=day("12-20"))
    assert made.history() == [("granted", 100)]


def test_a_loss_newer_than_the_final_word_takes_everything_back() -> None:
    made = granted()
    made.consume(delivery("shipped", day("12-02")), when=day("12-20"))
    assert made.history() == [("granted", 100), ("clawed_back", -100)]


def test_several_parcels_lose_finality_with_any_of_them() -> None:
    made = engine()
    made.consume(
        order(),
        delivery("arrived", day("12-01")),
        delivery("arrived", day("12-02"), parcel_id="b"),
        when=day("12-02"),
    )
    made.until(day("12-05"))
    assert made.points() == 100
    made.consume(delivery("shipped", day("12-06"), parcel_id="b"), when=day("12-06"))
    assert (made.points(), made.explain().state) == (0, "waiting")


def test_a_new_parcel_after_the_grant_takes_back_until_it_is_final() -> None:
    made = granted()
    made.consume(delivery("shipped", day("12-06"), parcel_id="b"), when=day("12-06"))
    assert made.points() == 0
    made.consume(
        delivery("collected", day("12-08"), parcel_id="b", option=STORE), when=day("12-08")
    )
    made.until(day("12-11"))
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]


# --- cancelled and returned, with claw_back


@pytest.mark.parametrize(
    "gone",
    [
        order(status="cancelled", updated=day("12-06")),
        order(status="removed", updated=day("12-06")),
        removed(day("12-06")),
    ],
)
def test_an_order_cancelled_or_removed_after_the_grant_is_clawed_back(gone: Event) -> None:
    made = granted()
    made.consume(gone, when=day("12-06"))
    assert made.history() == [("granted", 100), ("clawed_back", -100)]
    assert made.explain().state == "withdrawn"


def test_a_cancellation_undone_is_granted_again_with_the_old_expiry() -> None:
    made = granted()
    made.consume(
        order(status="cancelled", updated=day("12-06")),
        order(updated=day("2025-01-07")),
        when=day("2025-01-07"),
    )
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("granted", 100)]
    assert set(made.expiries()) == {at(day("2026-01-01"))}


def test_an_older_cancellation_heard_late_changes_nothing() -> None:
    made = granted()
    made.consume(
        order(updated=day("12-08")),
        order(status="cancelled", updated=day("12-07")),
        when=day("12-09"),
    )
    assert made.history() == [("granted", 100)]


@pytest.mark.parametrize("remove_first", [True, False])
def test_a_bare_removal_holds_against_older_records_and_yields_to_newer_ones(
    *, remove_first: bool
) -> None:
    made = granted()
    gone, older = removed(day("12-06")), order(updated=day("12-05"))
    made.consume(*((gone, older) if remove_first else (older, gone)), when=day("12-07"))
    assert made.points() == 0
    made.consume(order(updated=day("12-08")), when=day("12-08"))
    assert made.points() == 100


def test_a_removal_that_carries_the_whole_order_removes_it_whatever_status_it_shows() -> None:
    made = granted()
    made.consume(order(topic="order/remove", updated=day("12-06")), when=day("12-06"))
    assert (made.points(), made.explain().state) == (0, "withdrawn")


def test_a_removal_before_the_order_was_ever_heard_of_holds() -> None:
    made = engine()
    made.consume(
        removed(day("12-06")), order(), delivery("arrived", day("12-01")), when=day("12-20")
    )
    assert (made.history(), made.explain().state) == ([], "withdrawn")


def test_ten_small_returns_take_as_much_as_one_large_one() -> None:
    small, large = granted(), granted()
    for n in range(10):
        small.consume(
            returned(33, day(f"12-{6 + n:02}"), return_id=f"return {n}"), when=day(f"12-{6 + n:02}")
        )
    large.consume(returned(330, day("12-06")), when=day("12-16"))
    assert small.points() == large.points() == 67
    assert {kind for kind, _ in small.history()[1:]} == {"clawed_back"}


def test_a_return_takes_back_what_it_no_longer_deserves() -> None:
    made = granted()
    made.consume(returned(430, day("12-06"), status="confirmed"), when=day("12-06"))
    assert made.points() == 100
    made.consume(returned(430, day("12-07")), when=day("12-07"))
    assert made.history() == [("granted", 100), ("clawed_back", -43)]


def test_a_return_cancelled_later_comes_back_as_adjusted() -> None:
    made = granted()
    made.consume(
        returned(430, day("12-06")),
        returned(430, day("12-07"), status="cancelled"),
        when=day("12-07"),
    )
    assert made.history() == [("granted", 100), ("clawed_back", -43), ("adjusted", 43)]


def test_a_whole_return_withdraws_and_its_cancellation_adjusts() -> None:
    made = granted()
    made.consume(returned(1000, day("12-06")), when=day("12-06"))
    assert made.explain().state == "withdrawn"
    made.consume(returned(1000, day("12-07"), status="cancelled"), when=day("12-07"))
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("adjusted", 100)]


def test_an_amount_raised_after_a_return_is_an_adjustment() -> None:
    made = granted()
    made.consume(
        returned(430, day("12-06")), order(subtotal=1200, updated=day("12-07")), when=day("12-07")
    )
    assert made.history() == [("granted", 100), ("clawed_back", -43), ("adjusted", 20)]


def test_an_amount_raised_after_a_whole_return_is_an_adjustment() -> None:
    made = granted()
    made.consume(
        returned(1000, day("12-06")), order(subtotal=1200, updated=day("12-07")), when=day("12-07")
    )
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("adjusted", 20)]


def test_an_amount_lowered_after_a_return_is_an_adjustment() -> None:
    made = granted()
    made.consume(
        returned(430, day("12-06")), order(subtotal=900, updated=day("12-07")), when=day("12-07")
    )
    assert made.history() == [("granted", 100), ("clawed_back", -43), ("adjusted", -10)]


def test_returns_before_the_grant_lower_what_is_granted() -> None:
    made = engine()
    made.consume(
        order(), returned(430, day("12-02")), delivery("arrived", day("12-01")), when=day("12-02")
    )
    made.until(day("12-04"))
    assert made.history() == [("granted", 57)]


def test_a_return_heard_before_its_order_waits_for_it() -> None:
    made = engine()
    made.consume(returned(430, day("12-02")), delivery("arrived", day("12-01")), when=day("12-05"))
    assert made.history() == []
    made.consume(order())
    assert made.history() == [("granted", 57)]


@pytest.mark.parametrize("status", ["returning", "returned", "expired"])
def test_a_parcel_that_goes_back_after_the_grant_is_clawed_back(status: str) -> None:
    made = granted()
    made.consume(delivery(status, day("12-08")), when=day("12-08"))
    assert (made.history(), made.explain().state) == (
        [("granted", 100), ("clawed_back", -100)],
        "waiting",
    )


# --- keep: what happens at or after the due date changes nothing


@pytest.mark.parametrize(
    "gone",
    [
        order(status="cancelled", updated=day("12-04")),
        removed(day("12-04")),
        returned(430, day("12-04")),
        returned(1000, day("12-04")),
        delivery("returning", day("12-04")),
        delivery("returned", day("12-04")),
        delivery("arrived", day("12-04"), delivery_status="failed"),
    ],
)
@pytest.mark.parametrize("heard", [day("12-04"), day("2025-03-01")])
def test_kept_points_stay_when_order_or_parcel_go_back_at_the_due_date_or_later(
    gone: Event, heard: str
) -> None:
    made = granted(on_return="keep")
    made.consume(gone, when=heard)
    assert (made.history(), made.explain().state) == ([("granted", 100)], "granted")


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (order(status="cancelled", updated=day("12-03 23:59")), 0),
        (removed(day("12-03 23:59")), 0),
        (returned(430, day("12-03 23:59")), 57),
        (delivery("returning", day("12-03 23:59")), 0),
        (delivery("returned", day("12-03 23:59")), 0),
    ],
)
@pytest.mark.parametrize("heard", [day("12-04"), day("2025-03-01")])
def test_what_went_back_before_the_due_date_is_taken_back_however_late_it_is_heard(
    gone: Event, left: int, heard: str
) -> None:
    made = granted(on_return="keep")
    made.consume(gone, when=heard)
    assert made.points() == left


@pytest.mark.parametrize(("cancelled", "left"), [(day("12-04"), 100), (day("12-03"), 0)])
def test_a_kept_cancellation_of_a_counter_sale_leaves_its_completion_as_it_was(
    cancelled: str, left: int
) -> None:
    made = engine(on_return="keep")
    made.consume(
        order(created_by="pos", status="completed", updated=day("12-01")), when=day("12-01")
    )
    made.consume(order(created_by="pos", status="cancelled", updated=cancelled), when=day("12-10"))
    assert made.points() == left


def test_whatever_was_heard_first_a_kept_cancellation_leaves_the_points() -> None:
    events = [
        order(),
        delivery("arrived", day("12-01")),
        order(status="cancelled", updated=day("12-10")),
    ]
    for heard in permutations(events):
        made = engine(on_return="keep")
        made.consume(*heard, when=day("12-20"))
        assert made.history() == [("granted", 100)]


def test_a_reversed_scan_always_takes_back() -> None:
    made = granted(on_return="keep")
    made.consume(delivery("shipped", day("12-10")), when=day("12-10"))
    assert made.points() == 0


def test_a_return_that_began_before_the_due_date_is_not_kept_because_it_ended_after() -> None:
    made = engine(on_return="keep")
    made.consume(
        order(), delivery("arrived", day("12-01"), arrived_at=day("12-01")), when=day("12-01")
    )
    made.consume(delivery("returning", day("12-03"), arrived_at=day("12-01")), when=day("12-03"))
    made.until(day("12-09"))
    back = delivery("returned", day("12-10"), arrived_at=day("12-01"), returned_at=day("12-10"))
    made.consume(back, when=day("12-10"))
    assert (made.history(), made.explain().state) == ([], "waiting")


def test_an_edit_changes_kept_points_all_the_same() -> None:
    made = granted(on_return="keep")
    made.consume(
        returned(430, day("12-10")), order(subtotal=500, updated=day("12-11")), when=day("12-11")
    )
    assert made.history() == [("granted", 100), ("adjusted", -50)]


def test_the_due_date_to_keep_by_is_the_newest_episodes() -> None:
    made = granted(on_return="keep")
    made.consume(delivery("arrived", day("12-10"), arrived_at=day("12-10")), when=day("12-20"))
    assert made.explain().due_at == at(day("12-13"))
    made.consume(returned(430, day("12-08")), when=day("12-21"))
    assert made.points() == 57


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (day("12-03"), day("12-10"), 100),
        (day("12-10"), day("12-11"), 100),
        (day("12-02"), day("12-03"), 0),
    ],
)
def test_of_several_parcels_those_that_go_back_after_the_due_date_change_nothing(
    first: str, second: str, left: int
) -> None:
    made = engine(on_return="keep")
    made.consume(
        order(),
        delivery("arrived", day("12-01")),
        delivery("arrived", day("12-01"), parcel_id="b"),
        when=day("12-01"),
    )
    made.consume(delivery("returned", first, parcel_id="b"), when=first)
    made.consume(delivery("returned", second), when=second)
    made.until(day("12-20"))
    assert made.points() == left


@pytest.mark.parametrize("late", [False, True])
def test_a_parcel_that_goes_back_after_the_due_date_does_not_move_it(*, late: bool) -> None:
    """A return between the other parcel's due date and the order's own is counted.

    However late all of it comes.
    """
    story = [
        (order(), day("11-29")),
        (delivery("arrived", day("12-01")), day("12-01")),
        (delivery("arrived", day("12-03"), parcel_id="b"), day("12-03")),
        (returned(430, day("12-05")), day("12-05")),
        (delivery("returned", day("12-10"), parcel_id="b"), day("12-10")),
    ]
    made = engine(on_return="keep")
    for event, when in reversed(story) if late else story:
        made.consume(event, when=day("12-20") if late else when)
    made.until(day("12-20"))
    assert made.history() == [("granted", 57)]
    assert made.explain().due_at == at(day("12-06"))


def test_a_parcel_lost_before_it_was_ever_final_does_not_hold_up_the_others() -> None:
    made = engine(on_return="keep")
    lost = delivery("shipped", day("12-10"), parcel_id="b", delivery_status="failed")
    made.consume(order(), delivery("arrived", day("12-01")), lost, when=day("12-10"))
    assert made.history() == [("granted", 100)]


# --- returns by event times (rules.md 4.3, 4.5)


@pytest.mark.parametrize("topic", ["return_order/update", "pos_return_order/update"])
def test_goods_sent_back_and_goods_handed_back_at_the_till_lower_the_base_alike(topic: str) -> None:
    made = granted()
    made.consume(returned(430, day("12-06"), topic=topic), when=day("12-06"))
    assert made.history() == [("granted", 100), ("clawed_back", -43)]


@pytest.mark.parametrize("heard", list(permutations(range(3))))
def test_a_return_counts_while_its_newest_record_is_completed_whatever_was_heard_first(
    heard: tuple[int, ...],
) -> None:
    events = [
        returned(430, day("12-02"), status="confirmed"),
        returned(430, day("12-05")),
        returned(430, day("12-07"), status="cancelled"),
    ]
    made = granted()
    made.consume(*(events[i] for i in heard), when=day("12-20"))
    assert made.points() == 100
    made.consume(returned(430, day("12-08")), when=day("12-21"))
    assert made.points() == 57


@pytest.mark.parametrize(
    ("told", "requested", "points"),
    [
        ([("completed", "12-03")], "12-03", 57),
        ([("completed", "12-04")], "12-04", 100),
        ([("confirmed", "12-03"), ("completed", "12-10")], "12-03", 57),
        ([("completed", "12-10")], "12-03", 57),
        ([("confirmed", "12-03"), ("completed", "12-10")], None, 57),  # since its first record
        ([("confirmed", "12-05"), ("completed", "12-10")], None, 100),
        ([("completed", "12-03"), ("cancelled", "12-10")], "12-03", 100),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_kept_return_is_dated_by_its_request_else_by_its_first_record(
    told: list[tuple[str, str]], requested: str | None, points: int, late: bool
) -> None:
    made = engine(on_return="keep")
    made.consume(
        order(), delivery("arrived", day("12-01"), arrived_at=day("12-01")), when=day("12-01")
    )
    made.until(day("12-20"))
    fields: dict[str, Json] = {"created_at": None if requested is None else day(requested)}
    events = [returned(430, day(at), status=status, **fields) for status, at in told]
    made.consume(*(reversed(events) if late else events))
    assert made.points() == points


def test_ten_small_returns_around_the_due_date_count_one_by_one() -> None:
    made = granted(on_return="keep")
    days = [f"12-03 {hour:02}:00" for hour in range(5)] + [f"12-{4 + n:02}" for n in range(5)]
    for n, when in enumerate(days):
        made.consume(returned(100, day(when), return_id=f"return {n}"), when=day("12-20"))
    assert made.points() == 50


@pytest.mark.parametrize("rest", [1, 9])
def test_ten_small_returns_that_leave_less_than_a_unit_take_all_but_are_no_whole_return(
    rest: int,
) -> None:
    made = granted()
    for n in range(10):
        made.consume(
            returned(100 - (rest if n == 9 else 0), day("12-06"), return_id=f"return {n}"),
            when=day("12-06"),
        )
    assert (made.points(), made.explain().state) == (0, "granted")


def test_returns_of_more_than_the_order_take_no_more_than_it_earned() -> None:
    made = granted()
    for n in range(3):
        made.consume(returned(600, day("12-06"), return_id=f"return {n}"), when=day("12-06"))
    assert (made.points(), made.explain().state) == (0, "withdrawn")


def test_a_pos_order_of_type_return_or_exchange_earns_nothing_itself() -> None:
    for kind in ("return", "exchange"):
        made = engine()
        made.consume(
            order(created_by="pos", type=kind, status="completed", updated=day("12-01")),
            when=day("12-20"),
        )
        assert (made.history(), made.explain().reason) == ([], "pos_return")


# --- the member of an order, when it changes: D9


def test_the_entitlement_moves_with_the_order_to_its_new_member() -> None:
    made = granted()
    before = made.expiries()
    made.consume(order(member=OTHER_MEMBER, updated=day("12-06")), when=day("12-06"))
    assert made.history(MEMBER) == [("granted", 100), ("clawed_back", -100)]
    assert made.history(OTHER_MEMBER) == [("granted", 100)]
    assert made.expiries(OTHER_MEMBER) == before


def test_before_the_grant_only_the_plan_moves() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    made.consume(order(member=OTHER_MEMBER, updated=day("12-02")), when=day("12-02"))
    made.until(day("12-04"))
    assert (made.history(MEMBER), made.history(OTHER_MEMBER)) == ([], [("granted", 100)])


def test_a_guest_order_claimed_later_is_granted_to_its_member() -> None:
    made = engine()
    made.consume(
        order(member=None, is_guest_checkout=True),
        delivery("arrived", day("12-01")),
        when=day("12-20"),
    )
    assert made.explain().state == "none"
    made.consume(order(updated=day("12-21")), when=day("12-21"))
    assert made.history() == [("granted", 100)]
    assert set(made.expiries()) == {at(day("2026-01-01"))}


def test_an_order_that_loses_its_member_is_clawed_back_only_and_may_find_one_again() -> None:
    made = granted()
    made.consume(order(member=None, updated=day("12-06")), when=day("12-06"))
    assert (made.history(), made.explain().state) == (
        [("granted", 100), ("clawed_back", -100)],
        "none",
    )
    made.consume(order(updated=day("12-07")), when=day("12-07"))
    assert made.points() == 100


def test_there_and_back_again_leaves_the_points_where_they_were() -> None:
    made = granted()
    made.consume(
        order(member=OTHER_MEMBER, updated=day("12-06")),
        order(updated=day("12-07")),
        when=day("12-07"),
    )
    assert (made.points(MEMBER), made.points(OTHER_MEMBER)) == (100, 0)


def test_an_entitlement_that_moves_after_its_expiry_expires_at_once_and_is_not_taken_twice() -> (
    None
):
    made = granted()
    made.consume(order(member=OTHER_MEMBER, updated=day("2026-02-01")), when=day("2026-02-01"))
    assert made.history(MEMBER) == [("granted", 100), ("expired", -100)]
    assert made.history(OTHER_MEMBER) == [("granted", 100), ("expired", -100)]


def test_an_older_record_with_another_member_changes_nothing() -> None:
    made = granted()
    made.consume(
        order(updated=day("12-06")),
        order(member=OTHER_MEMBER, updated=day("12-05")),
        when=day("12-06"),
    )
    assert (made.points(MEMBER), made.points(OTHER_MEMBER)) == (100, 0)


# --- expiry


@pytest.mark.parametrize(
    "gone",
    [
        order(status="cancelled", updated=day("2026-02-01")),
        returned(1000, day("2026-02-01")),
        returned(430, day("2026-02-01")),
        delivery("shipped", day("2026-02-01")),
        order(subtotal=500, updated=day("2026-02-01")),
        order(member=None, updated=day("2026-02-01")),
    ],
)
def test_points_that_expired_unspent_are_not_taken_a_second_time(gone: Event) -> None:
    made = granted()
    made.consume(gone, gone, when=day("2026-02-01"))
    assert made.history() == [("granted", 100), ("expired", -100)]


def test_what_an_edit_adds_after_the_expiry_expires_at_once() -> None:
    made = granted()
    made.consume(order(subtotal=1500, updated=day("2026-02-01")), when=day("2026-02-01"))
    assert made.history() == [
        ("granted", 100),
        ("expired", -100),
        ("adjusted", 50),
        ("expired", -50),
    ]


def test_an_order_heard_of_after_its_expiry_is_granted_and_expires_at_once() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("2026-02-01"))
    assert made.history() == [("granted", 100), ("expired", -100)]
    assert made.explain().state == "granted"


def test_other_points_of_the_member_pay_nothing_for_an_expired_lot() -> None:
    made = granted()
    other = "6633a7d1c95e4b0012f7a1b9"
    made.consume(
        order(order_id=other, created=day("2025-11-01")),
        delivery("arrived", day("2025-11-05"), order_id=other),
        when=day("2025-11-10"),
    )
    made.consume(order(status="cancelled", updated=day("2026-02-01")), when=day("2026-02-01"))
    assert made.points() == 100
    assert [iso(moment) for moment in made.expiries()] == ["2026-12-31T16:00:00Z"]


def test_home_and_store_orders_of_one_member_stand_by_themselves() -> None:
    made = granted()
    other = "6633a7d1c95e4b0012f7a1b9"
    made.consume(
        order(order_id=other, subtotal=300),
        delivery("arrived", day("12-02"), order_id=other, option=STORE),
        when=day("12-10"),
    )
    made.consume(order(status="cancelled", updated=day("12-11")), when=day("12-11"))
    made.consume(
        delivery("collected", day("12-12"), order_id=other, option=STORE), when=day("12-15")
    )
    assert made.history() == [("granted", 100), ("clawed_back", -100), ("granted", 30)]
    assert HOME != STORE
