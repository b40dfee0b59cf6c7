"""Months in a shop's zone: what notices are metered under."""

from rules.local_days import FIRST, LAST, local_date
from schemas.ids import Micros


def month_of(at: Micros, zone: str) -> int:
    """The month that a calendar in the zone (IANA name) shows at an instant, such as 202611.

    Instants outside all calendars count as the nearest that lies inside.
    """
    day = local_date(min(max(at, FIRST), LAST), zone)
    return day.year * 100 + day.month
