"""When the points of an order are due (rules.md 2.1)."""

from datetime import timedelta
from functools import lru_cache

from rules.local_days import END, FIRST, LAST, QUARTER, date_of_quarter, local_date, start_of_day
from schemas.ids import DAY, Micros


def due_at(final: Micros, pending_days: int, zone: str) -> Micros:
    """The instant from which the order's points are due, for its final moment (rules.md 2.1 D2).

    Calendar days in the merchant's zone (IANA name), at 00:00 of that day: 12/1 final + 3 days =
    12/4. With no pending days at once, and never earlier than the final moment.
    """
    if pending_days == 0:
        return final
    if not FIRST <= final <= LAST:
        # No calendar reaches here. Days of 24 hours keep the answer defined and in order, and one
        # that can be shown: what is due behind the year 9999 is due at its end.
        return max(final, min(final + pending_days * DAY, END))
    due = _due_of_quarter(final // QUARTER, pending_days, zone)
    if due is None:
        due = start_of_day(local_date(final, zone) + timedelta(days=pending_days), zone)
    return max(due, final)


# 16,384 quarter hours are 170 days of one zone: more than a worker meets between two restarts, 2 MB
# at most.
@lru_cache(maxsize=1 << 14)
def _due_of_quarter(quarter: int, pending_days: int, zone: str) -> Micros | None:
    day = date_of_quarter(quarter, zone)
    return None if day is None else start_of_day(day + timedelta(days=pending_days), zone)
