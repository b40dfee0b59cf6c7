"""When points are due and when they expire, in every zone (rules.md 2.1, 3.1)."""

import struct
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.account.expiry import expires_at, shown_day
from rules.earning.due_date import due_at
from rules.explain.formatting import day_of, moment_shown
from rules.local_days import FIRST, LAST, local_date, start_of_day
from schemas.ids import DAY, MINUTE, NEVER, SECOND, Micros, instant, iso, micros
from schemas.settings.document import MAX_PENDING_DAYS

TAIPEI = "Asia/Taipei"
MARCH_1972 = datetime(1972, 3, 1, tzinfo=UTC)  # Liberia gave up the last odd seconds in January
ZONES = sorted(name for name in available_timezones() if name not in {"Factory", "localtime"})
# Where midnight goes missing or comes twice, days are skipped, offsets are odd, or the clock
# changes off the hour.
HARD_ZONES = [
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "America/Scoresbysund",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Africa/Cairo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
    "Antarctica/Troll",
]

zones = st.one_of(st.sampled_from(HARD_ZONES), st.sampled_from(ZONES))
finals = st.integers(micros(MARCH_1972), micros(datetime(2045, 1, 1, tzinfo=UTC)))


def at(text: str) -> Micros:
    return micros(datetime.fromisoformat(text))


def local(moment: Micros, zone: str) -> datetime:
    return instant(moment).astimezone(ZoneInfo(zone))


def naive_start_of_day(day: date, zone: str) -> Micros:
    """The first whole minute at which the zone's clock shows the day or a later one.

    Counted one by one.
    """
    moment = micros(datetime.combine(day, time(), UTC)) - 27 * 60 * MINUTE
    while local(moment, zone).date() < day:
        moment += MINUTE
    return moment


@pytest.mark.parametrize("hour", [0, 8, 15, 16, 23])
def test_final_on_the_first_and_three_days_is_due_on_the_fourth(hour: int) -> None:
    final = at("2019-12-01T00:00:00+08:00") + hour * 60 * MINUTE
    assert due_at(final, 3, TAIPEI) == at("2019-12-04T00:00:00+08:00")


def test_without_pending_days_points_are_due_at_once() -> None:
    final = at("2019-12-01T13:14:15.161718+08:00")
    assert due_at(final, 0, TAIPEI) == final


def test_the_day_is_the_merchants_not_utcs() -> None:
    final = at("2019-12-01T17:00:00Z")
    assert due_at(final, 1, TAIPEI) == at("2019-12-03T00:00:00+08:00")
    assert due_at(final, 1, "UTC") == at("2019-12-02T00:00:00Z")


def test_the_help_pages_example_expires_at_the_end_of_the_next_year() -> None:
    due = at("2019-12-04T00:00:00+08:00")
    expires = expires_at(due, (12, 31), TAIPEI)
    assert iso(expires) == "2020-12-31T16:00:00Z"
    assert shown_day(expires, TAIPEI) == date(2020, 12, 31)


def test_points_granted_in_one_year_expire_together_in_the_next() -> None:
    first, last = at("2019-01-01T00:00:00+08:00"), at("2019-12-31T23:59:59+08:00")
    assert (
        expires_at(first, (1, 1), TAIPEI)
        == expires_at(last, (1, 1), TAIPEI)
        == at("2020-01-02T00:00:00+08:00")
    )
    assert expires_at(last + SECOND, (1, 1), TAIPEI) == at("2021-01-02T00:00:00+08:00")


@pytest.mark.parametrize(
    ("year", "shown"), [(2022, "2023-02-28"), (2023, "2024-02-29"), (2024, "2025-02-28")]
)
def test_29_february_is_the_28th_in_other_years(year: int, shown: str) -> None:
    expires = expires_at(at(f"{year}-06-01T00:00:00Z"), (2, 29), "UTC")
    assert shown_day(expires, "UTC") == date.fromisoformat(shown)


def test_points_without_an_expiry_never_expire() -> None:
    assert expires_at(at("2019-12-04T00:00:00Z"), None, TAIPEI) == NEVER
    with pytest.raises(ValueError, match="never expire"):
        shown_day(NEVER, TAIPEI)


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),  # 00:00 jumped to 01:00
        ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"),  # as above
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),  # 23:30 jumped to 00:30
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),  # the day was skipped
        ("America/Havana", "2020-11-01", "2020-11-01T04:00:00Z"),  # 00:00 came twice: the earlier
        (
            "America/St_Johns",
            "2010-11-07",
            "2010-11-07T02:30:00Z",
        ),  # 00:00, and again after 00:01 went back to 23:01
        ("Asia/Kathmandu", "2024-05-01", "2024-04-30T18:15:00Z"),
    ],
)
def test_a_day_starts_at_its_first_instant(zone: str, day: str, starts: str) -> None:
    assert start_of_day(date.fromisoformat(day), zone) == at(starts)


@given(zone=zones, final=finals, pending_days=st.integers(1, MAX_PENDING_DAYS))
@example(zone="America/St_Johns", final=at("2010-11-07T02:30:30Z"), pending_days=1)
@example(zone="America/St_Johns", final=at("2010-11-07T02:31:30Z"), pending_days=1)
@example(zone="Pacific/Apia", final=at("2011-12-30T09:59:59Z"), pending_days=1)
@example(zone="America/Sao_Paulo", final=at("2018-11-03T12:00:00Z"), pending_days=1)
def test_due_is_the_start_of_a_calendar_day_in_every_zone(
    zone: str, final: Micros, pending_days: int
) -> None:
    day = local(final, zone).date() + timedelta(days=pending_days)
    assert due_at(final, pending_days, zone) == max(final, naive_start_of_day(day, zone))


@given(zone=zones, due=finals, month=st.integers(1, 12), day=st.integers(1, 28))
def test_expiry_is_the_end_of_the_set_day_in_every_zone(
    zone: str, due: Micros, month: int, day: int
) -> None:
    last = date(local(due, zone).year + 1, month, day)
    expires = expires_at(due, (month, day), zone)
    assert expires == naive_start_of_day(last + timedelta(days=1), zone)
    assert expires > due


@given(zone=zones, moment=finals)
def test_the_remembered_day_is_what_the_clock_shows(zone: str, moment: Micros) -> None:
    for instant_nearby in range(moment, moment + 16 * MINUTE, MINUTE):
        assert local_date(instant_nearby, zone) == local(instant_nearby, zone).date()


@pytest.mark.parametrize("final", [FIRST - 1, LAST + 1, at("0001-01-01T00:00:00Z")])
def test_instants_beyond_any_calendar_still_have_an_answer(final: Micros) -> None:
    assert due_at(final, 365, "Pacific/Apia") == final + 365 * DAY
    expires = expires_at(due_at(final, 365, "Pacific/Apia"), (2, 29), "Pacific/Apia")
    assert expires == NEVER if final > 0 else expires > final


@pytest.mark.parametrize("final", ["9999-01-01T00:00:00Z", "9999-12-30T00:00:00Z"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Adak"])
def test_what_is_due_behind_the_year_9999_can_be_shown(final: str, zone: str) -> None:
    """Senders write 9999 for *never*; `explain` and `status` show when it would be due."""
    due = due_at(at(final), MAX_PENDING_DAYS, zone)
    assert iso(due) == "9999-12-30T00:00:00Z"
    assert expires_at(due, (12, 31), zone) == NEVER
    assert moment_shown(due, zone) == "9999-12-30T00:00:00Z"
    assert day_of(due, zone).year == 9999


@pytest.mark.parametrize("edge", [FIRST, LAST])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kiritimati", "America/Adak"])
def test_the_edges_of_the_calendar_hold_in_zones_far_from_utc(edge: Micros, zone: str) -> None:
    due = due_at(edge, 365, zone)
    assert edge < due < edge + 366 * DAY
    assert expires_at(edge, (12, 31), zone) > edge


@lru_cache
def transitions(zone: str) -> tuple[int, ...]:
    """The seconds at which a zone's clock changes.

    From the 64-bit block of its TZif file (RFC 8536).
    """
    data = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
    header = struct.Struct(">4s1s15x6l")
    _, _, utc, std, leap, times, types, chars = header.unpack_from(data)
    second = header.size + times * 5 + types * 6 + chars + leap * 8 + std + utc
    times = header.unpack_from(data, second)[5]
    return struct.unpack_from(f">{times}q", data, second + header.size)


def test_no_zone_changes_its_clock_twice_within_a_quarter_hour() -> None:
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()
    assert len(names) > 400
    changes = {name: transitions(name) for name in names}
    assert len(changes["America/St_Johns"]) > 100
    for name, seconds in changes.items():
        assert all(later - earlier > 900 for earlier, later in pairwise(seconds)), name
