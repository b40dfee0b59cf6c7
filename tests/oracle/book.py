"""The oracle's book: takes events, lets time pass, and says what every member should have.

What must be equal to the product's (I1)? Until spending exists every order stands for itself: its
own lot always holds what may be taken back, unless it expired. So a member has what the orders that
are his now are entitled to, less those whose lot's expiry has passed, whatever was granted, taken
back and moved on the way.

Two things of the way remain, and the rules call both recorded facts. The *binding* is to settings
known when the first event of the order arrived. The *episode* is the newest final moment that was
granted: an earlier one that arrives later moves nothing, so the lot keeps the expiry of the episode
(and with `keep` the episode's due date decides). Both depend on what arrived by when, so the book
has to take the same events at the same times as the product. Where neither matters (settings known
beforehand, claw_back, no expiry within the story) the balances must not depend on the way at all;
that is tested by itself, with the same book.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.carriers import Statement
from tests.oracle.law import Circumstances, Entitled, entitled
from tests.oracle.matching import Key, match_reports
from tests.oracle.records import Episode, Order, Settings
from tests.oracle.upstream import CustomerRecord, InstallRecord, OrderRecords, Report, read

APPLICATION = "64210a1e6425fdf32c5fff20"
"""The application whose events count; those of others are not about us."""


@dataclass
class Book:
    """All orders by (merchant, order), all other events, settings by merchant, and the time."""

    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    orders: dict[Key, Order] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    customers: dict[Key, list[CustomerRecord]] = field(default_factory=dict)
    settings: dict[str, list[Settings]] = field(default_factory=dict)
    installs: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)
    _statements: dict[Key, dict[str, list[list[Statement]]]] = field(default_factory=dict)

    def apply(self, settings: Settings, merchant: str) -> None:
        """A new settings version was applied."""
        self.settings.setdefault(merchant, []).append(settings)
        self._look_at_all()

    def consume(self, event: dict[str, Any]) -> None:
        """An event arrives now."""
        event_read = read(event, self.now)
        match event_read:
            case OrderRecords(merchant, order, records):
                self._order(merchant, order).everything += records
            case CustomerRecord(merchant, member):
                self.customers.setdefault((merchant, member), []).append(event_read)
            case InstallRecord(merchant, application, at, installed):
                if application == APPLICATION:
                    self.installs.setdefault(merchant, []).append((at, installed))
            case Report(merchant, order_id):
                self.reports.append(event_read)
                if order_id and merchant:
                    self._order(merchant, order_id)
        self._statements = match_reports(self.orders, self.reports)
        self._look_at_all()

    def _order(self, merchant: str, order_id: str) -> Order:
        """The order; a new one remembers how many settings were known."""
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
        statements = self._statements.get((merchant, order_id), {})
        circumstances = Circumstances(
            bound,
            bound_at,
            self.installs.get(merchant, []),
            statements,
            self._customer(merchant, order),
        )
        return entitled(order, circumstances, self.now)

    def _customer(self, merchant: str, order: Order) -> dict[str, Any] | None:
        """The newest record of the order's member that says whether or since when he is one."""
        member = (order.newest() or {}).get("customer_id")
        records = [
            record
            for record in self.customers.get((merchant, member or ""), [])
            if {"registered_at", "is_member"} & record.what.keys()
        ]
        return max(records, key=lambda record: record.version).what if records else None

    def _binding(self, merchant: str, order_id: str) -> tuple[Settings | None, datetime | None]:
        """The order's own binding, or its parent's once that has one (rules.md 1.7)."""
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
            # it arrives.
            prolongs = before is not None and order.points and newest.expires == before.expires
            if answer.due_points or prolongs:
                order.episode = newest
        order.points, order.member = answer.due_points, answer.member

    def _bind(self, merchant: str, order: Order) -> None:
        """rules.md 1.7: in force at the creation, among those known when the first event arrived.

        Without any, the first ones.
        """
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
        balances: dict[Key, int] = {}
        for (merchant, _), order in self.orders.items():
            if order.member and order.points and order.episode and order.episode.expires > self.now:
                key = (merchant, order.member)
                balances[key] = balances.get(key, 0) + order.points
        return balances

    def earned(self) -> dict[tuple[str, str, str], int]:
        """(merchant, order, member) to the sum of the order's earning entries of its member."""
        return {
            (merchant, order_id, order.member): order.points
            for (merchant, order_id), order in self.orders.items()
            if order.member and order.points
        }
