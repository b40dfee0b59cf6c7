"""Reading for people: balances, histories, one order with all that is known of it, and how the whole stands.

Nothing here locks a row that a worker needs. What belongs together is read in one snapshot.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from psycopg import Connection, IsolationLevel, RawCursor

from rules.facts import NOTHING_IN_FORCE, OrderFacts
from schemas.ids import NEVER, Micros
from schemas.packing import pack_id, unpack_id
from schemas.settings import BoundRules, SettingsDocument, compile_settings
from store.database import Cursor, raw
from store.ledger import EntryType
from store.merchants import document_of
from store.orders import read_rows
from store.outbox import OutboxKind, first_event
from store.queries import queries
from store.words import Words

Database = Connection[tuple[Any, ...]]
EARNING = (EntryType.granted, EntryType.adjusted, EntryType.clawed_back)


class UnknownMerchant(LookupError):
    """Nothing was ever heard of the merchant: neither settings nor an order."""

    def __init__(self, merchant_id: str) -> None:
        super().__init__(f"merchant {merchant_id} is not known: neither settings nor orders of it have come")


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
    row = cursor.execute(queries("views")["merchant"], [merchant_id]).fetchone()
    if row is None:
        raise UnknownMerchant(merchant_id)
    return int(row[0])


class Expiring(NamedTuple):
    """Points that can be used until an exclusive instant."""

    expires_at: Micros
    points: int


@dataclass(frozen=True, slots=True)
class Balance:
    """A member's points at the moment of asking (SPEC 3.4): what has lapsed is not in it, posted or not.

    `available` = `never_expire` + the sum of `expiring`. `pending` is planned and not yet granted (SPEC 2.7).
    """

    available: int = 0
    held: int = 0
    debt: int = 0
    pending: int = 0
    never_expire: int = 0
    expiring: tuple[Expiring, ...] = ()
    sequence: int = 0


def balance(connection: Database, merchant_id: str, member_id: str) -> Balance:
    """The member's balance now; zeros for a member of whom nothing is known. Raises UnknownMerchant."""
    sql, member = queries("views"), pack_id(member_id)
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        row = cursor.execute(sql["pending"], [number, member]).fetchone()
        pending = row[0] if row is not None else 0
        account = cursor.execute(sql["account"], [number, member]).fetchone()
        if account is None:
            return Balance(pending=pending)
        account_no, sequence, available, held, debt, now = account
        lots = [Expiring(*lot) for lot in cursor.execute(sql["free_by_expiry"], [account_no]).fetchall()]
    lapsed = sum(lot.points for lot in lots if lot.expires_at <= now)
    never = sum(lot.points for lot in lots if lot.expires_at == NEVER)
    expiring = tuple(lot for lot in lots if now < lot.expires_at < NEVER)
    return Balance(available - lapsed, held, debt, pending, never, expiring, sequence)


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


def history(connection: Database, merchant_id: str, member_id: str, after: int, limit: int) -> list[HistoryEntry]:
    """Up to `limit` entries behind sequence `after`, oldest first. Raises UnknownMerchant."""
    sql = queries("views")
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        account = cursor.execute(sql["account"], [number, pack_id(member_id)]).fetchone()
        if account is None:
            return []
        rows = cursor.execute(sql["history"], [account[0], after, limit]).fetchall()
    return [
        HistoryEntry(sequence, EntryType(kind).name, points, total, _text(order), expires, occurred, recorded)
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
class Version:
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


@dataclass(frozen=True, slots=True)
class OrderView:
    """All that is known of one order at `now`. `settings` are those it is bound to; `newest` the merchant's newest."""

    now: Micros
    facts: OrderFacts
    planned: int
    due_at: Micros | None
    entries: tuple[OrderEntry, ...]
    settings: Version | None
    newest: Version | None

    @property
    def granted(self) -> int:
        """Sum of the earning entries, over all accounts."""
        return sum(e.points for e in self.entries if e.type in EARNING and e.numbered)


def order(connection: Database, merchant_id: str, order_id: str) -> OrderView:
    """The order and what was posted for it; empty facts for one never heard of. Raises UnknownMerchant."""
    sql, key, words = queries("views"), pack_id(order_id), Words(connection)
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        now = (cursor.execute(queries("settings")["now"]).fetchone() or (0,))[0]
        newest = _version(cursor, number, None)
        rows = read_rows(cursor, cursor.execute(sql["order"], [number, key]).fetchall(), words)
        if not rows:
            return OrderView(now, OrderFacts(), 0, None, (), None, newest)
        row = rows[number, key]
        bound = _version(cursor, number, row.facts.settings_no) if row.facts.settings_no > NOTHING_IN_FORCE else None
        entries = tuple(_entries(cursor, number, key, row.facts))
        return OrderView(now, row.facts, row.planned, row.due_us, entries, bound, newest)


def _entries(cursor: Cursor, number: int, order_id: bytes, facts: OrderFacts) -> list[OrderEntry]:
    sql, posted = queries("views"), facts.posted
    if not posted.entries:
        return []
    members = {m for m in (posted.holder, facts.record.member if facts.record else None) if m is not None}
    accounts = {r[0] for r in cursor.execute(sql["account_no"], [number, list(members)]).fetchall()}
    if posted.account_no is not None:
        accounts.add(posted.account_no)
    rows = cursor.execute(sql["entries_in_accounts"], [list(accounts), order_id]).fetchall()
    if sum(1 for r in rows if r[3] is not None) < posted.entries:
        rows = cursor.execute(sql["entries_of_merchant"], [number, order_id]).fetchall()
    return [
        OrderEntry(unpack_id(member), sequence, EntryType(kind), no is not None, points, expires, occurred, recorded)
        for member, sequence, kind, no, points, expires, occurred, recorded in rows
    ]


def _version(cursor: Cursor, number: int, version: int | None) -> Version | None:
    row = cursor.execute(queries("views")["settings_version"], [number, version]).fetchone()
    if row is None:
        return None
    return Version(row[0], row[1], document_of(row[2]), row[3], row[4])


def settings_version(connection: Database, merchant_id: str, version: int | None = None) -> Version | None:
    """A settings version, the newest without a number; None where there is none. Raises UnknownMerchant."""
    cursor = raw(connection)
    return _version(cursor, merchant_number(cursor, merchant_id), version)


class Due(NamedTuple):
    """The plan: the database's clock, how many orders are due and not granted, how many are planned, the soonest."""

    now: Micros
    overdue: int
    planned: int
    soonest: Micros | None


class Waiting(NamedTuple):
    """The outbox: rows, and when the oldest was recorded (None: empty, or not told)."""

    rows: int
    oldest: str | None


class Letters(NamedTuple):
    """The quarantine: all rows, those that nobody dealt with, and when the last one came."""

    rows: int
    open: int
    newest: Micros | None


class Pipeline(NamedTuple):
    """A pipeline that was paused or resumed before. `paused_at` is None while it runs."""

    name: str
    paused_at: Micros | None
    reason: str | None


def due(connection: Database) -> Due:
    """How the plan stands."""
    return Due(*_one(connection, "due"))


def waiting(connection: Database) -> Waiting:
    """How the outbox stands."""
    rows, kind, value = _one(connection, "outbox")
    told = orjson.loads(first_event(value) if kind == OutboxKind.CHANGED else value) if value is not None else {}
    return Waiting(rows, told.get("recorded_at") or told.get("applied_at"))


def letters(connection: Database) -> Letters:
    """How the quarantine stands."""
    return Letters(*_one(connection, "quarantine"))


def pipelines(connection: Database) -> list[Pipeline]:
    """The pipelines that poison ever paused."""
    return [Pipeline(*row) for row in raw(connection).execute(queries("views")["pipelines"]).fetchall()]


def ignored(connection: Database, pipeline: str) -> dict[str, int]:
    """How many records a pipeline ignored, by reason."""
    return dict(raw(connection).execute(queries("views")["ignored"], [pipeline]).fetchall())


def relayed_shards(connection: Database) -> set[int]:
    """The outbox shards that a relay holds now."""
    return {row[0] for row in raw(connection).execute(queries("views")["relays"]).fetchall()}


def merchants_without_settings(connection: Database) -> list[str]:
    """Merchants of which orders came and settings did not."""
    return [row[0] for row in raw(connection).execute(queries("views")["merchants_without_settings"]).fetchall()]


class Counted(NamedTuple):
    """Merchants, accounts, and the database's clock."""

    merchants: int
    accounts: int
    now: Micros


def counted(connection: Database) -> Counted:
    """How much there is."""
    return Counted(*_one(connection, "counted"))


class LedgerRights(NamedTuple):
    """What the present role may do with the ledger (I3)."""

    adds: bool
    changes: bool


def ledger_rights(connection: Database) -> LedgerRights:
    """Whether the role may add to the ledger, and whether it could change it."""
    return LedgerRights(*_one(connection, "rights"))


def _one(connection: Database, name: str) -> tuple[Any, ...]:
    row = raw(connection).execute(queries("views")[name]).fetchone()
    if row is None:
        raise LookupError(f"{name}: no answer")
    return row
