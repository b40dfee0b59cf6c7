"""What the lane must have decided, by a model that takes one record after another.

It is slow, keeps everything in memory, knows of no batches, and shares no code with the rules: its
table is written down once more, and it finds the end of quiet hours by looking at the clock of
every minute.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.upstream import Json

HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK_OF_WAITING = {"email": 72 * HOUR, "sms": 24 * HOUR}
REMEMBERED = 96 * HOUR
"""A day in which it is told, and three in which it may wait: older notices are not looked at."""
OPEN = {"waiting", "claimed"}
BOTH, MAIL = ("email", "sms"), ("email",)

UP: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "granted": ("earned", BOTH),
    "assigned": ("assigned", BOTH),
    "returned": ("returned", BOTH),
    "adjusted": ("earned_more", BOTH),
}
DOWN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "adjusted": ("corrected", MAIL),
    "deducted": ("corrected", MAIL),
    "clawed_back": ("corrected", MAIL),
    "expired": ("expired", MAIL),
}
QUIETLY = {"held", "released", "redeemed"}
OF_AN_ORDER = {"earned", "earned_more", "corrected"}


@dataclass
class Change:
    """A change of points, as the test made it."""

    event: Json
    at: int

    def __getattr__(self, name: str) -> Any:
        return self.event[name]

    @property
    def member(self) -> tuple[str, str]:
        """Whose it is."""
        return self.event["merchant_id"], self.event["member_id"]


@dataclass
class Row:
    """A notice as it must be in the table."""

    change: Change
    kind: str
    channel: str
    state: str
    reason: str | None
    not_before: int
    give_up: int
    points: int
    balance: int
    sequence: int

    def shown(self) -> tuple[Any, ...]:
        """The columns that are compared."""
        return (
            self.change.event_id, self.channel, self.kind, self.state, self.reason, self.points,
            self.balance, self.sequence, self.not_before, self.give_up,
        )  # fmt: skip


@dataclass
class Shop:
    """What was heard of a shop: (effective, zone, enabled, entitled), and its newest document."""

    versions: dict[int, tuple[int, str, bool, bool]] = field(default_factory=dict)
    document: Json = field(default_factory=dict)

    def in_force(self, now: int) -> tuple[str, bool, bool]:
        """Zone, whether points are switched on, and whether the plan has them."""
        begun = [version for version in self.versions.values() if version[0] <= now]
        if begun:
            return max(begun)[1:]
        _, zone, _, entitled = min(self.versions.values())
        return zone, False, entitled

    def tells(self, channel: str, kind: str) -> bool:
        """Whether the shop has members told of a kind by a channel."""
        section = self.document.get(channel, {})
        if channel == "email":
            switched = section.get("enabled", True) and section.get("from") is not None
            ours = kind in {"earned", "assigned"}
        else:
            switched, ours = section.get("enabled", False), kind == "assigned"
        return bool(switched and section.get("kinds", {}).get(kind, ours))


class Oracle:
    """Takes what happens, one thing at a time."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.shops: defaultdict[str, Shop] = defaultdict(Shop)
        self.parked: defaultdict[str, dict[str, Change]] = defaultdict(dict)
        self.contacts: dict[tuple[str, str], dict[str, bool]] = {}
        self.wishes: set[tuple[str, str, str, str]] = set()
        self.published: Counter[tuple[str, str, str, str | None]] = Counter()

    def read(self, values: Iterable[Change | bytes | None], now: int) -> Counter[str]:
        """What becomes of records of points.changed.v1."""
        return Counter(self._read(value, now) for value in values)

    def _read(self, value: Change | bytes | None, now: int) -> str:
        if value is None:
            return "null_value"
        if isinstance(value, bytes):
            return "dead"
        merchant = value.merchant_id
        if not self.shops[merchant].versions or self.parked[merchant]:
            known = value.event_id in self.parked[merchant]
            self.parked[merchant].setdefault(value.event_id, value)
            return "duplicate" if known else "parked"
        return self._decide(value, now)

    def hear(self, merchant: str, version: int, said: tuple[int, str, bool, bool]) -> None:
        """A version of a shop's points settings, the first of them to come counts."""
        self.shops[merchant].versions.setdefault(version, said)

    def work_off(self, most: int, now: int) -> None:
        """Decides what is parked of shops that were heard of, about so many."""
        for merchant in sorted(self.parked):
            if most <= 0:
                return
            waiting = self.parked[merchant]
            if not self.shops[merchant].versions or not waiting:
                continue
            by_time = sorted(waiting.values(), key=lambda each: (each.at, each.sequence))
            last = by_time[min(most, len(by_time)) - 1].at
            taken = [each for each in by_time if each.at <= last]
            for each in taken:
                del waiting[each.event_id]
                self._decide(each, now)
            most -= len(taken)

    def _decide(self, change: Change, now: int) -> str:
        if change.type not in {*UP, *DOWN, *QUIETLY}:
            outcome = "unknown_type"
        else:
            line = (UP if change.points > 0 else DOWN).get(change.type)
            outcome = "no_notice" if line is None or not change.points else "applied"
        if outcome == "applied" and line is not None:
            kind, channels = line
            if change.type == "assigned":
                asked = change.event.get("notify") or {}
                channels = tuple(each for each in channels if asked.get(each))
            if not channels:
                outcome = "not_asked"
            elif now - change.at > 400 * DAY:
                outcome = "not_kept"
            elif (change.event_id, channels[0]) in self.rows:
                outcome = "duplicate"
            else:
                for channel in channels:
                    row = self._row(change, kind, channel, now)
                    self.rows[change.event_id, channel] = row
                    if row.reason in {"opted_out", "no_address"}:
                        self._publish(row)
        self._bring_up(change, now)
        return outcome

    def _row(self, change: Change, kind: str, channel: str, now: int) -> Row:
        zone, enabled, entitled = self.shops[change.merchant_id].in_force(now)
        shop, member = self.shops[change.merchant_id], change.member
        address = self.contacts.get(member, {}).get(channel)
        reasons = {
            "too_old": now - change.at > DAY,
            "feature_off": not enabled,
            "no_plan": not entitled,
            "off": not shop.tells(channel, kind),
            "opted_out": bool({(*member, channel, kind), (*member, channel, "*")} & self.wishes),
            "no_address": address is False,
        }
        reason = next((name for name, holds in reasons.items() if holds), None)
        figures = change.points, change.balance["available"], change.sequence
        if reason is not None:
            return Row(change, kind, channel, "skipped", reason, 0, 0, *figures)
        hours = shop.document.get("quiet", {}).get(channel)
        waits, until = quiet_until(now, hours, zone), now + WEEK_OF_WAITING[channel]
        return Row(change, kind, channel, "waiting", None, waits, until, *figures)

    def _bring_up(self, change: Change, now: int) -> None:
        """Every notice that waits says the newest balance, and what is left of its order."""
        member, order = change.member, change.event["order_id"]
        known = [
            row
            for row in self.rows.values()
            if row.change.member == member
            and row.change.at // 1000 >= (now - REMEMBERED) // 1000
            and (row.state in OPEN or (order is not None and row.change.event["order_id"] == order))
        ]
        newest = max(
            [(change.sequence, change.balance["available"])]
            + [(row.sequence, row.balance) for row in known]
        )
        left = self._left(known, order)
        for row in known:
            if row.state not in OPEN:
                continue
            row.sequence, row.balance = newest
            row.points = left.get(row.change.event_id, row.points)
            if not row.points:
                row.state, row.reason = "withdrawn", "taken_back"
                self._publish(row)

    @staticmethod
    def _left(known: Iterable[Row], order: str | None) -> dict[str, int]:
        """Point by point: each that is taken back is the newest of those that are there."""
        changes = {
            (row.change.sequence, row.change.event_id): row.change.points
            for row in known
            if order is not None and row.change.event["order_id"] == order
            and row.kind in OF_AN_ORDER
        }  # fmt: skip
        pile: list[str] = []
        for (_, event), points in sorted(changes.items()):
            if points > 0:
                pile += [event] * points
            else:
                del pile[max(0, len(pile) + points) :]
        return {event: pile.count(event) for (_, event), n in changes.items() if n > 0}

    def _publish(self, row: Row) -> None:
        self.published[row.change.event_id, row.channel, row.state, row.reason] += 1


@cache
def quiet_until(now: int, hours: str | None, zone: str) -> int:
    """The first moment that is not quiet, by looking at the clock of every minute."""
    if hours is None:
        return now
    start, end = hours.split("-")
    moment = datetime.fromtimestamp(now // 1_000_000, UTC) + timedelta(microseconds=now % 1_000_000)
    while _quiet(moment.astimezone(ZoneInfo(zone)).strftime("%H:%M"), start, end):
        moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return round((moment - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1))


def _quiet(clock: str, start: str, end: str) -> bool:
    return start <= clock < end if start < end else clock >= start or clock < end
