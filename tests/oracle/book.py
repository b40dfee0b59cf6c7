"""The oracle's book: hears events, lets time pass, and says what every member should have.

What must be equal to the product's (I1)? Until spending exists every order stands for itself: its own lot always holds
what may be taken back, unless it expired. So a member has what the orders that are his now are entitled to, less those
whose lot's expiry has passed, whatever was granted, taken back and moved on the way.

Two things of the way remain, and SPEC calls both recorded facts. The *binding* is to settings known at the first word
of the order. The *episode* is the newest final moment that was granted: an earlier one heard later moves nothing, so
the lot keeps the expiry of the episode (and with `keep` the episode's due date decides). Both depend on what was heard
by when, so the book has to hear the same events at the same times as the product. Where neither matters (settings known
beforehand, claw_back, no expiry within the story) the balances must not depend on the way at all; that is tested by
itself, with the same book.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.law import Entitled, Episode, Order, Settings, entitled
from tests.oracle.upstream import read

Key = tuple[str, str]


@dataclass
class Book:
    """All orders by (merchant, order), settings by merchant, and the time."""

    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    orders: dict[Key, Order] = field(default_factory=dict)
    settings: dict[str, list[Settings]] = field(default_factory=dict)
    installs: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)

    def apply(self, settings: Settings, merchant: str) -> None:
        """A new settings version was applied."""
        self.settings.setdefault(merchant, []).append(settings)
        for (of, _), order in self.orders.items():
            if of == merchant:
                self._look_at(of, order)

    def installed(self, when: datetime, merchant: str, *, installed: bool) -> None:
        """An application event was heard."""
        self.installs.setdefault(merchant, []).append((when, installed))
        for (of, _), order in self.orders.items():
            if of == merchant:
                self._look_at(of, order)

    def hear(self, event: dict[str, Any]) -> None:
        """An event was heard now."""
        merchant = event["merchant_id"]
        order_id, said = read(event, self.now)
        known = len(self.settings.get(merchant, []))
        order = self.orders.setdefault((merchant, order_id), Order(known_settings=known))
        order.said += said
        self._look_at(merchant, order)

    def until(self, when: datetime) -> None:
        """Time passes. What falls due on the way is granted when it is due."""
        while True:
            dues = [e.due for e in map(self._planned, self.orders) if e is not None]
            soonest = min((due for due in dues if self.now < due <= when), default=None)
            if soonest is None:
                break
            self._now_is(soonest)
        self._now_is(when)

    def _planned(self, key: Key) -> Episode | None:
        answer = self.explain(*key)
        return answer.episode if answer.state == "planned" else None

    def _now_is(self, when: datetime) -> None:
        self.now = max(self.now, when)
        for (merchant, _), order in self.orders.items():
            self._look_at(merchant, order)

    def explain(self, merchant: str, order_id: str) -> Entitled:
        """The order's entitlement now."""
        return entitled(self.orders[merchant, order_id], self.installs.get(merchant, []), self.now)

    def _look_at(self, merchant: str, order: Order) -> None:
        self._bind(merchant, order)
        answer = entitled(order, self.installs.get(merchant, []), self.now)
        newest, before = answer.episode, order.episode
        if newest is not None and newest.due <= self.now and newest is not before:
            # An episode is recorded when it is granted; one that only prolongs a granted one when it is heard of.
            prolongs = before is not None and order.points and newest.expires == before.expires
            if answer.due_points or prolongs:
                order.episode = newest
        order.points, order.member = answer.due_points, answer.member

    def _bind(self, merchant: str, order: Order) -> None:
        """SPEC 1.7: in force at the creation, among those known at the first word, else the first ones."""
        known = self.settings.get(merchant, [])
        records = sorted((s for s in order.said if s.kind == "order"), key=lambda s: s.version)
        if order.decided or not known or not records:
            return
        order.decided = True
        created = datetime.fromisoformat(records[-1].what["created_at"])
        for settings in known[: max(1, order.known_settings)]:
            if datetime.fromisoformat(settings["effective_at"]) <= created:
                order.bound = settings

    def balances(self) -> dict[Key, int]:
        """(merchant, member) to points, without those who have none."""
        found: dict[Key, int] = {}
        for (merchant, _), order in self.orders.items():
            if order.member and order.points and order.episode and order.episode.expires > self.now:
                key = (merchant, order.member)
                found[key] = found.get(key, 0) + order.points
        return found

    def earned(self) -> dict[tuple[str, str, str], int]:
        """(merchant, order, member) to what the order's earning entries of its member must add up to."""
        return {
            (merchant, order_id, order.member): order.points
            for (merchant, order_id), order in self.orders.items()
            if order.member and order.points
        }
