"""The product without its store: events are decoded, folded, decided and posted in memory.

The same steps as the workers take (one event a batch, timers exactly when due), with a clock that
the test moves, so a test of the rules is a story: events, passing time, balances. Nothing here
decides anything by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from processors.intake.decoding import AppInstallEvent, CarrierReportEvent, CustomerEvent, decode
from processors.runtime.kafka.feed import Record
from rules.account.account import Account, Moved, claw_back, grant, lapse, lapsed
from rules.account.lots import LotKey, order_lot
from rules.earning.binding import VersionInForce, binding_of
from rules.earning.differences import Change, after_posting, changes
from rules.earning.entitlement import Entitlement, Installs, entitlement
from rules.order.carrier_reports import is_younger, meaning_on_leg, numbers_of, within_reach
from rules.order.facts import CarrierReport, OrderFacts
from rules.order.family import Ancestor, creation_of
from rules.order.folding import fold_heard, fold_record, fold_report
from rules.order.membership import UNKNOWN_BUYER, Buyer, with_statement
from schemas.carriers import CodeTable
from schemas.ids import Micros, micros
from schemas.packing import pack_id
from schemas.settings import BoundRules, compile_settings, load_settings
from store.orders.families import as_ancestor
from store.streams.cursors import PartitionId
from tests.support.customers import APPLICATION, application
from tests.support.order_facts import MEMBER, MERCHANT, ORDER, Event, bytes_of, day, settings

NOWHERE = PartitionId("orders", "", 0)
CODES = CodeTable()
A_MILLISECOND = 1000
"""Settings count as applied after all that came at the same instant, which Kafka cannot tell."""


@dataclass(frozen=True, slots=True)
class FakeMessage:
    """A message of a topic, as far as decoding looks at it."""

    content: bytes
    received: Micros

    def value(self) -> bytes:
        """The record's value."""
        return self.content

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds of the record's own time."""
        return 1, self.received // 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry; `order` and `episode` name the lot."""

    type: str
    member: bytes
    points: int
    order: bytes
    episode: int
    expires_at: Micros
    sequence: int
    balance_after: int


@dataclass(slots=True)
class Merchant:
    """A merchant's settings versions, application events, orders, accounts and ledger."""

    versions: list[VersionInForce] = field(default_factory=list)
    rules: dict[int, BoundRules] = field(default_factory=dict)
    installs: Installs = ()
    orders: dict[bytes, OrderFacts] = field(default_factory=dict)
    customers: dict[bytes, Buyer] = field(default_factory=dict)
    due: dict[bytes, Micros] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=dict)
    named_at: dict[bytes, dict[bytes, Micros]] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)

    def facts_of(self, order: bytes) -> OrderFacts:
        """The order's facts, made with its first event."""
        return self.orders.setdefault(order, OrderFacts())

    def ancestors(self) -> dict[tuple[int, bytes], Ancestor]:
        """All orders, as possible ancestors of others."""
        seen = {(0, order): as_ancestor(facts) for order, facts in self.orders.items()}
        return {key: ancestor for key, ancestor in seen.items() if ancestor is not None}


def at(text: str) -> Micros:
    """The instant of an ISO text with offset."""
    return micros(datetime.fromisoformat(text))


def _carrier_report(event: CarrierReportEvent) -> CarrierReport:
    meaning, code = CODES.look_up(event.carrier, event.service, event.code, event.text)
    meaning = meaning_on_leg(meaning, event.return_leg)
    return CarrierReport(
        event.at,
        meaning,
        event.number,
        f"{event.carrier}/{event.service}",
        code,
        event.order_id is not None,
    )


@dataclass(slots=True)
class InMemoryEngine:
    """All merchants, and the time."""

    now: Micros = 946_684_800_000_000  # 2000-01-01
    merchants: dict[str, Merchant] = field(default_factory=dict)
    reports: list[CarrierReportEvent] = field(default_factory=list)

    def merchant(self, merchant: str = MERCHANT) -> Merchant:
        """The merchant, made when first named."""
        return self.merchants.setdefault(merchant, Merchant())

    def apply(self, document: dict[str, Any], merchant: str = MERCHANT) -> None:
        """A new settings version.

        The first ones also bind the orders that waited for them (rules.md 1.7).
        """
        known = self.merchant(merchant)
        read = load_settings(orjson.dumps(document), name="test")
        rules = compile_settings(read)
        version = len(known.versions) + 1
        known.rules[version] = rules
        known.versions.append(VersionInForce(rules.effective_at, version, self.now + A_MILLISECOND))
        if version == 1:
            self._settle_all(known)

    def installed(self, when: str, *, installed: bool, merchant: str = MERCHANT) -> None:
        """The application was installed or uninstalled at the instant."""
        self.consume(application(when, installed=installed, merchant=merchant))

    def consume(self, *events: Event, when: str | None = None) -> list[str]:
        """Time passes until `when`, then the events are processed, each as a batch of its own.

        Their outcomes.
        """
        if when is not None:
            self.pass_time(at(when))
        return [self._consume(bytes_of(event)) for event in events]

    def _consume(self, value: bytes) -> str:
        message: Any = FakeMessage(value, self.now)
        event = decode(Record(NOWHERE, 0, message), "order")
        if isinstance(event, str):
            return event
        if isinstance(event, CarrierReportEvent):
            return self._report(event)
        known = self.merchant(event.merchant_id)
        if isinstance(event, CustomerEvent):
            return self._customer(known, event)
        if isinstance(event, AppInstallEvent):
            return self._application(known, event)
        facts = known.facts_of(event.order_id)
        numbers = numbers_of(facts)
        outcome = fold_record(
            facts,
            event.version,
            event.order,
            event.tier,
            event.parcel,
            event.returned,
            event.family,
        )
        for number in event.numbers():
            named = known.named_at.setdefault(event.order_id, {})
            named[number] = min(event.version.at, named.get(number, event.version.at))
        fold_heard(facts, event.heard_at)
        for waiting in [r for r in self.reports if r.order_id == event.order_id]:
            self._match_named(waiting)
        self._match(numbers | numbers_of(facts))
        self._settle(known, event.order_id)
        return outcome

    def _customer(self, known: Merchant, event: CustomerEvent) -> str:
        before = known.customers.get(event.member, UNKNOWN_BUYER)
        known.customers[event.member] = with_statement(before, event.statement)
        if known.customers[event.member] is before:
            return "stale"
        self._settle_all(known)
        return "applied"

    def _application(self, known: Merchant, event: AppInstallEvent) -> str:
        if event.application_id != APPLICATION:
            return "other_application"
        known.installs = tuple(sorted({*known.installs, (event.at, event.installed)}))
        self._settle_all(known)
        return "applied"

    def _report(self, report: CarrierReportEvent) -> str:
        if report.order_id is None:
            self.reports.append(report)
            self._match({report.number})
            return "applied"
        if report.merchant_id is not None:
            self.merchant(report.merchant_id).facts_of(report.order_id)
        else:
            self.reports.append(report)
        outcome = self._match_named(report)
        for known in self.merchants.values():
            if report.order_id in known.orders:
                self._settle(known, report.order_id)
        return outcome

    def _match_named(self, report: CarrierReportEvent) -> str:
        """A report that names an order is that order's, in every merchant that has it."""
        assert report.order_id is not None
        has = [
            m
            for name, m in self.merchants.items()
            if report.merchant_id in (None, name) and report.order_id in m.orders
        ]
        outcomes = [fold_report(m.orders[report.order_id], _carrier_report(report)) for m in has]
        return outcomes[0] if outcomes else "parked"

    def _match(self, numbers: Iterable[bytes]) -> None:
        """Give the reports of the numbers to the orders that have the number now.

        All others lose them.
        """
        for number in numbers:
            for known in self.merchants.values():
                for facts in known.orders.values():
                    facts.reports = tuple(r for r in facts.reports if r.number != number or r.named)
            for report in self.reports:
                if report.number == number and report.order_id is None:
                    self._match_by_number(report)
        if numbers:
            for known in self.merchants.values():
                self._settle_all(known)

    def _match_by_number(self, report: CarrierReportEvent) -> None:
        """Fold a report, in each merchant, into the order that has its number, or the one box."""
        for merchant, known in self.merchants.items():
            if report.merchant_id not in (None, merchant):
                continue
            near = [
                facts
                for order_id, facts in known.orders.items()
                if report.number in numbers_of(facts)
                and within_reach(known.named_at[order_id][report.number], report.at)
                and not is_younger(facts.record, report.at)
            ]
            members = {facts.record.member if facts.record else None for facts in near}
            if len(near) == 1 or (len(members) == 1 and None not in members):
                for facts in near:
                    fold_report(facts, _carrier_report(report))

    def pass_time(self, until: Micros) -> None:
        """Timers act when they are due, in order, until the instant; then it is now."""
        while True:
            waiting = [
                (due, m, o) for m, known in self.merchants.items() for o, due in known.due.items()
            ]
            due, merchant, order = min(waiting, default=(until + 1, "", b""))
            if due > until:
                break
            self.now = max(self.now, due)
            self._settle(self.merchants[merchant], order)
        self.now = max(self.now, until)
        for known in self.merchants.values():
            for member in known.accounts:
                self._lapse(known, member)

    def until(self, when: str) -> None:
        """Time passes until the instant."""
        self.pass_time(at(when))

    def explain(self, order: str = ORDER, merchant: str = MERCHANT) -> Entitlement:
        """What the order is entitled to now."""
        return self._decide(self.merchant(merchant), pack_id(order))

    def points(self, member: str = MEMBER, merchant: str = MERCHANT) -> int:
        """The member's balance: available + held − debt."""
        account = self.merchant(merchant).accounts.get(pack_id(member), Account())
        return account.available + account.held - account.debt

    def history(self, member: str = MEMBER, merchant: str = MERCHANT) -> list[tuple[str, int]]:
        """Type and points of the member's entries, oldest first."""
        return [
            (e.type, e.points)
            for e in self.merchant(merchant).ledger
            if e.member == pack_id(member)
        ]

    def expiries(self, member: str = MEMBER, merchant: str = MERCHANT) -> dict[Micros, int]:
        """Expiry instant to free points of the member's lots."""
        account = self.merchant(merchant).accounts.get(pack_id(member), Account())
        expiring: dict[Micros, int] = {}
        for key, lot in account.lots.items():
            if lot.free:
                expiring[key.expires_at] = expiring.get(key.expires_at, 0) + lot.free
        return expiring

    def _decide(self, known: Merchant, order: bytes) -> Entitlement:
        facts = known.orders.get(order, OrderFacts())
        facts.buyer = UNKNOWN_BUYER
        if facts.record is not None and facts.record.member in known.customers:
            facts.buyer = known.customers[facts.record.member]
        rules = known.rules.get(facts.settings_no)
        return entitlement(facts, rules, self.now, known.installs)

    def _settle_all(self, known: Merchant) -> None:
        for order in list(known.orders):
            self._settle(known, order)

    def _bind(self, known: Merchant, order: bytes) -> None:
        facts = known.orders[order]
        before = facts.settings_no
        facts.inherited = creation_of((0, order), known.ancestors())
        if before < 0 or facts.origin.ancestors:
            facts.settings_no = binding_of(facts, known.versions)
        if before < 0 <= facts.settings_no:
            for other, theirs in list(known.orders.items()):
                if other != order and theirs.origin.ancestors:
                    self._settle(known, other)

    def _settle(self, known: Merchant, order: bytes) -> None:
        facts = known.orders[order]
        self._bind(known, order)
        decided = self._decide(known, order)
        done = [(change, self._post(known, order, change)) for change in changes(facts, decided)]
        facts.posted = after_posting(facts, decided, done, None)
        known.due.pop(order, None)
        if decided.state == "planned" and decided.due_at is not None:
            known.due[order] = decided.due_at

    def _post(self, known: Merchant, order: bytes, change: Change) -> int:
        account = known.accounts.setdefault(change.holder, Account())
        self._lapse(known, change.holder)
        key = order_lot(change.expires_at, order, change.episode)
        add = change.points > 0
        moved = (
            grant(account, key, change.points) if add else claw_back(account, key, -change.points)
        )
        if moved.points:
            self._record(known, change.holder, change.type, moved, key)
        if change.expires_at <= self.now:
            self._lapse(known, change.holder)
        return moved.points

    def _lapse(self, known: Merchant, member: bytes) -> None:
        account = known.accounts[member]
        for key in lapsed(account, self.now):
            self._record(known, member, "expired", lapse(account, key), key)

    def _record(self, known: Merchant, member: bytes, kind: str, moved: Moved, key: LotKey) -> None:
        account = known.accounts[member]
        account.sequence += 1
        balance = account.available + account.held - account.debt
        entry = Entry(
            kind,
            member,
            moved.points,
            key.source,
            key.episode,
            key.expires_at,
            account.sequence,
            balance,
        )
        known.ledger.append(entry)


def granted_at_once(*events: Event, **earn: Any) -> InMemoryEngine:
    """A shop whose points are due at once, and that has heard these events on 20 December."""
    made = InMemoryEngine()
    made.apply(settings(earn={"pending_days": 0} | earn))
    made.consume(*events, when=day("12-20"))
    return made
