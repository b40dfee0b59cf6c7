"""The oracle's book: hears events, lets time pass, and says what every member should have.

What must be equal to the product's (I1)? Until spending exists every order stands for itself: its
own lot always holds what may be taken back, unless it expired. So a member has what the orders that
are his now are entitled to, less those whose lot's expiry has passed, whatever was granted, taken
back and moved on the way.

Two things of the way remain, and SPEC calls both recorded facts. The *binding* is to settings known
at the first word of the order. The *episode* is the newest final moment that was granted: an
earlier one heard later moves nothing, so the lot keeps the expiry of the episode (and with `keep`
the episode's due date decides). Both depend on what was heard by when, so the book has to hear the
same events at the same times as the product. Where neither matters (settings known beforehand,
claw_back, no expiry within the story) the balances must not depend on the way at all; that is
tested by itself, with the same book.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.carriers import Word
from tests.oracle.joining import Key, joined
from tests.oracle.law import Beside, Entitled, entitled
from tests.oracle.records import Episode, Order, Settings
from tests.oracle.upstream import OfApplication, OfCustomer, OfOrder, Report, read

APPLICATION = "64210a1e6425fdf32c5fff20"
"""The application whose events count; others' say nothing of ours."""


@dataclass
class Book:
    """All orders by (merchant, order), what else was heard, settings by merchant, and the time."""

    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    orders: dict[Key, Order] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    customers: dict[Key, list[OfCustomer]] = field(default_factory=dict)
    settings: dict[str, list[Settings]] = field(default_factory=dict)
    installs: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)
    _words: dict[Key, dict[str, list[Word]]] = field(default_factory=dict)

    def apply(self, settings: Settings, merchant: str) -> None:
        """A new settings version was applied."""
        self.settings.setdefault(merchant, []).append(settings)
        self._look_at_all()

    def hear(self, event: dict[str, Any]) -> None:
        """An event was heard now."""
        heard = read(event, self.now)
        if isinstance(heard, OfOrder):
            self._order(heard.merchant, heard.order).said += heard.said
        elif isinstance(heard, OfCustomer):
            self.customers.setdefault((heard.merchant, heard.member), []).append(heard)
        elif isinstance(heard, OfApplication):
            if heard.application == APPLICATION:
                self.installs.setdefault(heard.merchant, []).append((heard.at, heard.installed))
        else:
            self.reports.append(heard)
            if heard.order and heard.merchant:
                self._order(heard.merchant, heard.order)
        self._words = joined(self.orders, self.reports)
        self._look_at_all()

    def _order(self, merchant: str, order_id: str) -> Order:
        """The order; when it is heard of first, with so many settings known."""
        known = len(self.settings.get(merchant, []))
        return self.orders.setdefault((merchant, order_id), Order(known_settings=known))

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
        self._look_at_all()

    def explain(self, merchant: str, order_id: str) -> Entitled:
        """The order's entitlement now."""
        order = self.orders[merchant, order_id]
        bound, bound_at = self._binding(merchant, order_id)
        words = self._words.get((merchant, order_id), {})
        beside = Beside(
            bound, bound_at, self.installs.get(merchant, []), words, self._customer(merchant, order)
        )
        return entitled(order, beside, self.now)

    def _customer(self, merchant: str, order: Order) -> dict[str, Any] | None:
        """The newest record of the order's member that says anything of membership."""
        member = (order.newest() or {}).get("customer_id")
        told = [
            c
            for c in self.customers.get((merchant, member or ""), [])
            if {"registered_at", "is_member"} & c.what.keys()
        ]
        return max(told, key=lambda c: c.version).what if told else None

    def _binding(self, merchant: str, order_id: str) -> tuple[Settings | None, datetime | None]:
        """The order's own binding, or its parent's once that has one (SPEC 1.7)."""
        order = self.orders[merchant, order_id]
        parent = (order.newest() or {}).get("parent_order_id")
        if parent and (merchant, parent) in self.orders and self.orders[merchant, parent].decided:
            return self._binding(merchant, parent)
        return order.bound, order.created()

    def _look_at_all(self) -> None:
        for (merchant, _), order in self.orders.items():
            self._bind(merchant, order)
        for (merchant, order_id), order in self.orders.items():
            self._record(order, self.explain(merchant, order_id))

    def _record(self, order: Order, answer: Entitled) -> None:
        newest, before = answer.episode, order.episode
        if newest is not None and newest.due <= self.now and newest is not before:
            # An episode is recorded when it is granted; one that only prolongs a granted one when
            # it is heard of.
            prolongs = before is not None and order.points and newest.expires == before.expires
            if answer.due_points or prolongs:
                order.episode = newest
        order.points, order.member = answer.due_points, answer.member

    def _bind(self, merchant: str, order: Order) -> None:
        """SPEC 1.7: in force at the creation, among those known at the first word, else the first ones."""
        known = self.settings.get(merchant, [])
        created = order.created()
        if order.decided or not known or created is None:
            return
        order.decided = True
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
