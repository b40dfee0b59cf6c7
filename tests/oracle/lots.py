"""Lots as events name them (account.md 7), and the expiry that an assignment has."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.commands import NEVER, SECOND, Micros, instant, moment_of
from tests.oracle.records import Settings

ORDER, COMMAND, JOB, DEBIT = 1, 2, 3, 4


class Lot(NamedTuple):
    """Sorts as lots are spent: the soonest to expire first, then by what made it."""

    expires_at: Micros
    kind: int
    source: str
    number: int = 0

    @property
    def name(self) -> str:
        """As events name it."""
        if self.kind == ORDER:
            return f"{self.source}-{self.number}"
        text = f"{('', '', 'command', 'job', 'order-debit')[self.kind]}:{self.source}"
        return f"{text}-{self.number}" if self.number else text

    @property
    def order(self) -> str | None:
        """The order that earned it."""
        return self.source if self.kind == ORDER else None


def debit_lot(expires_at: Micros, order: str) -> Lot:
    """Where points go that an order took into debt; they may come back in several years."""
    minutes = 0 if expires_at == NEVER else expires_at // (60 * SECOND)
    return Lot(expires_at, DEBIT, order, minutes)


def assigned_expiry(settings: Settings, now: Micros) -> Micros:
    """When points expire that are assigned now."""
    expiry = settings["earn"]["expiry"]
    if expiry["kind"] == "never":
        return NEVER
    zone = ZoneInfo(settings["timezone"])
    year = instant(now).astimezone(zone).year + 1
    last_day = datetime(year, expiry["month"], expiry["day"], tzinfo=zone)
    return moment_of((last_day + timedelta(days=1)).astimezone(UTC))
