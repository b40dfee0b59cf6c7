"""Orders and their facts in the database: rows to `OrderFacts` and back, locked and written set-wise."""

from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from rules.facts import (
    NOTHING_POSTED,
    DeliveryKey,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    Posted,
    ReturnOrder,
)
from rules.trail import EMPTY
from schemas.ids import Micros
from store.arrays import byteas, columns, int4s, int8s
from store.codec import trail_bytes, trail_of, version_bytes, version_of
from store.database import Cursor
from store.queries import queries
from store.words import Words

OrderKey = tuple[int, bytes]
"""(merchant number, packed order id): the primary key, and the order in which orders are locked."""


class Flag(IntFlag):
    """Bits of `orders.flags`."""

    GUEST = 1
    PICKUP = 2
    FAILED = 4
    DELIVERY_NULL = 8
    DELIVERY_PRESENT = 16
    HAS_RETURNS = 32
    HAS_PARCELS = 64
    CLAWED = 128


@dataclass(slots=True)
class OrderRow:
    """An order as the batch holds it: its facts and its place in the plan."""

    merchant_no: int
    order_id: bytes
    facts: OrderFacts
    due_us: Micros | None = None
    planned: int = 0
    new: bool = False
    had_returns: bool = False
    had_parcels: bool = False

    @property
    def key(self) -> OrderKey:
        """The order's primary key."""
        return self.merchant_no, self.order_id


class NewOrderRace(Exception):
    """Another worker inserted one of these orders first: roll back and do the batch again."""


def lock(cursor: Cursor, keys: list[OrderKey], words: Words) -> dict[OrderKey, OrderRow]:
    """Locks the orders that exist among `keys` (sorted) and reads them whole."""
    sql = queries("orders")
    cursor.execute(sql["lock"], [int4s([m for m, _ in keys]), byteas([o for _, o in keys])], binary=True)
    rows = {(r[0], r[1]): from_row(r, words) for r in cursor.fetchall()}
    read_sides(cursor, rows, words)
    return rows


def read_sides(cursor: Cursor, rows: dict[OrderKey, OrderRow], words: Words) -> None:
    """Reads returns and further parcels of those orders that have any."""
    sql = queries("orders")
    keys = [k for k, r in rows.items() if r.had_returns]
    if keys:
        cursor.execute(sql["read_returns"], [int4s([m for m, _ in keys]), byteas([o for _, o in keys])], binary=True)
        for m, o, rid, version, status, total, trail in cursor.fetchall():
            facts, v = rows[m, o].facts, version_of(version)
            one = ReturnOrder(rid, v, words.word(status) or "", total, trail_of(trail, v))
            facts.returns = (*facts.returns, one)
    keys = [k for k, r in rows.items() if r.had_parcels]
    if keys:
        cursor.execute(sql["read_parcels"], [int4s([m for m, _ in keys]), byteas([o for _, o in keys])], binary=True)
        for m, o, *rest in cursor.fetchall():
            facts = rows[m, o].facts
            facts.parcels = (*facts.parcels, _parcel(*rest, words=words))


def _parcel(
    parcel: bytes,
    version: bytes,
    status: int | None,
    option: int | None,
    flags: int,
    arrived: Micros | None,
    collected: Micros | None,
    returned: Micros | None,
    trail: bytes | None,
    *,
    words: Words,
) -> Parcel:
    v = version_of(version)
    pickup, failed = bool(flags & 2), bool(flags & 4)
    record = ParcelRecord(
        v, parcel, words.word(status) or "", words.word(option), pickup, failed, arrived, collected, returned
    )
    return Parcel(record, trail_of(trail, v))


def from_row(r: tuple[Any, ...], words: Words) -> OrderRow:
    """A row of the `lock` statement, without side tables."""
    flags = r[12]
    word = words.word
    version = record = None
    if r[5] is not None:
        version = version_of(r[5])
        key = DeliveryKey.PRESENT if flags & 16 else DeliveryKey.NULL if flags & 8 else DeliveryKey.ABSENT
        record = OrderRecord(
            version, r[2], word(r[6]) or "", r[4], bool(flags & 1), word(r[7]), word(r[8]), word(r[9]),
            r[13], r[14], r[15], r[16], r[17], r[18], key,
        )  # fmt: skip
    parcels: tuple[Parcel, ...] = ()
    if r[20] is not None:
        parcels = (_parcel(r[20], r[21], r[22], r[23], flags, r[24], r[25], r[26], r[27], words=words),)
    posted = NOTHING_POSTED
    if r[30] or r[31]:
        holder = r[34] if r[34] is not None else r[4]
        posted = Posted(r[30], r[31], r[32], holder, r[35], r[36], r[37], r[38], r[33], bool(flags & 128))
    facts = OrderFacts(
        record,
        trail_of(r[19], version) if r[19] is not None or version is not None else EMPTY,
        parcels,
        (),
        word(r[10]),
        version_of(r[11]) if r[11] is not None else None,
        r[3],
        posted,
    )
    return OrderRow(r[0], r[1], facts, r[28], r[29], False, bool(flags & 32), bool(flags & 64))


def to_row(row: OrderRow, words: Words) -> tuple[Any, ...]:
    """The columns of `orders`, in the order of the table."""
    f, p, number = row.facts, row.facts.posted, words.number
    r = f.record
    if r is not None:
        head = (
            r.created_at, f.settings_no, r.member, version_bytes(r.version), number(r.status), number(r.created_by),
            number(r.kind), number(r.currency), number(f.tier),
            version_bytes(f.tier_at) if f.tier_at is not None else None, flags_of(row),
            r.subtotal, r.order_discount, r.custom_discount, r.points_to_cash, r.user_credit, r.completed_at,
            trail_bytes(f.trail, r.version),
        )  # fmt: skip
    else:
        head = (None, f.settings_no, *[None] * 8, flags_of(row), 0, 0, 0, 0, 0, None, trail_bytes(f.trail, None))
    if f.parcels:
        parcel, trail = f.parcels[0].record, f.parcels[0].trail
        delivery: tuple[Any, ...] = (
            parcel.parcel_id, version_bytes(parcel.version), number(parcel.status), number(parcel.option),
            parcel.arrived_at, parcel.collected_at, parcel.returned_at, trail_bytes(trail, parcel.version),
        )  # fmt: skip
    else:
        delivery = (None,) * 8
    return (row.merchant_no, row.order_id, *head, *delivery, row.due_us, row.planned, *_posted_columns(row, p))


def _posted_columns(row: OrderRow, p: Posted) -> tuple[Any, ...]:
    record = row.facts.record
    member = record.member if record is not None else None
    holder = None if p.holder == member else p.holder
    return (
        p.episode, p.entries, p.points, p.returned, holder, p.account_no, p.final_at, p.due_at, p.expires_at,
    )  # fmt: skip


def flags_of(row: OrderRow) -> int:
    """The bits of `orders.flags`."""
    f = row.facts
    flags = 128 if f.posted.clawed else 0
    if f.record is not None:
        flags |= 1 if f.record.guest else 0
        key = f.record.delivery_key
        flags |= 16 if key is DeliveryKey.PRESENT else 8 if key is DeliveryKey.NULL else 0
    if f.parcels:
        first = f.parcels[0].record
        flags |= (2 if first.pickup else 0) | (4 if first.failed else 0)
    return flags | (32 if f.returns else 0) | (64 if len(f.parcels) > 1 else 0)


_KINDS = (
    int4s, byteas, int8s, int4s, byteas, byteas, int4s, int4s, int4s, int4s, int4s, byteas, int4s,
    int8s, int8s, int8s, int8s, int8s, int8s, byteas,
    byteas, byteas, int4s, int4s, int8s, int8s, int8s, byteas,
    int8s, int8s, int4s, int4s, int8s, int8s, byteas, int8s, int8s, int8s, int8s,
)  # fmt: skip
_POSTED_KINDS = (
    int4s, byteas, int4s, int8s, int8s, int4s, int4s, int8s, int8s, byteas, int8s, int8s, int8s, int8s,
)  # fmt: skip


def write(cursor: Cursor, rows: list[OrderRow], words: Words) -> None:
    """Writes whole rows. Raises NewOrderRace when a new one exists by now."""
    sql = queries("orders")
    new = [to_row(r, words) for r in rows if r.new]
    if new:
        cursor.execute(sql["insert"], columns(new, _KINDS))
        if cursor.rowcount != len(new):
            raise NewOrderRace
    old = [to_row(r, words) for r in rows if not r.new]
    if old:
        cursor.execute(sql["update"], columns(old, _KINDS))
    _write_sides(cursor, rows, words)


def write_posted(cursor: Cursor, rows: list[OrderRow]) -> None:
    """Writes only what posting changes, for workers that fold nothing."""
    if rows:
        values = [(r.merchant_no, r.order_id, flags_of(r), r.due_us, r.planned, *_posted_columns(r, r.facts.posted)) for r in rows]
        cursor.execute(queries("orders")["update_posted"], columns(values, _POSTED_KINDS))


def _write_sides(cursor: Cursor, rows: list[OrderRow], words: Words) -> None:
    returns = [
        (r.merchant_no, r.order_id, x.return_id, version_bytes(x.version), words.number(x.status), x.total,
         trail_bytes(x.trail, x.version))
        for r in rows for x in r.facts.returns
    ]  # fmt: skip
    if returns:
        kinds = (int4s, byteas, byteas, byteas, int4s, int8s, byteas)
        cursor.execute(queries("orders")["write_returns"], columns(returns, kinds))
    parcels = [
        (r.merchant_no, r.order_id, x.record.parcel_id, version_bytes(x.record.version), words.number(x.record.status),
         words.number(x.record.option), (2 if x.record.pickup else 0) | (4 if x.record.failed else 0),
         x.record.arrived_at, x.record.collected_at, x.record.returned_at, trail_bytes(x.trail, x.record.version))
        for r in rows for x in r.facts.parcels[1:]
    ]  # fmt: skip
    if parcels:
        kinds2 = (int4s, byteas, byteas, byteas, int4s, int4s, int4s, int8s, int8s, int8s, byteas)
        cursor.execute(queries("orders")["write_parcels"], columns(parcels, kinds2))


PLAN_KINDS = (int4s, int8s, byteas)


def write_plans(cursor: Cursor, gone: list[tuple[int, Micros, bytes]], made: list[tuple[int, Micros, bytes]]) -> None:
    """Takes plans out of the due table and puts new ones in: (merchant number, due, order id)."""
    if gone:
        cursor.execute(queries("orders")["unplan"], columns(gone, PLAN_KINDS))
    if made:
        cursor.execute(queries("orders")["plan"], columns(made, PLAN_KINDS))
