"""The product without its store: events are read, folded, decided and posted in memory, with time in the test's hand.

The same steps as the workers take (one event a batch, timers exactly when due), so a test of the
rules can tell a story: events heard, time passing, balances asked for. Nothing here decides
anything by itself.
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
from rules.earning.binding import VersionInForce, bound_as_parent, bound_version, first_heard
from rules.earning.differences import Change, after_posting, changes
from rules.earning.entitlement import Entitlement, Installs, entitlement
from rules.order.carrier_reports import meaning_on_leg, numbers_of, within_reach
from rules.order.facts import UNKNOWN_BUYER, Buyer, CarrierReport, OrderFacts
from rules.order.folding import fold_record, fold_report
from schemas.carriers import CodeTable
from schemas.ids import Micros, micros
from schemas.packing import pack_id
from schemas.settings import BoundRules, compile_settings, load_settings
from store.orders.families import Ancestor, chosen_at
from store.streams.cursors import PartitionId
from tests.support.customers import APPLICATION, application
from tests.support.order_facts import MEMBER, MERCHANT, ORDER, Event, bytes_of

NOWHERE = PartitionId("orders", "", 0)
CODES = CodeTable()


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a topic, as far as reading looks at it."""

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
    customers: dict[bytes, CustomerEvent] = field(default_factory=dict)
    due: dict[bytes, Micros] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)

    def heard_of(self, order: bytes) -> OrderFacts:
        """The order's facts, made when it is first heard of."""
        return self.orders.setdefault(order, OrderFacts(settings_no=first_heard(self.versions)))

    def ancestors(self) -> dict[tuple[int, bytes], Ancestor]:
        """All orders, as those that others may be split from."""
        known = ((order, facts.settings_no, facts.record) for order, facts in self.orders.items())
        return {
            (0, order): Ancestor(no, record.created_at, record.parent)
            for order, no, record in known
            if record is not None
        }


def at(text: str) -> Micros:
    """The instant of an ISO text with offset."""
    return micros(datetime.fromisoformat(text))


def _created(facts: OrderFacts) -> Micros | None:
    return None if facts.record is None else facts.record.created_at


def _carrier_report(said: CarrierReportEvent) -> CarrierReport:
    meaning, code = CODES.look_up(said.carrier, said.service, said.code, said.text)
    meaning = meaning_on_leg(meaning, said.return_leg)
    return CarrierReport(
        said.at,
        meaning,
        said.number,
        f"{said.carrier}/{said.service}",
        code,
        said.order_id is not None,
    )


@dataclass(slots=True)
class World:
    """All merchants, and the time."""

    now: Micros = 946_684_800_000_000  # 2000-01-01
    merchants: dict[str, Merchant] = field(default_factory=dict)
    reports: list[CarrierReportEvent] = field(default_factory=list)

    def merchant(self, merchant: str = MERCHANT) -> Merchant:
        """The merchant, made when first named."""
        return self.merchants.setdefault(merchant, Merchant())

    def apply(self, document: dict[str, Any], merchant: str = MERCHANT) -> None:
        """A new settings version.

        The first ones also bind the orders that waited for them (SPEC 1.7).
        """
        known = self.merchant(merchant)
        read = load_settings(orjson.dumps(document), name="test")
        rules = compile_settings(read)
        version = len(known.versions) + 1
        known.rules[version] = rules
        known.versions.append(VersionInForce(rules.effective_at, version))
        if version == 1:
            self._settle_all(known)

    def installed(self, when: str, *, installed: bool, merchant: str = MERCHANT) -> None:
        """The application was installed or uninstalled at the instant."""
        self.hear(application(when, installed=installed, merchant=merchant))

    def hear(self, *events: Event, when: str | None = None) -> list[str]:
        """Time passes until `when`, then the events are heard, each as a batch of its own.

        Gives their outcomes.
        """
        if when is not None:
            self.pass_time(at(when))
        return [self._hear(bytes_of(event)) for event in events]

    def _hear(self, value: bytes) -> str:
        message: Any = Heard(value, self.now)
        said = decode(Record(NOWHERE, 0, message), "order")
        if isinstance(said, str):
            return said
        if isinstance(said, CarrierReportEvent):
            return self._report(said)
        known = self.merchant(said.merchant_id)
        if isinstance(said, CustomerEvent):
            return self._customer(known, said)
        if isinstance(said, AppInstallEvent):
            return self._application(known, said)
        facts = known.heard_of(said.order_id)
        numbers = numbers_of(facts)
        outcome = fold_record(
            facts, said.version, said.order, said.tier, said.parcel, said.returned
        )
        for waiting in [r for r in self.reports if r.order_id == said.order_id]:
            self._join_named(waiting)
        self._join(numbers | numbers_of(facts))
        self._settle(known, said.order_id)
        return outcome

    def _customer(self, known: Merchant, said: CustomerEvent) -> str:
        before = known.customers.get(said.member)
        if before is not None and before.version >= said.version:
            return "stale"
        known.customers[said.member] = said
        self._settle_all(known)
        return "applied"

    def _application(self, known: Merchant, said: AppInstallEvent) -> str:
        if said.application_id != APPLICATION:
            return "other_application"
        known.installs = tuple(sorted({*known.installs, (said.at, said.installed)}))
        self._settle_all(known)
        return "applied"

    def _report(self, said: CarrierReportEvent) -> str:
        if said.order_id is None:
            self.reports.append(said)
            self._join({said.number})
            return "applied"
        if said.merchant_id is not None:
            self.merchant(said.merchant_id).heard_of(said.order_id)
        else:
            self.reports.append(said)
        outcome = self._join_named(said)
        for known in self.merchants.values():
            if said.order_id in known.orders:
                self._settle(known, said.order_id)
        return outcome

    def _join_named(self, said: CarrierReportEvent) -> str:
        """A report that names an order is that order's, if one merchant only has it."""
        assert said.order_id is not None
        has = [
            m
            for name, m in self.merchants.items()
            if said.merchant_id in (None, name) and said.order_id in m.orders
        ]
        if len(has) != 1:
            return "parked"
        return fold_report(has[0].orders[said.order_id], _carrier_report(said))

    def _join(self, numbers: Iterable[bytes]) -> None:
        """Gives the reports of the numbers to the one order that has the number now, and takes them from all others."""
        for number in numbers:
            claims = [
                (m, known, o)
                for m, known in self.merchants.items()
                for o, f in known.orders.items()
                if number in numbers_of(f)
            ]
            for known in self.merchants.values():
                for facts in known.orders.values():
                    facts.reports = tuple(r for r in facts.reports if r.number != number or r.named)
            for said in self.reports:
                if said.number != number or said.order_id is not None:
                    continue
                near = [
                    (known, order)
                    for merchant, known, order in claims
                    if said.merchant_id in (None, merchant)
                    and within_reach(_created(known.orders[order]), said.at)
                ]
                if len(near) == 1:
                    known, order = near[0]
                    fold_report(known.orders[order], _carrier_report(said))
        if numbers:
            for known in self.merchants.values():
                self._settle_all(known)

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
        found: dict[Micros, int] = {}
        for key, lot in account.lots.items():
            if lot.free:
                found[key.expires_at] = found.get(key.expires_at, 0) + lot.free
        return found

    def _decide(self, known: Merchant, order: bytes) -> Entitlement:
        facts = known.orders.get(order, OrderFacts())
        said = (
            known.customers.get(facts.record.member)
            if facts.record is not None and facts.record.member
            else None
        )
        facts.buyer = UNKNOWN_BUYER if said is None else Buyer(said.is_member, said.registered_at)
        rules = known.rules.get(facts.settings_no)
        return entitlement(facts, rules, self.now, known.installs)

    def _settle_all(self, known: Merchant) -> None:
        for order in list(known.orders):
            self._settle(known, order)

    def _bind(self, known: Merchant, order: bytes) -> None:
        facts = known.orders[order]
        record, before = facts.record, facts.settings_no
        if record is None:
            return
        own = bound_version(known.versions, record.created_at, before)
        parent = known.orders.get(record.parent) if record.parent else None
        facts.settings_no = bound_as_parent(own, parent.settings_no if parent is not None else None)
        facts.bound_at = chosen_at((0, record.parent), known.ancestors()) if record.parent else None
        if facts.settings_no != before:
            for child, other in list(known.orders.items()):
                if other.record is not None and other.record.parent == order:
                    self._settle(known, child)

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
