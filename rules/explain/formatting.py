"""Instants, days and amounts as people read them."""

from datetime import date
from zoneinfo import ZoneInfo

from rules.account.expiry import shown_day
from rules.local_days import FIRST, LAST, local_date
from schemas.ids import NEVER, Micros, instant, iso
from schemas.money import FRACTION_DIGITS


def moment_shown(moment: Micros, zone: str) -> str:
    """A local date and time, with seconds where there are some; UTC text outside the calendar."""
    if not FIRST <= moment <= LAST:
        return iso(moment)
    local = instant(moment).astimezone(ZoneInfo(zone))
    return local.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def day_of(moment: Micros, zone: str) -> date:
    """The local day of an instant."""
    return local_date(moment, zone)


def day_shown(expires: Micros | None, zone: str) -> str:
    """The last day on which points can be used, `never`, or nothing."""
    if expires is None:
        return ""
    return "never" if expires == NEVER else f"{shown_day(expires, zone)} 23:59"


def money_shown(amount: int, currency: str) -> str:
    """An amount of minor units with its currency: TWD 1,000 or HKD 12.50."""
    digits = FRACTION_DIGITS.get(currency, 0)
    sign, whole = ("-", -amount) if amount < 0 else ("", amount)
    major, minor = divmod(whole, 10**digits)
    fraction = f".{minor:0{digits}d}" if digits else ""
    return f"{currency} {sign}{major:,}{fraction}"


def points_shown(points: int) -> str:
    """A number of points: 1 point, 1,200 points."""
    return f"{points:,} point" if points == 1 else f"{points:,} points"
