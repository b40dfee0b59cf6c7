"""Quiet hours: when a shop does not want its members to be disturbed, by the clock of its zone.

Every day has one quiet period, from the first moment at which the clock shows its beginning to the
last at which it shows its end. So in the night that has an hour twice the period has no gap, and
nobody is woken in between; a time that the clock skips stands for the moment at which it jumps.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from rules.local_days import FIRST, LAST, instants_of, local_date
from schemas.ids import NEVER, Micros

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_DAY: Final = timedelta(days=1)
_DAY_MINUTES: Final = 24 * 60
_MOST_JOINED: Final = 4
"""Periods that may join: around a change of the clock one can reach into the next."""


class QuietHours(NamedTuple):
    """Minutes of the local day: quiet from `start` until before `end`, the next day's if not later.

    24:00, the end of a day, is 1440.
    """

    start: int
    end: int


@lru_cache(maxsize=1 << 10)
def hours_of(text: str) -> QuietHours:
    """The hours that a text such as 21:00-09:00 says.

    Raises ValueError for a text of any other form.
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError("write quiet hours as HH:MM-HH:MM, such as 21:00-09:00")
    start = int(match[1]) * 60 + int(match[2])
    end = _DAY_MINUTES if match[3] is None else int(match[3]) * 60 + int(match[4])
    return QuietHours(start, end)


def minutes_of(text: str) -> int:
    """How long quiet hours last on a day that the clock does not change. Raises as `hours_of`."""
    start, end = hours_of(text)
    return (end - start) % _DAY_MINUTES or _DAY_MINUTES


@lru_cache(maxsize=1 << 12)
def not_before(now: Micros, hours: str | None, zone: str) -> Micros:
    """The first instant from `now` on that is not quiet: `now` itself outside quiet hours.

    `hours` as in `hours_of`, None for none; `zone` is an IANA name. NEVER for hours that leave no
    time: 00:00-24:00, and the same from and to (a shop's settings refuse both).
    """
    if hours is None or not FIRST <= now <= LAST:
        return now
    quiet, at = hours_of(hours), now
    for _ in range(_MOST_JOINED):
        end = _end_around(at, quiet, zone)
        if end is None:
            return at
        at = end
    return NEVER


def _end_around(at: Micros, quiet: QuietHours, zone: str) -> Micros | None:
    """When the quiet period ends in which an instant lies; None when it lies in none."""
    today = local_date(at, zone)
    # Tomorrow's as well: a clock that is put back at midnight shows the end of today once more.
    for day in (today - _DAY, today, today + _DAY):
        start, end = _period(day, quiet, zone)
        if start <= at < end:
            return end
    return None


@lru_cache(maxsize=1 << 10)
def _period(day: date, quiet: QuietHours, zone: str) -> tuple[Micros, Micros]:
    """The quiet period that begins on a local day: its first instant, and the one behind it."""
    until = day if quiet.end > quiet.start else day + _DAY
    return _shown(day, quiet.start, zone)[0], _shown(until, quiet.end, zone)[1]


def _shown(day: date, minutes: int, zone: str) -> tuple[Micros, Micros]:
    return instants_of(datetime.combine(day, time()) + timedelta(minutes=minutes), zone)
