"""Names of things, and instants.

An instant inside rules and store is an integer: microseconds since 1970-01-01T00:00:00Z (`Micros`).
Integers compare, subtract and travel to the database without a zone that could get lost on the way.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

# A plain alias: a NewType would cost a call for every instant on the hot path.
Micros: TypeAlias = int

SECOND: Final[Micros] = 1_000_000
MINUTE: Final[Micros] = 60 * SECOND
HOUR: Final[Micros] = 60 * MINUTE
DAY: Final[Micros] = 86_400 * SECOND

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The expiry of a lot that never expires: the largest bigint, so that it sorts behind every date.
NEVER: Final[Micros] = 2**63 - 1

_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS: Final = tuple(f"{second:02d}" for second in range(60))


def escaped(part: str) -> str:
    """An id without colons: `%3A` for a colon and `%25` for a percent sign.

    Ids may hold any character, and names made of several ids have colons between them. Ordinary
    ids stay as they are.
    """
    if ":" in part or "%" in part:
        return part.replace("%", "%25").replace(":", "%3A")
    return part


def record_key(*parts: str) -> bytes:
    """The key of a record: ids with colons between them, escaped so that no two keys are alike."""
    return ":".join([escaped(part) for part in parts]).encode()


def micros(moment: datetime) -> Micros:
    """Microseconds since the epoch, exactly (integers only). Refuses a time without an offset."""
    if moment.utcoffset() is None:
        raise ValueError(
            "a time without an offset is no instant: add Z or an offset such as +08:00"
        )
    return (moment - EPOCH) // _MICROSECOND


def instant(moment: Micros) -> datetime:
    """The aware UTC datetime of an instant.

    Refuses NEVER and whatever lies outside the years 1 to 9999.
    """
    try:
        return EPOCH + timedelta(microseconds=moment)
    except OverflowError:
        raise ValueError(
            f"instant {moment} is outside the calendar (years 1 to 9999), or means never"
        ) from None


def iso(moment: Micros) -> str:
    """Text such as 2020-12-31T16:00:00Z.

    A fraction only when there is one, of three digits if they suffice, or six.
    """
    minute, rest = divmod(moment, MINUTE)
    second, fraction = divmod(rest, SECOND)
    if fraction == 0:
        return f"{_minute(minute)}{_SECONDS[second]}Z"
    if fraction % 1000 == 0:
        return f"{_minute(minute)}{_SECONDS[second]}.{fraction // 1000:03d}Z"
    return f"{_minute(minute)}{_SECONDS[second]}.{fraction:06d}Z"


# Lots expire at local midnights, which are few.
@lru_cache(maxsize=4096)
def iso_or_none(moment: Micros) -> str | None:
    """As `iso`, and None for NEVER: how events and answers show the expiry of a lot."""
    return None if moment == NEVER else iso(moment)


# Instants of one flow lie close together, so the minutes of some hours answer nearly every call.
@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    return instant(minutes * MINUTE).strftime("%Y-%m-%dT%H:%M:").zfill(17)
