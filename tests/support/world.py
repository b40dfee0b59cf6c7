"""The product without its store: events are read, folded, decided and posted in memory, with time in the test's hand.

The same steps as the workers take (one event a batch, timers exactly when due), so a test of the rules can tell a
story: events heard, time passing, balances asked for. Nothing here decides anything by itself.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from processors.reading import Said, say
from processors.runtime.feed import Record
from rules.binding import VersionInForce, bound_version, first_heard
from rules.entitlement import Change, Entitlement, Installs, after_posting, changes, entitlement
from rules.facts import OrderFacts
from rules.lots import Account, LotKey, Moved, claw_back, grant, lapse, lapsed
from schemas.ids import Micros, micros
from schemas.packing import pack_id
from schemas.settings import BoundRules, compile_settings, load_settings
from store.cursors import Place
from tests.support.shop import MEMBER, MERCHANT, ORDER, Event, bytes_of

NOWHERE = Place("orders", "", 0)


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
    due: dict[bytes, Micros] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)


def at(text: str) -> Micros:
    """The instant of an ISO text with offset."""
    return micros(datetime.fromisoformat(text))


@dataclass(slots=True)
class World:
    """All merchants, and the time."""

    now: Micros = 946_684_800_000_000  # 2000-01-01
    merchants: dict[str, Merchant] = field(default_factory=dict)

    def merchant(self, merchant: str = MERCHANT) -> Merchant:
        """The merchant, made when first named."""
        return self.merchants.setdefault(merchant, Merchant())

    def apply(self, document: dict[str, Any], merchant: str = MERCHANT) -> None:
        """A new settings version. The first ones also bind the orders that waited for them (SPEC 1.7)."""
        known = self.merchant(merchant)
        read = load_settings(orjson.dumps(document), name="test")
        rules = compile_settings(read)
        version = len(known.versions) + 1
        known.rules[version] = rules
        known.versions.append(VersionInForce(rules.effective_at, version))
        if version == 1:
            for order in list(known.orders):
                self._settle(known, order)

    def installed(self, when: str, *, installed: bool, merchant: str = MERCHANT) -> None:
        """An application event was heard; all the merchant's orders are looked at again."""
        known = self.merchant(merchant)
        known.installs = tuple(sorted((*known.installs, (at(when), installed))))
        for order in list(known.orders):
            self._settle(known, order)

    def hear(self, *events: Event, when: str | None = None) -> list[str]:
        """Time passes until `when`, then the events are heard, each as a batch of its own. Gives their outcomes."""
        if when is not None:
            self.pass_time(at(when))
        return [self._hear(bytes_of(event)) for event in events]

    def _hear(self, value: bytes) -> str:
        message: Any = Heard(value, self.now)
        said = say(Record(NOWHERE, 0, message), "order")
        if not isinstance(said, Said):
            return said
        known = self.merchant(said.merchant_id)
        if said.order_id not in known.orders:
            known.orders[said.order_id] = OrderFacts(settings_no=first_heard(known.versions))
        outcome = said.fold(known.orders[said.order_id])
        self._settle(known, said.order_id)
        return outcome

    def pass_time(self, until: Micros) -> None:
        """Timers act when they are due, in order, until the instant; then it is now."""
        while True:
            waiting = [(due, m, o) for m, known in self.merchants.items() for o, due in known.due.items()]
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
        return [(e.type, e.points) for e in self.merchant(merchant).ledger if e.member == pack_id(member)]

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
        rules = known.rules.get(facts.settings_no)
        return entitlement(facts, rules, self.now, known.installs)

    def _settle(self, known: Merchant, order: bytes) -> None:
        facts = known.orders[order]
        if facts.record is not None:
            facts.settings_no = bound_version(known.versions, facts.record.created_at, facts.settings_no)
        decided = self._decide(known, order)
        done = [(change, self._post(known, order, change)) for change in changes(facts, decided)]
        facts.posted = after_posting(facts, decided, done, None)
        known.due.pop(order, None)
        if decided.state == "planned" and decided.due_at is not None:
            known.due[order] = decided.due_at

    def _post(self, known: Merchant, order: bytes, change: Change) -> int:
        account = known.accounts.setdefault(change.holder, Account())
        self._lapse(known, change.holder)
        key = LotKey(change.expires_at, order, change.episode)
        add = change.points > 0
        moved = grant(account, key, change.points) if add else claw_back(account, key, -change.points)
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
        entry = Entry(kind, member, moved.points, key.source, key.episode, key.expires_at, account.sequence, balance)
        known.ledger.append(entry)
