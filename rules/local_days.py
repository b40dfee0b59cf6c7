"""The merchant's calendar: which local day an instant falls on, and when a local day begins.

Both answers must be exact in every zone, and are asked for every order. So the day of an instant is
remembered per quarter hour of UTC. That is exact although some zones change their clock off the
quarter hour (St. John's at 00:01 until 2011): a quarter hour is remembered only when its first and
last second have the same offset and the same date; then the local clock ran evenly in between,
since no zone changes twice within a quarter hour. The few others are worked out every time.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from schemas.ids import SECOND, Micros

_QUARTER_SECONDS: Final = 900
QUARTER: Final[Micros] = _QUARTER_SECONDS * SECOND

# Where local calendars end. One year's room on the early side for the offset, and centuries on the
# late one, so that nothing added to a day runs over the year 9999.
FIRST: Final[Micros] = -62_104_060_800 * SECOND  # 0002-01-01T00:00:00Z
LAST: Final[Micros] = 221_845_392_000 * SECOND  # 9000-01-01T00:00:00Z
END: Final[Micros] = 253_402_128_000 * SECOND  # 9999-12-30T00:00:00Z, the latest time upstream has

_zone = lru_cache(maxsize=None)(ZoneInfo)


def local_date(moment: Micros, zone: str) -> date:
    """The date that a clock in the zone (IANA name) shows at the instant.

    The instant must lie between FIRST and LAST.
    """
    day = date_of_quarter(moment // QUARTER, zone)
    return day if day is not None else _local(moment // SECOND, zone).date()


@lru_cache(maxsize=1 << 14)
def date_of_quarter(quarter: int, zone: str) -> date | None:
    """The local date of all instants of a quarter hour; None if it has more than one.

    Quarter hours are counted from the epoch.
    """
    first = _local(quarter * _QUARTER_SECONDS, zone)
    last = _local((quarter + 1) * _QUARTER_SECONDS - 1, zone)
    if first.utcoffset() != last.utcoffset() or first.date() != last.date():
        return None
    return first.date()


@lru_cache(maxsize=1 << 13)
def start_of_day(day: date, zone: str) -> Micros:
    """The first instant of a local day.

    That is 00:00; the earlier one when the clock shows it twice; and when the clock skips it (or
    the whole day, as Apia did on 2011-12-30), the instant at which the clock jumps over it.
    """
    return instants_of(datetime.combine(day, time()), zone)[0]


@lru_cache(maxsize=1 << 12)
def instants_of(shown: datetime, zone: str) -> tuple[Micros, Micros]:
    """The first and the last instant at which the local clock shows a time (naive, whole minutes).

    They differ where the clock shows it twice. When the clock skips it, both are the instant at
    which the clock jumps over it.
    """
    first = _seconds(shown.replace(tzinfo=_zone(zone)))
    last = _seconds(shown.replace(tzinfo=_zone(zone), fold=1))
    if _local(first, zone).replace(tzinfo=None) == shown:
        return first * SECOND, last * SECOND
    jump = _jump_over(shown, last, first, zone) * SECOND
    return jump, jump


def _jump_over(shown: datetime, low: int, high: int, zone: str) -> int:
    """The first second in low..high at which the local clock is past a time that it skips."""
    while low < high:
        middle = (low + high) // 2
        if _local(middle, zone).replace(tzinfo=None) < shown:
            low = middle + 1
        else:
            high = middle
    return low


def _local(seconds: int, zone: str) -> datetime:
    return datetime.fromtimestamp(seconds, _zone(zone))


def _seconds(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
