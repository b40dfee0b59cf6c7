"""Reading for people: balances, histories, one order with all that is known of it, and how the whole stands.

Nothing here locks a row that a worker needs. What belongs together is read in one snapshot.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from psycopg import Connection, IsolationLevel, RawCursor

from rules.earning.entitlement import Installs
from rules.order.carrier_reports import numbers_of
from rules.order.facts import NOTHING_IN_FORCE, UNKNOWN_BUYER, CarrierReport, OrderFacts
from schemas.errors import Exit, PointsError
from schemas.ids import NEVER, Micros
from schemas.packing import pack_id, unpack_id
from schemas.settings import BoundRules, SettingsDocument, compile_settings
from store.carriers import tracking
from store.carriers.tracking import StoredReport
from store.ledger.ledger import EntryType
from store.orders import customers, families
from store.orders.orders import OrderRow, read_rows
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, raw
from store.settings import app_installs
from store.settings.merchants import document_of
from store.streams.outbox import OutboxKind, first_event
from store.streams.recheck import Kind

Database = Connection[tuple[Any, ...]]
EARNING = (EntryType.granted, EntryType.adjusted, EntryType.clawed_back)


class UnknownMerchant(PointsError):
    """The merchant has neither settings nor an order."""

    code = "unknown_merchant"
    exit_code = Exit.NOT_FOUND

    def __init__(self, merchant_id: str) -> None:
        super().__init__(
            f"merchant {merchant_id} is not known: neither settings nor orders of it have come",
            where=merchant_id,
        )


@contextmanager
def snapshot(connection: Database) -> Iterator[Cursor]:
    """One reading transaction: everything as it stood at one moment."""
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction(), RawCursor(connection) as cursor:
            yield cursor
    finally:
        connection.isolation_level, connection.read_only = None, None


def merchant_number(cursor: Cursor, merchant_id: str) -> int:
    """The merchant's number. Raises UnknownMerchant."""
    row = cursor.execute(queries("reads/views")["merchant"], [merchant_id]).fetchone()
    if row is None:
        raise UnknownMerchant(merchant_id)
    return int(row[0])


class Expiring(NamedTuple):
    """Points that can be used until an exclusive instant."""

    expires_at: Micros
    points: int


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """A member's points at the moment of asking (SPEC 3.4): what has lapsed is not in it, posted or not.

    `available` = `never_expire` + the sum of `expiring`. `pending` is planned and not yet granted
    (SPEC 2.7).
    """

    available: int = 0
    held: int = 0
    debt: int = 0
    pending: int = 0
    never_expire: int = 0
    expiring: tuple[Expiring, ...] = ()
    sequence: int = 0


def balance(connection: Database, merchant_id: str, member_id: str) -> AccountBalance:
    """The member's balance now; zeros for a member of whom nothing is known.

    Raises UnknownMerchant.
    """
    sql, member = queries("reads/views"), pack_id(member_id)
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        row = cursor.execute(sql["pending"], [number, member]).fetchone()
        pending = row[0] if row is not None else 0
        account = cursor.execute(sql["account"], [number, member]).fetchone()
        if account is None:
            return AccountBalance(pending=pending)
        account_no, sequence, available, held, debt, now = account
        lots = [
            Expiring(*lot) for lot in cursor.execute(sql["free_by_expiry"], [account_no]).fetchall()
        ]
    lapsed = sum(lot.points for lot in lots if lot.expires_at <= now)
    never = sum(lot.points for lot in lots if lot.expires_at == NEVER)
    expiring = tuple(lot for lot in lots if now < lot.expires_at < NEVER)
    return AccountBalance(available - lapsed, held, debt, pending, never, expiring, sequence)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One ledger entry as a member may see it. `balance_after` = available + held - debt."""

    sequence: int
    type: str
    points: int
    balance_after: int
    order_id: str | None
    expires_at: Micros | None
    occurred_at: Micros
    recorded_at: Micros
    reason: str | None = None
    performer: str | None = None


def history(
    connection: Database, merchant_id: str, member_id: str, after: int, limit: int
) -> list[HistoryEntry]:
    """Up to `limit` entries behind sequence `after`, oldest first. Raises UnknownMerchant."""
    sql = queries("reads/views")
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        account = cursor.execute(sql["account"], [number, pack_id(member_id)]).fetchone()
        if account is None:
            return []
        rows = cursor.execute(sql["history"], [account[0], after, limit]).fetchall()
    return [
        HistoryEntry(
            sequence, EntryType(kind).name, points, total, _text(order), expires, occurred, recorded
        )
        for sequence, kind, points, total, order, expires, occurred, recorded in rows
    ]


def _text(packed: bytes | None) -> str | None:
    return unpack_id(packed) if packed is not None else None


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """A ledger entry of an order (`numbered`), or the lapse of one of its lots."""

    member_id: str
    sequence: int
    type: EntryType
    numbered: bool
    points: int
    expires_at: Micros | None
    occurred_at: Micros
    recorded_at: Micros


@dataclass(frozen=True, slots=True)
class SettingsVersion:
    """A settings version: since when it is in force, who applied it and when."""

    version: int
    effective_at: Micros
    document: SettingsDocument
    applied_at: Micros
    applied_by: str

    @property
    def rules(self) -> BoundRules:
        """The rules that orders are bound to."""
        return compile_settings(self.document, self.effective_at)


class Parent(NamedTuple):
    """The order that an order was split from, and what it is bound to.

    None while it is not known.
    """

    order_id: str
    settings_no: int | None


class Numbered(NamedTuple):
    """A tracking number of the order's parcels: how many orders ever named it, and the reports kept with it.

    `reports` are those that may mean this order, decisive or not; `ambiguous`: some could be of
    several orders.
    """

    number: bytes
    claims: int
    ambiguous: bool
    reports: tuple[CarrierReport, ...]


@dataclass(frozen=True, slots=True)
class OrderView:
    """All that is known of one order at `now`.

    `settings` are those it is bound to; `newest` the merchant's newest.

    `installs` are the merchant's application events, `parent` is set for a split child. `awaiting`:
    reports that name the order's id without a merchant, and wait because several merchants have
    such an order, or for the next recheck.
    """

    now: Micros
    facts: OrderFacts
    planned: int
    due_at: Micros | None
    entries: tuple[OrderEntry, ...]
    settings: SettingsVersion | None
    newest: SettingsVersion | None
    installs: Installs = ()
    parent: Parent | None = None
    numbers: tuple[Numbered, ...] = ()
    awaiting: int = 0

    @property
    def granted(self) -> int:
        """Sum of the earning entries, over all accounts."""
        return sum(e.points for e in self.entries if e.type in EARNING and e.numbered)


def order(connection: Database, merchant_id: str, order_id: str) -> OrderView:
    """The order and what was posted for it; empty facts for one never heard of.

    Raises UnknownMerchant.
    """
    sql, key, words = queries("reads/views"), pack_id(order_id), InternedStrings(connection)
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        now = (cursor.execute(queries("settings/versions")["now"]).fetchone() or (0,))[0]
        newest = _version(cursor, number, None)
        rows = read_rows(cursor, cursor.execute(sql["order"], [number, key]).fetchall(), words)
        if not rows:
            return OrderView(now, OrderFacts(), 0, None, (), None, newest)
        (row,) = with_buyers(cursor, rows.values())
        bound = (
            _version(cursor, number, row.facts.settings_no)
            if row.facts.settings_no > NOTHING_IN_FORCE
            else None
        )
        entries = tuple(_entries(cursor, number, key, row.facts))
        installs = app_installs.installs(cursor).get(number, ())
        parent, numbers = (
            _parent(cursor, number, row.facts),
            tuple(_numbered(cursor, number, row.facts, words)),
        )
        awaiting = (cursor.execute(sql["awaiting_of"], [key]).fetchone() or (0,))[0]
        return OrderView(
            now,
            row.facts,
            row.planned,
            row.due_us,
            entries,
            bound,
            newest,
            installs,
            parent,
            numbers,
            awaiting,
        )


def with_buyers(cursor: Cursor, rows: Iterable[OrderRow]) -> list[OrderRow]:
    """The orders, each with what is known of its member (SPEC 1.5) and of its parent (SPEC 1.8)."""
    members = {
        row.key: (row.merchant_no, r.member)
        for row in rows
        if (r := row.facts.record) is not None and r.member
    }
    buyers = customers.buyers(cursor, sorted(set(members.values()))) if members else {}
    found = list(rows)
    for row in found:
        if row.key in members:
            row.facts.buyer = buyers.get(members[row.key], UNKNOWN_BUYER)
        _parent(cursor, row.merchant_no, row.facts)
    return found


def _parent(cursor: Cursor, number: int, facts: OrderFacts) -> Parent | None:
    parent = facts.record.parent if facts.record is not None else None
    if parent is None:
        return None
    key = (number, parent)
    known = families.ancestors(cursor, [key])
    facts.bound_at = families.chosen_at(key, known)
    return Parent(unpack_id(parent), known[key].settings_no if key in known else None)


def _numbered(
    cursor: Cursor, merchant_no: int, facts: OrderFacts, words: InternedStrings
) -> Iterator[Numbered]:
    numbers = sorted(numbers_of(facts))
    for number, row in tracking.read(cursor, numbers).items() if numbers else ():
        told = tracking.unpack_reports(row.reports.items(), words)
        reports = tuple(as_fact(one, number) for one in told if one.merchant_no in (0, merchant_no))
        yield Numbered(number, len(row.claims), bool(row.flags & tracking.AMBIGUOUS), reports)


def as_fact(one: StoredReport, number: bytes) -> CarrierReport:
    """A report that is kept with its number, as it would stand with an order."""
    return CarrierReport(
        one.at, one.meaning, number, one.service, one.code, return_leg=one.return_leg
    )


def _entries(cursor: Cursor, number: int, order_id: bytes, facts: OrderFacts) -> list[OrderEntry]:
    sql, posted = queries("reads/views"), facts.posted
    if not posted.entries:
        return []
    members = {
        m for m in (posted.holder, facts.record.member if facts.record else None) if m is not None
    }
    accounts = {r[0] for r in cursor.execute(sql["account_no"], [number, list(members)]).fetchall()}
    if posted.account_no is not None:
        accounts.add(posted.account_no)
    rows = cursor.execute(sql["entries_in_accounts"], [list(accounts), order_id]).fetchall()
    if sum(1 for r in rows if r[3] is not None) < posted.entries:
        rows = cursor.execute(sql["entries_of_merchant"], [number, order_id]).fetchall()
    return [
        OrderEntry(
            unpack_id(member),
            sequence,
            EntryType(kind),
            no is not None,
            points,
            expires,
            occurred,
            recorded,
        )
        for member, sequence, kind, no, points, expires, occurred, recorded in rows
    ]


def _version(cursor: Cursor, number: int, version: int | None) -> SettingsVersion | None:
    row = cursor.execute(queries("reads/views")["settings_version"], [number, version]).fetchone()
    if row is None:
        return None
    return SettingsVersion(row[0], row[1], document_of(row[2]), row[3], row[4])


def settings_version(
    connection: Database, merchant_id: str, version: int | None = None
) -> SettingsVersion | None:
    """A settings version, the newest without a number; None where there is none.

    Raises UnknownMerchant.
    """
    cursor = raw(connection)
    return _version(cursor, merchant_number(cursor, merchant_id), version)


class DueStats(NamedTuple):
    """The plan: the database's clock, how many orders are due and not granted, how many are planned, the soonest."""

    now: Micros
    overdue: int
    planned: int
    soonest: Micros | None


class OutboxStats(NamedTuple):
    """The outbox: rows, and when the oldest was recorded (None: empty, or not told)."""

    rows: int
    oldest: str | None


class DeadLetterStats(NamedTuple):
    """The quarantine: all rows, those that nobody dealt with, and when the last one came."""

    rows: int
    open: int
    newest: Micros | None


class Pipeline(NamedTuple):
    """A pipeline that was paused or resumed before. `paused_at` is None while it runs."""

    name: str
    paused_at: Micros | None
    reason: str | None


def due(connection: Database) -> DueStats:
    """How the plan stands."""
    return DueStats(*one_row(connection, "due"))


def waiting(connection: Database) -> OutboxStats:
    """How the outbox stands."""
    rows, kind, value = one_row(connection, "outbox")
    told = (
        orjson.loads(first_event(value) if kind == OutboxKind.CHANGED else value)
        if value is not None
        else {}
    )
    return OutboxStats(rows, told.get("recorded_at") or told.get("applied_at"))


def letters(connection: Database) -> DeadLetterStats:
    """How the quarantine stands."""
    return DeadLetterStats(*one_row(connection, "quarantine"))


def pipelines(connection: Database) -> list[Pipeline]:
    """The pipelines that poison ever paused."""
    return [
        Pipeline(*row)
        for row in raw(connection).execute(queries("reads/views")["pipelines"]).fetchall()
    ]


def ignored(connection: Database, pipeline: str) -> dict[str, int]:
    """How many records a pipeline ignored, by reason."""
    return dict(raw(connection).execute(queries("reads/views")["ignored"], [pipeline]).fetchall())


def relayed_shards(connection: Database) -> set[int]:
    """The outbox shards that a relay holds now."""
    return {row[0] for row in raw(connection).execute(queries("reads/views")["relays"]).fetchall()}


def merchants_without_settings(connection: Database) -> list[str]:
    """Merchants of which orders came and settings did not."""
    return [
        row[0]
        for row in raw(connection)
        .execute(queries("reads/views")["merchants_without_settings"])
        .fetchall()
    ]


class TableCounts(NamedTuple):
    """Merchants, accounts, and the database's clock."""

    merchants: int
    accounts: int
    now: Micros


def counted(connection: Database) -> TableCounts:
    """How much there is."""
    return TableCounts(*one_row(connection, "counted"))


def recheck_queue(connection: Database) -> dict[str, int]:
    """Rows of the recheck queue by what they name (store.recheck.Kind)."""
    rows = raw(connection).execute(queries("reads/views")["recheck"]).fetchall()
    return {Kind(kind).name.lower(): count for kind, count in rows}


class LedgerRights(NamedTuple):
    """What the present role may do with the ledger (I3)."""

    adds: bool
    changes: bool


def ledger_rights(connection: Database) -> LedgerRights:
    """Whether the role may add to the ledger, and whether it could change it."""
    return LedgerRights(*one_row(connection, "rights"))


def one_row(connection: Database, name: str) -> tuple[Any, ...]:
    """The one row of a statement without parameters."""
    row = raw(connection).execute(queries("reads/views")[name]).fetchone()
    if row is None:
        raise LookupError(f"{name}: no answer")
    return row
