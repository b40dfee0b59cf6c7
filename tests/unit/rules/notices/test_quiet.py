"""Quiet hours and months, by the clocks of zones that put theirs forward and back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.months import month_of
from rules.notices.quiet import hours_of, minutes_of, not_before
from schemas.ids import MINUTE, NEVER, Micros, instant, micros

NIGHT = "21:00-09:00"
ZONES = ("Asia/Taipei", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def at(zone: str, text: str, *, second: bool = False) -> Micros:
    """The instant at which the zone's clock shows a time, the second time if it does so twice."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=int(second))
    return micros(shown.astimezone(UTC))


def test_a_grant_of_local_midnight_waits_for_the_morning() -> None:
    midnight = at("Asia/Taipei", "2026-11-27 00:00")
    assert not_before(midnight, NIGHT, "Asia/Taipei") == at("Asia/Taipei", "2026-11-27 09:00")


def test_quiet_hours_last_beyond_midnight_and_until_the_end_of_a_day() -> None:
    spans = (NIGHT, "12:30-13:00", "00:01-24:00", "23:00-00:00")
    assert [minutes_of(hours) for hours in spans] == [720, 30, 1439, 60]


@pytest.mark.parametrize(
    ("shown", "until"),
    [
        ("2026-11-26 20:59:59", None),
        ("2026-11-26 21:00", "2026-11-27 09:00"),
        ("2026-11-26 23:59:59", "2026-11-27 09:00"),
        ("2026-11-27 08:59:59", "2026-11-27 09:00"),
        ("2026-11-27 09:00", None),
    ],
)
def test_the_beginning_is_quiet_and_the_end_is_not(shown: str, until: str | None) -> None:
    moment = at("Asia/Taipei", shown)
    expected = moment if until is None else at("Asia/Taipei", until)
    assert not_before(moment, NIGHT, "Asia/Taipei") == expected


def test_hours_within_a_day_do_not_reach_over_midnight() -> None:
    noon = at("Asia/Taipei", "2026-11-27 12:30")
    assert not_before(noon, "12:00-14:00", "Asia/Taipei") == at("Asia/Taipei", "2026-11-27 14:00")
    night = at("Asia/Taipei", "2026-11-27 23:00")
    assert not_before(night, "12:00-14:00", "Asia/Taipei") == night


def test_no_hours_are_never_quiet() -> None:
    assert not_before(17, None, "Asia/Taipei") == 17


@pytest.mark.parametrize("hours", ["00:00-24:00", "09:00-09:00", "00:00-00:00"])
def test_hours_that_leave_no_time_are_always_quiet(hours: str) -> None:
    assert not_before(at("Asia/Taipei", "2026-11-27 12:00"), hours, "Asia/Taipei") == NEVER


def test_the_end_of_the_day_is_the_next_days_beginning() -> None:
    late = at("Europe/Berlin", "2026-11-27 23:30")
    assert not_before(late, "22:00-24:00", "Europe/Berlin") == at(
        "Europe/Berlin", "2026-11-28 00:00"
    )


@pytest.mark.parametrize("text", ["9:00-21:00", "21:00", "21:00-24:01", "25:00-09:00", "21-09", ""])
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write quiet hours"):
        hours_of(text)


@pytest.mark.parametrize(
    ("zone", "quiet_at", "hours", "jump"),
    [
        # 2 a.m. is 3 a.m. at once; in Lord Howe it is 2:30.
        ("Europe/Berlin", "2026-03-29 01:30", "21:00-02:30", "2026-03-29 03:00"),
        ("America/New_York", "2026-03-08 01:30", "21:00-02:00", "2026-03-08 03:00"),
        ("Australia/Lord_Howe", "2026-10-04 01:59", "21:00-02:15", "2026-10-04 02:30"),
    ],
)
def test_an_end_that_the_clock_skips_is_when_it_jumps(
    zone: str, quiet_at: str, hours: str, jump: str
) -> None:
    assert not_before(at(zone, quiet_at), hours, zone) == at(zone, jump)


@pytest.mark.parametrize(
    ("zone", "before", "jump"),
    [
        ("Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29 03:00"),
        ("America/New_York", "2026-03-08 01:59:59", "2026-03-08 03:00"),
    ],
)
def test_a_beginning_that_the_clock_skips_is_when_it_jumps(
    zone: str, before: str, jump: str
) -> None:
    hours = "02:30-09:00"
    assert not_before(at(zone, before), hours, zone) == at(zone, before)
    assert not_before(at(zone, jump), hours, zone) == at(zone, f"{jump[:10]} 09:00")


@pytest.mark.parametrize(
    ("zone", "day", "inside", "end"),
    [
        ("Europe/Berlin", "2026-10-25", "02:15", "02:30"),
        ("America/New_York", "2026-11-01", "01:15", "01:30"),
        ("Australia/Lord_Howe", "2026-04-05", "01:40", "01:45"),
    ],
)
def test_an_end_that_comes_twice_is_the_last(zone: str, day: str, inside: str, end: str) -> None:
    hours = f"21:00-{end}"
    last = at(zone, f"{day} {end}", second=True)
    assert at(zone, f"{day} {end}") < last, "the clock shows it twice"
    assert not_before(at(zone, f"{day} {inside}"), hours, zone) == last
    # Between the two the night is not interrupted.
    assert not_before(at(zone, f"{day} {end}"), hours, zone) == last
    assert not_before(at(zone, f"{day} {inside}", second=True), hours, zone) == last
    assert not_before(last, hours, zone) == last


@pytest.mark.parametrize(
    ("zone", "day", "begin"),
    [
        ("Europe/Berlin", "2026-10-25", "02:30"),
        ("America/New_York", "2026-11-01", "01:30"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45"),
    ],
)
def test_a_beginning_that_comes_twice_is_the_first(zone: str, day: str, begin: str) -> None:
    hours, morning = f"{begin}-09:00", at(zone, f"{day} 09:00")
    first = at(zone, f"{day} {begin}")
    assert not_before(first - 1, hours, zone) == first - 1
    assert not_before(first, hours, zone) == morning
    assert not_before(first + 10 * MINUTE, hours, zone) == morning


@given(
    st.sampled_from(ZONES),
    st.integers(1_700_000_000, 1_900_000_000),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_what_is_sent_is_never_sent_while_the_clock_shows_a_quiet_time(
    zone: str, second: int, start: int, end: int
) -> None:
    if start == end:
        return
    hours = "{:02}:{:02}-{:02}:{:02}".format(*divmod(start, 60), *divmod(end, 60))
    now = second * 1_000_000
    found = not_before(now, hours, zone)
    shown = instant(found).astimezone(ZoneInfo(zone))
    minute = shown.hour * 60 + shown.minute
    quiet = start <= minute < end if start < end else minute >= start or minute < end
    assert found >= now
    # A skipped end stands for the jump, behind which the clock shows a time past it.
    assert not quiet
    assert found - now <= 26 * 60 * MINUTE


@pytest.mark.parametrize(
    ("zone", "moment", "month"),
    [
        ("Asia/Taipei", datetime(2026, 10, 31, 16, tzinfo=UTC), 202611),
        ("Asia/Taipei", datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC), 202610),
        ("America/New_York", datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC), 202610),
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 202611),
        ("Australia/Lord_Howe", datetime(2026, 12, 31, 13, tzinfo=UTC), 202701),
        ("Europe/Berlin", datetime(2026, 12, 31, 23, tzinfo=UTC), 202701),
    ],
)
def test_a_month_is_that_of_the_shops_calendar(zone: str, moment: datetime, month: int) -> None:
    assert month_of(micros(moment), zone) == month


def test_instants_beyond_all_calendars_have_a_month_nevertheless() -> None:
    assert month_of(NEVER, "Asia/Taipei") == month_of(NEVER - 1, "Asia/Taipei") == 900001
    assert month_of(micros(datetime(1, 1, 1, tzinfo=UTC)), "UTC") == 201


def test_a_clock_put_back_over_midnight_wakes_nobody_before_the_next_one() -> None:
    """At 00:01 it showed 23:01 once more: the night of the 7th had begun, and the 6th went on."""
    zone = "America/St_Johns"
    between = at(zone, "2010-11-06 23:15", second=True)
    assert at(zone, "2010-11-07 00:00") < between
    assert not_before(between, "00:00-06:00", zone) == at(zone, "2010-11-07 06:00")
