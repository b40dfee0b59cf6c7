"""When points expire (rules.md 3)."""

from calendar import isleap
from datetime import date, timedelta
from functools import lru_cache

from rules.local_days import FIRST, LAST, QUARTER, date_of_quarter, local_date, start_of_day
from schemas.ids import NEVER, Micros


def expires_at(due: Micros, expiry: tuple[int, int] | None, zone: str) -> Micros:
    """The exclusive instant at which points of this due date expire (rules.md 3.1 D6).

    NEVER without an expiry.

    `expiry` is (month, day). The year Y is that of the due date in the merchant's zone (IANA name);
    the points can be used until the end of that month and day of Y+1, so the instant is the next
    local midnight.
    """
    if expiry is None or due > LAST:
        return NEVER
    due = max(due, FIRST)
    expires = _expiry_of_quarter(due // QUARTER, expiry, zone)
    return (
        expires
        if expires is not None
        else _expiry_of_year(local_date(due, zone).year, expiry, zone)
    )


def shown_day(expires: Micros, zone: str) -> date:
    """The day that people are shown: the last, in the merchant's zone, to use the points."""
    if expires == NEVER:
        raise ValueError("points that never expire have no last day")
    return local_date(expires - 1, zone)


@lru_cache(maxsize=1 << 14)
def _expiry_of_quarter(quarter: int, expiry: tuple[int, int], zone: str) -> Micros | None:
    day = date_of_quarter(quarter, zone)
    return None if day is None else _expiry_of_year(day.year, expiry, zone)


def _expiry_of_year(year: int, expiry: tuple[int, int], zone: str) -> Micros:
    month, day = expiry
    if (month, day) == (2, 29) and not isleap(year + 1):
        day = 28
    return start_of_day(date(year + 1, month, day) + timedelta(days=1), zone)
