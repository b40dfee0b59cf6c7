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
from datetime import UTC, datetime, timedelta
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
    settings: dict[str, list[tuple[datetime, Settings]]] = field(default_factory=dict)
    installs: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)
    _statements: dict[Key, dict[str, list[list[Statement]]]] = field(default_factory=dict)

    def apply(self, settings: Settings, merchant: str) -> None:
        """A new settings version was applied."""
        # After all that came at the same instant.
        applied = self.now + timedelta(milliseconds=1)
        self.settings.setdefault(merchant, []).append((applied, settings))
        self._look_at_all()

    def consume(self, event: dict[str, Any]) -> None:
        """An event arrives now."""
        event_read = read(event, self.now)
        match event_read:
            case OrderRecords(merchant, order, records):
                self._order(merchant, order).everything += records
                heard = self._order(merchant, order).heard or self.now
                self._order(merchant, order).heard = min(heard, self.now)
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
        return self.orders.setdefault((merchant, order_id), Order())

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
        root = self._root(merchant, order_id)
        origin = self._oldest(merchant, root)
        statements = self._statements.get((merchant, order_id), {})
        circumstances = Circumstances(
            self.orders[merchant, root],
            self._bound(merchant, origin),
            self.orders[merchant, origin].created(),
            self.installs.get(merchant, []),
            statements,
            self._customer(merchant, order),
        )
        return entitled(order, circumstances, self.now)

    def bound(self, merchant: str, order_id: str) -> Settings | None:
        """The settings that an order is bound to."""
        return self._bound(merchant, self._oldest(merchant, self._root(merchant, order_id)))

    def bound_at(self, merchant: str, order_id: str) -> datetime | None:
        """The creation by which an order is bound."""
        origin = self._oldest(merchant, self._root(merchant, order_id))
        return self.orders[merchant, origin].created()

    def _customer(self, merchant: str, order: Order) -> list[CustomerRecord]:
        """All that was said of the order's member."""
        member = (order.newest() or {}).get("customer_id")
        return self.customers.get((merchant, member or ""), [])

    def _known(self, merchant: str, order_id: str | None) -> bool:
        order = self.orders.get((merchant, order_id or ""))
        return order is not None and order.newest() is not None

    def _root(self, merchant: str, order_id: str) -> str:
        """What the order was split from in the end (rules.md 1.7).

        Of parents that go round, the one at which the round begins.
        """
        path = [order_id]
        while True:
            parent = self.orders[merchant, path[-1]].told("parent_order_id")
            if not self._known(merchant, parent) or parent == path[-1]:
                return path[-1]
            if parent in path:
                return str(parent)
            path.append(parent)

    def _oldest(self, merchant: str, order_id: str) -> str:
        """The oldest of the orders that were combined into one; itself if there are none."""
        if not self.orders[merchant, order_id].told("combined_from_orders"):
            return order_id
        found: list[str] = []
        waiting = [order_id]
        for one in waiting:
            order = self.orders[merchant, one]
            combined = order.told("combined_from_orders") or ()
            ids = [each["id"] if isinstance(each, dict) else each for each in combined]
            named = [*ids, order.told("parent_order_id")]
            new = [n for n in named if self._known(merchant, n) and n not in found and n != one]
            found += new
            waiting += new
        if not found or order_id in found:
            return order_id
        return min(found, key=lambda one: (self.orders[merchant, one].created(), one))

    def _bound(self, merchant: str, order_id: str) -> Settings | None:
        """rules.md 1.7: in force at the creation, among those applied when it was first heard of.

        Without any, the first ones.
        """
        order, bound = self.orders[merchant, order_id], None
        created, versions = order.created(), self.settings.get(merchant, [])
        if created is None:
            return None
        for n, (applied, settings) in enumerate(versions):
            known = n == 0 or order.heard is None or applied <= order.heard
            if known and datetime.fromisoformat(settings["effective_at"]) <= created:
                bound = settings
        return bound

    def _look_at_all(self) -> None:
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
