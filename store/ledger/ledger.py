"""Posting: accounts locked in one order, entries with running balances, lots, and one event for each entry (I2-I4, I8).

Everything that changes points goes through `post`. Most postings are grants, which need nothing
read beforehand: one sorted upsert locks the accounts, adds, and shows what was there. Only accounts
from which something is taken, or on which lots have lapsed, have their lots read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha1
from typing import Any, NamedTuple

import orjson

from rules.account.lots import (
    Account,
    Lot,
    LotKey,
    Moved,
    claw_back,
    grant,
    lapse,
    lapsed,
    next_expiry,
)
from schemas.ids import NEVER, Micros, iso, iso_or_none
from schemas.packing import unpack_id
from store.postgres.arrays import byteas, columns, int2s, int4s, int8s, texts, uuids
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams.outbox import Event, add_events, shard_of

EVENT_NAMESPACE = bytes.fromhex("9a0f4f0f6a0f5cf0a4d06b2f0c5d9b11")
"""All event ids are uuid5 in this namespace, of what they record: the same record has the same id
for ever.
"""


AccountKey = tuple[int, bytes]
"""(merchant number, packed member id), the order in which accounts are locked."""


class EntryType(IntEnum):
    """Types of ledger entries, as stored. Names are those of the events."""

    granted = 1
    adjusted = 2
    clawed_back = 3
    expired = 4
    assigned = 5
    deducted = 6
    held = 7
    released = 8
    redeemed = 9
    returned = 10


class CauseKind(IntEnum):
    """What made an entry, as stored and as events name it. `return_` is `return` there."""

    order = 1
    return_ = 2
    customer = 3
    application = 4
    command = 5
    expiry = 6
    hold_timeout = 7
    repair = 8

    @property
    def word(self) -> str:
        """The contract's word."""
        return self.name.rstrip("_")


@dataclass(slots=True)
class Posting:
    """One change to post for an order's lot.

    `points` may be negative: then at most that much is taken (see `rules.lots.claw_back`).
    `entry_base` is the number of entries that the order has already; `fresh` says that the lot
    cannot exist yet. Afterwards `moved` is what the entry really did (0: no entry was needed).
    """

    merchant_no: int
    member: bytes
    type: EntryType
    points: int
    order_id: bytes
    episode: int
    expires_at: Micros
    entry_base: int
    settings_no: int | None
    occurred_at: Micros
    cause: CauseKind = CauseKind.order
    cause_id: bytes | None = None
    fresh: bool = False
    traceparent: bytes | None = None
    moved: int = 0
    account_no: int = 0

    @property
    def lot_key(self) -> LotKey:
        """The lot that the posting is about."""
        return LotKey(self.expires_at, self.order_id, self.episode)


class _Entry(NamedTuple):
    """What an entry says beside what it moved.

    `name` is what its event id is made of, `makes_lot` that its lot is new.
    """

    kind: EntryType
    name: str
    occurred_at: Micros
    cause: CauseKind
    cause_id: bytes
    lot: LotKey
    entry_no: int | None = None
    settings_no: int | None = None
    traceparent: bytes | None = None
    makes_lot: bool = False


@dataclass(slots=True)
class _Ready:
    """An account in hand: where it stood, and whether its lots are needed."""

    account_no: int
    account: Account
    slow: bool
    before: dict[LotKey, tuple[Any, ...]] = field(default_factory=dict)


_AllReady = dict[AccountKey, _Ready]
_Todo = dict[AccountKey, list[Posting]]


@dataclass(slots=True)
class _Batch:
    now: Micros
    recorded_at: str
    merchant_id: Callable[[int], str]
    ledger: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    entries_of: dict[tuple[int, bytes], int] = field(default_factory=dict)


def post(
    cursor: Cursor, postings: Sequence[Posting], now: Micros, merchant_id: Callable[[int], str]
) -> int:
    """Posts all of it, in order, and lets the lapsed lots of every account that it locks expire first (SPEC 3.4).

    Sets `moved` and `account_no` of each posting; returns the number of ledger entries.
    """
    if not postings:
        return 0
    by_account: _Todo = {}
    for p in postings:
        by_account.setdefault((p.merchant_no, p.member), []).append(p)
    return _post(cursor, by_account, _Batch(now, iso(now), merchant_id))


def expire(cursor: Cursor, limit: int, now: Micros, merchant_id: Callable[[int], str]) -> int:
    """Lets lots lapse on up to `limit` accounts that nobody touches.

    Returns the number of accounts done.
    """
    cursor.execute(queries("ledger/ledger")["claim_lapsed"], [now, limit], binary=True)
    touched: _Todo = {(m, member): [] for m, member in cursor.fetchall()}
    if touched:
        _post(cursor, touched, _Batch(now, iso(now), merchant_id))
    return len(touched)


def _post(cursor: Cursor, by_account: _Todo, batch: _Batch) -> int:
    ready = _lock(cursor, by_account, batch.now)
    _load_lots(cursor, ready, by_account)
    for key, todo in by_account.items():
        one = ready[key]
        if one.slow:
            for lot in lapsed(one.account, batch.now):
                _expire_lot(batch, one, key, lot)
        for p in todo:
            _apply(batch, one, key, p)
    _write(cursor, ready, batch)
    return len(batch.ledger)


def _added(todo: list[Posting], now: Micros) -> tuple[int, int, Micros]:
    """Entries, points and soonest expiry of grants that need nothing read.

    Nothing when the lots must be read.
    """
    points, soonest = 0, NEVER
    for p in todo:
        if p.points < 0 or p.expires_at <= now:
            return 0, 0, NEVER
        points += p.points
        soonest = min(soonest, p.expires_at)
    return len(todo), points, soonest


def _lock(cursor: Cursor, by_account: _Todo, now: Micros) -> _AllReady:
    rows = [(*key, *_added(by_account[key], now)) for key in sorted(by_account)]
    slow = {row[:2] for row in rows if not row[2]}
    cursor.execute(
        queries("ledger/ledger")["lock_accounts"],
        columns(rows, (int4s, byteas, int8s, int8s, int8s)),
        binary=True,
    )
    ready = {}
    for m, member, account_no, sequence, available, held, debt, soonest in cursor.fetchall():
        key = (m, member)
        ready[key] = _Ready(
            account_no, Account(sequence, available, held, debt), soonest <= now or key in slow
        )
    return ready


def _load_lots(cursor: Cursor, ready: _AllReady, by_account: _Todo) -> None:
    slow = {one.account_no: one for one in ready.values() if one.slow}
    if not slow:
        return
    sources = sorted(
        {p.order_id for key, todo in by_account.items() if ready[key].slow for p in todo}
    )
    cursor.execute(
        queries("ledger/ledger")["read_lots"], [int8s(sorted(slow)), byteas(sources)], binary=True
    )
    for row in cursor.fetchall():
        account_no, expires, source, episode, points, remaining, held, expired = row
        one, key = slow[account_no], LotKey(expires, source, episode)
        one.account.lots[key] = Lot(points, remaining, held, expired)
        one.before[key] = row


def _apply(batch: _Batch, one: _Ready, key: AccountKey, p: Posting) -> None:
    p.account_no = one.account_no
    lot = p.lot_key
    moved = (
        grant(one.account, lot, p.points)
        if p.points > 0
        else claw_back(one.account, lot, -p.points)
    )
    p.moved = moved.points
    if not moved.points:
        return
    makes_lot = p.fresh and not one.slow
    if makes_lot:
        del one.account.lots[
            lot
        ]  # written with the entry; what comes later in the batch is added to it
    order = (p.merchant_no, p.order_id)
    number = batch.entries_of[order] = batch.entries_of.get(order, p.entry_base) + 1
    name = f"order:{batch.merchant_id(p.merchant_no)}:{unpack_id(p.order_id)}:{number}"
    cause_id = p.cause_id or p.order_id
    entry = _Entry(
        p.type,
        name,
        p.occurred_at,
        p.cause,
        cause_id,
        lot,
        number,
        p.settings_no,
        p.traceparent,
        makes_lot,
    )
    _record(batch, one, key, entry, moved)
    if p.points > 0 and p.expires_at <= batch.now and one.account.lots[lot].free:
        _expire_lot(batch, one, key, lot)


def _expire_lot(batch: _Batch, one: _Ready, key: AccountKey, lot: LotKey) -> None:
    before = one.account.lots[lot].expired
    moved = lapse(one.account, lot)
    merchant, member = batch.merchant_id(key[0]), unpack_id(key[1])
    name = f"lot:{merchant}:{member}:{lot_id(lot)}:{lot.expires_at}:{before}"
    entry = _Entry(
        EntryType.expired, name, lot.expires_at, CauseKind.expiry, lot_id(lot).encode(), lot
    )
    _record(batch, one, key, entry, moved)


def lot_id(lot: LotKey) -> str:
    """The lot's name in events: what granted it, and its episode."""
    return f"{unpack_id(lot.source)}-{lot.episode}"


def event_id(name: str) -> bytes:
    """uuid5 of what the event records, as 16 bytes."""
    digest = bytearray(sha1(EVENT_NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def uuid_text(raw: bytes) -> str:
    """The usual spelling of a uuid's 16 bytes."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _record(batch: _Batch, one: _Ready, key: AccountKey, entry: _Entry, moved: Moved) -> None:
    kind, name, occurred, cause, cause_id, lot, entry_no, settings_no, traceparent, makes_lot = (
        entry
    )
    order_id = lot.source
    account = one.account
    account.sequence += 1
    raw_id = event_id(name)
    lots = [
        {"lot_id": lot_id(k), "points": n, "expires_at": iso_or_none(k.expires_at)}
        for k, n in moved.lots
    ]
    single = len(moved.lots) == 1 and moved.lots[0][0] == lot
    order_text = cause_text = unpack_id(order_id)
    if cause_id != order_id:
        cause_text = cause_id.decode() if cause is CauseKind.expiry else unpack_id(cause_id)
    event = {
        "event_id": uuid_text(raw_id),
        "type": kind.name,
        "merchant_id": batch.merchant_id(key[0]),
        "member_id": unpack_id(key[1]),
        "sequence": account.sequence,
        "points": moved.points,
        "balance": {"available": account.available, "held": account.held, "debt": account.debt},
        "lots": lots,
        "order_id": order_text,
        "cause": {"kind": cause.word, "id": cause_text},
        "settings_version": settings_no,
        "reason": None,
        "performer": None,
        "occurred_at": iso(occurred),
        "recorded_at": batch.recorded_at,
    }
    batch.ledger.append((
        one.account_no, account.sequence, key[0], kind, cause, order_id, entry_no,
        None if cause_id == order_id else cause_id, moved.points, account.available, account.held, account.debt,
        settings_no, lot.episode, lot.expires_at, moved.lots[0][1] if single else None,
        None if single else orjson.dumps(lots), occurred, makes_lot, raw_id,
    ))  # fmt: skip
    batch.events.append(Event(shard_of(one.account_no), orjson.dumps(event), traceparent))


_LEDGER = (
    int8s, int8s, int4s, int2s, int2s, byteas, int4s, byteas, int8s, int8s, int8s, int8s, int4s, int4s, int8s, int8s,
    texts, int8s, int2s,
)  # fmt: skip
_LOT = (int8s, int8s, byteas, int4s, int8s, int8s, int8s, int8s)


def _write(cursor: Cursor, ready: _AllReady, batch: _Batch) -> None:
    sql = queries("ledger/ledger")
    if batch.ledger:
        ids = uuids([row[-1] for row in batch.ledger])
        kinds = columns([row[:-1] for row in batch.ledger], _LEDGER)
        cursor.execute(sql["append"], [*kinds, batch.now, ids])
        add_events(cursor, batch.events)
    slow = [_account_row(one) for one in ready.values() if one.slow]
    if slow:
        cursor.execute(sql["write_accounts"], columns(slow, (int8s,) * 6))
    _write_lots(cursor, ready)


def _account_row(one: _Ready) -> tuple[int, ...]:
    a = one.account
    return (one.account_no, a.sequence, a.available, a.held, a.debt, next_expiry(a))


def _write_lots(cursor: Cursor, ready: _AllReady) -> None:
    added: list[tuple[Any, ...]] = []
    loaded: list[tuple[Any, ...]] = []
    for one in ready.values():
        for k, lot in one.account.lots.items():
            row = (
                one.account_no,
                k.expires_at,
                k.source,
                k.episode,
                lot.points,
                lot.remaining,
                lot.held,
                lot.expired,
            )
            if not one.slow:
                added.append(row)
            elif one.before.get(k) != row:
                loaded.append(row)
    sql = queries("ledger/ledger")
    for statement, rows in (("add_to_lots", added), ("write_lots", loaded)):
        if rows:
            cursor.execute(sql[statement], columns(sorted(rows), _LOT))
