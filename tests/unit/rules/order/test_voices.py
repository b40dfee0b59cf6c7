"""Upstream and the carriers on one order (rules.md 2, 4.5).

When it is final, what a reversal takes back, what `keep` keeps.
"""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.order.delivery import standing_of
from rules.order.facts import CarrierReport, DeliveryKey, ParcelRecord
from rules.order.folding import fold_parcel
from rules.order.trail import Version
from schemas.carriers.meaning import Meaning
from schemas.ids import DAY, Micros
from tests.support.order_facts import HOME, STORE, Json
from tests.support.story import (
    CREATED,
    NUMBER,
    OTHER_NUMBER,
    Story,
    bound_rules,
    delivered,
    moment,
    story,
)

DELIVERED, COLLECTED, RETURNING, RETURNED = (
    Meaning.DELIVERED,
    Meaning.COLLECTED,
    Meaning.RETURNING,
    Meaning.RETURNED,
)
LOST, REVERSED = Meaning.LOST, Meaning.REVERSED
REVERSED_RETURNING, RETURN_REVERSED = Meaning.REVERSED_RETURNING, Meaning.RETURN_REVERSED

GRANTED, TAKEN = ("granted", 100), ("clawed_back", -100)

# --- one parcel, the carrier alone


def test_a_carriers_delivery_is_final_at_the_moment_that_it_tells() -> None:
    told = story()
    told.now = moment("12-03")
    told.report(DELIVERED, "12-01 15:00")
    assert (told.decided.final_at, told.decided.due_at) == (moment("12-01 15:00"), moment("12-04"))
    told.until("12-04")
    assert told.history == [GRANTED]


@pytest.mark.parametrize("option", [HOME, STORE])
def test_waiting_at_the_pickup_point_is_never_final(option: str) -> None:
    told = story("shipped", option)
    told.report(Meaning.AT_PICKUP_POINT, "12-01")
    assert told.state == "waiting"


@pytest.mark.parametrize(
    ("option", "overrides", "meaning", "state"),
    [
        (HOME, {}, DELIVERED, "planned"),
        (HOME, {}, COLLECTED, "planned"),
        (STORE, {}, DELIVERED, "waiting"),
        (STORE, {}, COLLECTED, "planned"),
        (HOME, {HOME: "collected"}, DELIVERED, "waiting"),
        (STORE, {STORE: "arrived"}, DELIVERED, "planned"),
    ],
)
def test_the_delivery_option_says_which_word_is_final(
    option: str, overrides: dict[str, str], meaning: Meaning, state: str
) -> None:
    told = story("shipped", option, overrides=overrides)
    told.report(meaning, "12-01")
    assert told.state == state


@pytest.mark.parametrize("meaning", [REVERSED, REVERSED_RETURNING, RETURNING, RETURNED, LOST])
def test_a_carrier_that_takes_its_word_back_withdraws_the_plan(meaning: Meaning) -> None:
    told = story()
    told.report(DELIVERED, "12-01")
    told.report(meaning, "12-02")
    told.until("12-20")
    assert (told.history, told.state) == ([], "waiting")


@pytest.mark.parametrize("meaning", [REVERSED, REVERSED_RETURNING, RETURNING, RETURNED, LOST])
def test_after_the_grant_it_is_clawed_back_and_granted_anew_with_a_new_due_date_and_expiry(
    meaning: Meaning,
) -> None:
    told = delivered()
    told.until("12-28")
    told.report(meaning, "12-28")
    assert (told.history, told.state) == ([GRANTED, TAKEN], "waiting")
    told.until("12-30")
    told.report(DELIVERED, "12-30")
    assert (told.decided.due_at, told.decided.expires_at) == (
        moment("2025-01-02"),
        moment("2027-01-01"),
    )
    told.until("2025-01-02")
    assert told.history == [GRANTED, TAKEN, GRANTED]


@pytest.mark.parametrize("heard", list(permutations(range(3))))
def test_a_reversal_counts_by_its_time_whenever_it_is_heard(heard: tuple[int, ...]) -> None:
    words = [(DELIVERED, "12-01"), (REVERSED, "12-02"), (DELIVERED, "12-03")]
    told = story()
    told.now = moment("12-20")
    for i in heard:
        told.report(*words[i])
    assert (told.decided.final_at, told.points) == (moment("12-03"), 100)


def test_a_return_taken_back_lets_the_earlier_delivery_stand_again() -> None:
    told = delivered()
    told.until("12-08")
    told.report(RETURNED, "12-08")
    told.report(RETURN_REVERSED, "12-09")
    assert told.history == [GRANTED, TAKEN, GRANTED]
    assert (told.decided.final_at, told.decided.episode) == (moment("12-01 15:00"), 1)


def test_an_earlier_delivery_heard_after_the_grant_moves_nothing() -> None:
    told = delivered()
    told.report(DELIVERED, "11-30")
    assert (told.history, told.decided.final_at) == ([GRANTED], moment("12-01 15:00"))


@pytest.mark.parametrize("meaning", [Meaning.UNKNOWN, Meaning.IN_TRANSIT, Meaning.AT_PICKUP_POINT])
def test_a_later_word_in_transit_or_unknown_undoes_nothing(meaning: Meaning) -> None:
    told = delivered()
    told.report(meaning, "12-05")
    assert told.history == [GRANTED]


# --- one parcel, both voices


@pytest.mark.parametrize(("upstream", "carrier"), [("12-01", "12-02"), ("12-02", "12-01")])
def test_when_both_are_final_the_earlier_counts(upstream: str, carrier: str) -> None:
    told = story()
    told.parcel("arrived", upstream)
    told.report(DELIVERED, carrier)
    assert told.decided.final_at == moment("12-01")


def test_upstream_that_lags_behind_does_not_hold_up_the_carriers_delivery() -> None:
    told = story()
    told.report(DELIVERED, "12-01")
    told.parcel("shipped", "12-02")
    assert told.state == "planned"


@pytest.mark.parametrize("status", ["returning", "returned", "returning_store_closed", "expired"])
@pytest.mark.parametrize(
    ("went", "state"), [("12-02", "waiting"), ("12-01", "planned"), ("11-30 12:00", "planned")]
)
def test_upstreams_going_back_beats_an_earlier_delivery_of_the_carrier(
    status: str, went: str, state: str
) -> None:
    told = story()
    told.report(DELIVERED, "12-01")
    told.parcel(status, went)
    assert told.state == state


def test_a_failed_logistics_state_beats_an_earlier_delivery_of_the_carrier() -> None:
    told = story()
    told.report(DELIVERED, "12-01")
    told.parcel("arrived", "12-02", failed=True)
    assert told.state == "waiting"


@pytest.mark.parametrize("meaning", [RETURNING, RETURNED, LOST, REVERSED_RETURNING])
@pytest.mark.parametrize(
    ("went", "state"), [("12-02", "waiting"), ("12-01", "planned"), ("11-30 12:00", "planned")]
)
def test_the_carriers_going_back_beats_an_earlier_final_status_upstream(
    meaning: Meaning, went: str, state: str
) -> None:
    told = story()
    told.parcel("arrived", "12-01")
    told.report(meaning, went)
    assert told.state == state


def test_the_newest_word_of_going_back_counts_not_the_first() -> None:
    told = story()
    told.report(RETURNING, "12-01")
    told.parcel("arrived", "12-02")
    assert told.state == "planned"
    told.report(RETURNED, "12-03")
    assert told.state == "waiting"


@pytest.mark.parametrize(
    ("first", "then", "returned_at", "state"),
    [
        ("returning", "returning", None, "planned"),  # the same word once more
        ("returning", "returning_store_closed", None, "planned"),
        ("returned", "returned", None, "planned"),
        ("returned", "returned", "12-01", "planned"),
        ("returned", "returned", "12-03", "waiting"),  # another time is another word
        ("returning", "returned", "12-01", "planned"),
        ("returning", "returned", "12-03", "waiting"),
        ("returning", "returned", None, "waiting"),  # a new word, of its record's time
        ("returning", "expired", None, "waiting"),
        ("returned", "expired", None, "waiting"),
        ("returned", "returning", None, "waiting"),
    ],
)
def test_upstreams_word_of_going_back_is_of_the_time_that_it_tells_else_since_when_it_is_said(
    first: str, then: str, returned_at: str | None, state: str
) -> None:
    told = story()
    told.parcel(first, "12-01")
    told.report(DELIVERED, "12-02")
    told.parcel(then, "12-03", returned_at=returned_at and moment(returned_at))
    assert told.state == state


@pytest.mark.parametrize("first", [moment("12-01"), None])
def test_a_word_of_going_back_without_a_time_is_as_old_as_any_record_shows_it(
    first: int | None,
) -> None:
    told = story()
    told.parcel("returned", "12-03", returned_at=first)
    told.report(DELIVERED, "12-02")
    assert told.state == ("waiting" if first is None else "planned")
    told.parcel("returned", "12-04", returned_at=moment("12-01"))
    told.parcel("returned", "12-05")
    assert told.state == "planned"


def test_what_is_lost_by_its_logistics_state_and_then_returned_is_told_twice() -> None:
    told = story()
    told.parcel("returned", "12-01")
    told.report(DELIVERED, "12-02")
    told.parcel("returned", "12-03", failed=True)
    assert told.state == "waiting"


def test_a_reversal_takes_back_the_carriers_own_word_only() -> None:
    told = story()
    told.parcel("arrived", "12-02")
    told.report(DELIVERED, "12-01")
    told.report(REVERSED, "12-03")
    assert (told.state, told.decided.final_at) == ("planned", moment("12-02"))


def test_a_manual_edit_upstream_does_not_take_back_the_carriers_word() -> None:
    told = story()
    told.parcel("arrived", "12-01")
    told.report(DELIVERED, "12-02")
    told.parcel("shipped", "12-03")
    assert (told.state, told.decided.final_at) == ("planned", moment("12-02"))


def test_delivered_after_upstreams_return_is_final_anew() -> None:
    told = story()
    told.parcel("arrived", "12-01")
    told.parcel("returned", "12-02")
    told.report(DELIVERED, "12-05")
    assert told.decided.final_at == moment("12-05")


# --- several parcels


def two(**earn: Json) -> Story:
    """Two parcels on their way."""
    told = story(**earn)
    told.parcel("shipped", "11-30", parcel_id=b"second", tracking=OTHER_NUMBER)
    return told


def test_several_parcels_are_final_with_the_last_of_their_moments_in_either_voice() -> None:
    told = two()
    told.report(DELIVERED, "12-01")
    assert told.state == "waiting"
    told.parcel("arrived", "12-05", parcel_id=b"second", tracking=OTHER_NUMBER)
    assert told.decided.final_at == moment("12-05")
    told.report(DELIVERED, "12-03", OTHER_NUMBER)
    assert told.decided.final_at == moment("12-03")


@pytest.mark.parametrize(
    ("meaning", "state"), [(RETURNED, "planned"), (LOST, "planned"), (RETURNING, "waiting")]
)
def test_what_the_carrier_returned_or_lost_is_out_of_the_count_what_is_returning_is_awaited(
    meaning: Meaning, state: str
) -> None:
    told = two()
    told.report(DELIVERED, "12-01")
    told.report(meaning, "12-02", OTHER_NUMBER)
    assert told.state == state


@pytest.mark.parametrize("how", ["carrier", "upstream"])
def test_all_out_of_the_count_is_not_final(how: str) -> None:
    told = two()
    told.report(LOST, "12-02", OTHER_NUMBER)
    if how == "carrier":
        told.report(RETURNED, "12-03")
    else:
        told.parcel("returned", "12-03")
    assert told.state == "waiting"


def test_a_parcel_that_upstream_calls_returned_counts_once_the_carrier_delivers_it_later() -> None:
    told = two()
    told.report(DELIVERED, "12-01")
    told.parcel("returned", "12-02", parcel_id=b"second", tracking=OTHER_NUMBER)
    assert told.decided.final_at == moment("12-01")
    told.report(DELIVERED, "12-06", OTHER_NUMBER)
    assert told.decided.final_at == moment("12-06")


def test_a_report_of_one_parcel_says_nothing_of_the_other() -> None:
    told = two()
    told.report(DELIVERED, "12-01")
    told.report(DELIVERED, "12-01", b"", named=True)
    assert told.state == "waiting"


# --- orders that no carrier can gate (rules.md 2.2 D4, D5)


@pytest.mark.parametrize(
    ("key", "created_by"), [(DeliveryKey.NULL, "shop"), (DeliveryKey.ABSENT, "pos")]
)
@pytest.mark.parametrize("meaning", [DELIVERED, RETURNED])
def test_reports_on_an_order_without_delivery_gate_nothing(
    key: DeliveryKey, created_by: str, meaning: Meaning
) -> None:
    told = Story(bound_rules())
    told.order(delivery_key=key, created_by=created_by)
    told.report(meaning, "11-30", named=True)
    assert told.state == "waiting"
    told.order("12-01", "completed", delivery_key=key, created_by=created_by)
    told.report(meaning, "12-02", b"", named=True)
    assert (told.state, told.decided.final_at) == ("planned", moment("12-01"))


@pytest.mark.parametrize("on_return", ["claw_back", "keep"])
@pytest.mark.parametrize("meaning", [DELIVERED, RETURNED, REVERSED])
def test_reports_gate_nothing_where_the_completion_grants(on_return: str, meaning: Meaning) -> None:
    told = story(grant_on="order_completed", on_return=on_return)
    told.report(meaning, "12-01")
    assert told.state == "waiting"
    told.order("12-02", "completed")
    told.report(meaning, "12-03")
    assert (told.state, told.decided.final_at) == ("planned", moment("12-02"))


def test_an_order_whose_parcel_is_not_known_yet_waits_though_it_is_named() -> None:
    told = Story(bound_rules())
    told.order()
    told.report(DELIVERED, "12-01", named=True)
    assert told.state == "waiting"
    told.parcel("shipped", "11-30")
    assert told.decided.final_at == moment("12-01")


# --- episodes


def test_a_later_final_moment_left_after_a_reversal_opens_an_episode() -> None:
    told = delivered()
    told.until("12-06")
    told.parcel("arrived", "12-05", arrived_at=moment("12-05"))
    assert told.history == [GRANTED]
    told.report(REVERSED, "12-06")
    assert (told.history, told.decided.due_at) == ([GRANTED, TAKEN], moment("12-08"))
    told.until("12-08")
    assert told.history == [GRANTED, TAKEN, GRANTED]


def test_a_later_final_moment_that_is_due_too_with_the_same_expiry_posts_nothing() -> None:
    told = delivered()
    told.until("12-20")
    told.parcel("arrived", "12-05", arrived_at=moment("12-05"))
    told.report(REVERSED, "12-06")
    assert (told.history, told.decided.due_at) == ([GRANTED], moment("12-08"))


# --- keep


@pytest.mark.parametrize("meaning", [RETURNING, RETURNED, LOST])
@pytest.mark.parametrize(
    ("went", "points"), [("12-04", 100), ("12-10", 100), ("12-03 23:59", 0), ("12-02", 0)]
)
@pytest.mark.parametrize("heard", ["12-10", "2025-02-01"])
def test_kept_points_stay_when_the_carrier_takes_the_parcel_back_at_the_due_date_or_later(
    meaning: Meaning, went: str, points: int, heard: str
) -> None:
    told = delivered(on_return="keep")
    told.until(heard)
    told.report(meaning, went)
    assert (told.points, told.state) == (points, "granted" if points else "waiting")


@pytest.mark.parametrize("upstream_final", [False, True])
@pytest.mark.parametrize("status", ["returning", "returned", "expired"])
@pytest.mark.parametrize(("went", "points"), [("12-04", 100), ("12-03 23:59", 0)])
def test_kept_points_stay_whichever_voice_takes_the_parcel_back(
    *, upstream_final: bool, status: str, went: str, points: int
) -> None:
    told = delivered(on_return="keep")
    if upstream_final:
        told.parcel("arrived", "12-01 16:00")
    told.until("12-20")
    told.parcel(status, went)
    told.report(RETURNED, "12-15")
    assert told.points == points


def test_with_keep_the_carriers_return_beside_upstreams_final_status_is_kept() -> None:
    told = story(on_return="keep")
    told.parcel("arrived", "12-01")
    told.until("12-10")
    told.report(RETURNED, "12-09")
    assert (told.history, told.decided.final_at) == ([GRANTED], moment("12-01"))


@pytest.mark.parametrize("meaning", [REVERSED, REVERSED_RETURNING])
def test_a_reversed_scan_always_takes_back(meaning: Meaning) -> None:
    told = delivered(on_return="keep")
    told.until("12-10")
    told.report(meaning, "12-10")
    assert told.history == [GRANTED, TAKEN]


@pytest.mark.parametrize("words", list(permutations([(RETURNED, "12-08"), (REVERSED, "12-10")])))
def test_a_scan_reversed_after_a_kept_return_takes_back_too(
    words: list[tuple[Meaning, str]],
) -> None:
    told = delivered(on_return="keep")
    told.until("12-20")
    for meaning, when in words:
        told.report(meaning, when)
    assert told.points == 0


def test_a_reversal_that_says_returning_takes_back_upstreams_earlier_final_status_too() -> None:
    told = delivered(on_return="keep")
    told.parcel("arrived", "12-01 16:00")
    told.until("12-20")
    told.report(RETURNING, "12-08")
    assert told.points == 100
    told.report(REVERSED_RETURNING, "12-10")
    assert told.points == 0
    told.report(RETURN_REVERSED, "12-11")
    assert (told.points, told.decided.final_at) == (100, moment("12-01 16:00"))


def test_a_return_that_began_before_the_due_date_is_not_kept_because_it_ended_after() -> None:
    told = story(on_return="keep")
    told.report(DELIVERED, "12-01")
    told.report(RETURNING, "12-03")
    told.report(RETURNED, "12-08")
    told.until("12-20")
    assert (told.history, told.state) == ([], "waiting")


def test_a_return_begun_before_upstream_was_final_and_ended_after_the_due_date_is_kept() -> None:
    told = story(on_return="keep")
    told.report(RETURNING, "11-30 12:00")
    told.parcel("arrived", "12-01")
    told.until("12-20")
    told.report(RETURNED, "12-10")
    assert told.history == [GRANTED]


def test_of_several_parcels_those_that_go_back_after_the_due_date_change_nothing() -> None:
    told = two(on_return="keep")
    told.report(DELIVERED, "12-01")
    told.report(DELIVERED, "12-02", OTHER_NUMBER)
    told.until("12-20")
    told.report(RETURNED, "12-10", OTHER_NUMBER)
    told.parcel("returned", "12-11")
    assert (told.history, told.decided.due_at) == ([GRANTED], moment("12-05"))


@pytest.mark.parametrize(("first", "points"), [("12-03", 100), ("12-01 12:00", 100)])
def test_a_parcel_that_goes_back_before_the_due_date_leaves_the_count_and_the_other_is_kept(
    first: str, points: int
) -> None:
    told = two(on_return="keep")
    told.report(DELIVERED, "12-01")
    told.report(DELIVERED, "12-01", OTHER_NUMBER)
    told.report(RETURNED, first, OTHER_NUMBER)
    told.until("12-20")
    told.report(LOST, "12-10")
    assert told.points == points


def test_a_parcel_that_goes_back_after_the_due_date_does_not_move_it() -> None:
    told = two(on_return="keep")
    told.report(DELIVERED, "12-01")
    told.report(DELIVERED, "12-03", OTHER_NUMBER)
    told.until("12-05 12:00")
    told.returned(430, "12-05")
    told.until("12-20")
    told.report(RETURNED, "12-10", OTHER_NUMBER)
    assert (told.history, told.decided.due_at) == ([("granted", 57)], moment("12-06"))


def test_a_parcel_lost_before_it_was_ever_final_does_not_hold_up_the_others() -> None:
    told = two(on_return="keep")
    told.report(DELIVERED, "12-01")
    told.report(LOST, "12-10", OTHER_NUMBER)
    told.until("12-10")
    assert told.history == [GRANTED]


@pytest.mark.parametrize("voice", ["carrier", "upstream"])
@pytest.mark.parametrize(
    ("first", "then", "points"), [("returned", "returning", 100), ("returning", "returned", 0)]
)
def test_words_at_or_after_the_due_date_neither_bring_a_parcel_back_nor_take_it_out_for_good(
    voice: str, first: str, then: str, points: int
) -> None:
    """One that was out stays out.

    One that was still awaited when all went back leaves an order that was never final.
    """
    told = two(on_return="keep")
    told.report(DELIVERED, "12-01")
    for word, when in ((first, "12-02"), (then, "12-10")):
        if voice == "carrier":
            told.report(Meaning[word.upper()], when, OTHER_NUMBER)
        else:
            told.parcel(word, when, parcel_id=b"second", tracking=OTHER_NUMBER)
    told.report(RETURNED, "12-09")
    told.until("12-20")
    assert told.points == points


# --- any history: what goes back at or after the due date changes nothing with `keep`

NUMBERS = {b"first": NUMBER, b"second": OTHER_NUMBER}
STEP = DAY // 2
parcel_ids = st.sampled_from([b"first", b"second"])
moments = st.integers(0, 30).map(lambda n: CREATED + n * STEP)
optional = st.one_of(st.none(), moments)
records = st.builds(
    ParcelRecord,
    st.builds(Version, moments, st.integers(0, 3)),
    parcel_ids,
    st.sampled_from(
        [
            "shipped",
            "arrived",
            "arrived",
            "collected",
            "collected",
            "returning",
            "returned",
            "expired",
        ]
    ),
    st.sampled_from([HOME]),
    returned_at=optional,
    arrived_at=optional,
)
# That a return order sent it back (D15) the newest record says, which another one takes back.
not_by_return = records.map(lambda record: record._replace(by_return=False))
joined = st.builds(
    CarrierReport,
    moments,
    st.sampled_from([*Meaning, DELIVERED, DELIVERED, DELIVERED]),
    st.sampled_from([*NUMBERS.values()]),
)


def any_story(told: list[ParcelRecord], reported: list[CarrierReport]) -> Story:
    """An order of these parcels and reports, long after all of it."""
    made = Story(bound_rules(on_return="keep", pending_days=1), now=CREATED + 400 * DAY)
    made.order()
    for record in told:
        fold_parcel(made.facts, record._replace(tracking=NUMBERS[record.parcel_id]))
    made.facts.reports = tuple(sorted(set(reported)))
    return made


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(
    told=st.lists(not_by_return, min_size=1, max_size=5),
    reported=st.lists(joined, max_size=7),
    word=st.sampled_from([RETURNING, RETURNED, LOST, "returning", "returned", "expired"]),
    parcel=parcel_ids,
    after=st.integers(0, 40),
    tells=st.booleans(),
)
def test_whatever_was_said_before_going_back_after_the_due_date_changes_nothing(
    told: list[ParcelRecord],
    reported: list[CarrierReport],
    word: Meaning | str,
    parcel: bytes,
    after: int,
    *,
    tells: bool,
) -> None:
    made = any_story(told, reported)
    before = made.decided
    assume(before.state == "granted" and before.due_at is not None)
    assume(parcel in {p.record.parcel_id for p in made.facts.parcels})
    newest = max(
        [r.at for r in reported] + [r.version.at for r in told] + [r.returned_at or 0 for r in told]
    )
    at = max(before.due_at or 0, newest + 1) + after * STEP
    if isinstance(word, str):
        back = ParcelRecord(Version(at), parcel, word, HOME, tracking=NUMBERS[parcel])
        fold_parcel(made.facts, back._replace(returned_at=at) if tells else back)
    else:
        made.facts.reports = (*made.facts.reports, CarrierReport(at, word, NUMBERS[parcel]))
    assert made.decided == before


@given(told=st.lists(records, min_size=1, max_size=5), reported=st.lists(joined, max_size=7))
def test_with_keep_an_order_is_final_whenever_it_is_without(
    told: list[ParcelRecord], reported: list[CarrierReport]
) -> None:
    made = any_story(told, reported)
    kept = made.decided
    made.rules = bound_rules(pending_days=1)
    plain = made.decided
    assert plain.final_at is None or kept.final_at is not None


@given(told=st.lists(records, min_size=1, max_size=5), reported=st.lists(joined, max_size=7))
def test_a_parcel_is_final_out_of_the_count_or_awaited(
    told: list[ParcelRecord], reported: list[CarrierReport]
) -> None:
    made = any_story(told, reported)
    made.rules = bound_rules(pending_days=1)
    standing = {p.record.parcel_id: standing_of(p, made.facts, {}) for p in made.facts.parcels}
    counted = [one for one in standing.values() if not one.out]
    finals: list[Micros] = [one.final_at for one in counted if one.final_at is not None]
    all_final = bool(counted) and len(finals) == len(counted)
    assert made.decided.final_at == (max(*finals, CREATED) if all_final else None)


@given(told=st.lists(records, min_size=1, max_size=5))
def test_an_order_without_reports_is_decided_as_by_both_voices(told: list[ParcelRecord]) -> None:
    """The short way for orders of which no carrier spoke gives what the long way gives."""
    short, long = any_story(told, []), any_story(told, [])
    long.facts.reports = (CarrierReport(CREATED, Meaning.IN_TRANSIT, b"another parcel's"),)
    assert short.decided == long.decided
    short.rules = long.rules = bound_rules(pending_days=1)
    assert short.decided == long.decided
