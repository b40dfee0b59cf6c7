"""Orders and their facts in the database: rows to `OrderFacts` and back, locked and written set-wise."""

from dataclasses import dataclass
from typing import Any

from rules.order.facts import NOTHING_POSTED, DeliveryKey, OrderFacts, Parcel, ReturnOrder
from rules.order.trail import EMPTY, Version
from schemas.ids import Micros
from store.orders import codec
from store.postgres.arrays import byteas, columns, int4s, int8s
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

OrderKey = tuple[int, bytes]
"""(merchant number, packed order id): the primary key, and the order in which orders are locked."""


@dataclass(slots=True)
class OrderRow:
    """An order as the batch holds it: its facts and its place in the plan.

    `flags` and `reported` (whether carriers' reports were stored with it) are as they were read.
    """

    merchant_no: int
    order_id: bytes
    facts: OrderFacts
    due_us: Micros | None = None
    planned: int = 0
    new: bool = False
    flags: int = 0
    reported: bool = False

    @property
    def key(self) -> OrderKey:
        """The order's primary key."""
        return self.merchant_no, self.order_id


class NewOrderRace(Exception):
    """Another worker inserted one of these orders first: roll back and do the batch again."""


def lock(cursor: Cursor, keys: list[OrderKey], words: InternedStrings) -> dict[OrderKey, OrderRow]:
    """Locks the orders that exist among `keys` (sorted) and reads them whole."""
    if not keys:
        return {}
    cursor.execute(queries("orders/orders")["lock"], _key_columns(keys), binary=True)
    return read_rows(cursor, cursor.fetchall(), words)


def read_rows(
    cursor: Cursor, found: list[tuple[Any, ...]], words: InternedStrings
) -> dict[OrderKey, OrderRow]:
    """Rows of `orders`, with their returns and further parcels where they have any."""
    rows = {(r[0], r[1]): _from_row(r, words) for r in found}
    _read_returns(cursor, [k for k, r in rows.items() if r.flags & codec.HAS_RETURNS], rows, words)
    _read_parcels(cursor, [k for k, r in rows.items() if r.flags & codec.HAS_PARCELS], rows, words)
    return rows


def _key_columns(keys: list[OrderKey]) -> list[Any]:
    return [int4s([m for m, _ in keys]), byteas([o for _, o in keys])]


def _read_returns(
    cursor: Cursor, keys: list[OrderKey], rows: dict[OrderKey, OrderRow], words: InternedStrings
) -> None:
    if not keys:
        return
    cursor.execute(queries("orders/orders")["read_returns"], _key_columns(keys), binary=True)
    for m, o, return_id, version, status, total, trail in cursor.fetchall():
        facts, v = rows[m, o].facts, codec.version_of(version)
        one = ReturnOrder(return_id, v, words.word(status) or "", total, codec.trail_of(trail, v))
        facts.returns = (*facts.returns, one)


def _read_parcels(
    cursor: Cursor, keys: list[OrderKey], rows: dict[OrderKey, OrderRow], words: InternedStrings
) -> None:
    if not keys:
        return
    cursor.execute(queries("orders/orders")["read_parcels"], _key_columns(keys), binary=True)
    for m, o, flags, parcel, trail in cursor.fetchall():
        facts = rows[m, o].facts
        facts.parcels = (*facts.parcels, codec.parcel_of(parcel, flags, trail, words))


def _from_row(row: tuple[Any, ...], words: InternedStrings) -> OrderRow:
    """A row, without side tables."""
    (
        merchant_no,
        order_id,
        settings_no,
        flags,
        member,
        record_b,
        trail_b,
        parcel_b,
        parcel_trail_b,
    ) = row[:9]
    due, planned, posted_b, reports = row[9:]
    record = tier = tier_at = None
    version: Version | None = None
    parcels: tuple[Parcel, ...] = ()
    first = None
    if parcel_b is not None:
        parcels = (codec.parcel_of(parcel_b, flags, parcel_trail_b, words),)
        first = parcels[0].record.parcel_id
    if record_b is not None:
        record, tier, tier_at = codec.record_of(record_b, flags, member, first, words)
        version = record.version
    trail = (
        codec.trail_of(trail_b, version) if trail_b is not None or version is not None else EMPTY
    )
    posted = codec.posted_of(posted_b, flags, member) if posted_b is not None else NOTHING_POSTED
    facts = OrderFacts(record, trail, parcels, (), tier, tier_at, settings_no, posted)
    if reports is not None:
        facts.reports = codec.reports_of(reports, words)
    return OrderRow(
        merchant_no, order_id, facts, due, planned, flags=flags, reported=reports is not None
    )


def _to_row(row: OrderRow, words: InternedStrings) -> tuple[Any, ...]:
    """The columns of `orders`, in the order of the table, but for `reports`."""
    f = row.facts
    r = f.record
    member = r.member if r is not None else None
    parcel = parcel_trail = None
    if f.parcels:
        first = f.parcels[0]
        parcel = codec.parcel_bytes(first.record, words)
        parcel_trail = codec.trail_bytes(first.trail, first.record.version)
    return (
        row.merchant_no, row.order_id, f.settings_no, flags_of(f), member, codec.record_bytes(f, words),
        codec.trail_bytes(f.trail, r.version if r is not None else None), parcel, parcel_trail, row.due_us, row.planned,
        codec.posted_bytes(f.posted, member),
    )  # fmt: skip


def flags_of(f: OrderFacts) -> int:
    """The bits of `orders.flags`."""
    flags = codec.CLAWED if f.posted.clawed else 0
    if f.record is not None:
        key = f.record.delivery_key
        if key is DeliveryKey.PRESENT:
            flags |= codec.DELIVERY_PRESENT
        elif key is DeliveryKey.NULL:
            flags |= codec.DELIVERY_NULL
        if f.record.guest:
            flags |= codec.GUEST
    if f.parcels:
        flags |= _parcel_flags(f.parcels[0])
        if len(f.parcels) > 1:
            flags |= codec.HAS_PARCELS
        if codec.is_nested_first(f):
            flags |= codec.NESTED_FIRST
    if f.returns:
        flags |= codec.HAS_RETURNS
    return flags | codec.NUMBERED if is_numbered(f) else flags


def is_numbered(f: OrderFacts) -> bool:
    """Whether the order or a parcel of it names a tracking number."""
    if f.record is not None and f.record.tracking is not None:
        return True
    for parcel in f.parcels:  # noqa: SIM110 - asked of every order that is written, and `any` costs a generator
        if parcel.record.tracking is not None:
            return True
    return False


def _parcel_flags(parcel: Parcel) -> int:
    return (codec.PICKUP if parcel.record.pickup else 0) | (
        codec.FAILED if parcel.record.failed else 0
    )


_KINDS = (int4s, byteas, int4s, int4s, byteas, byteas, byteas, byteas, byteas, int8s, int8s, byteas)
_POSTED_KINDS = (int4s, byteas, int4s, int4s, int8s, int8s, byteas)
_RETURN_KINDS = (int4s, byteas, byteas, byteas, int4s, int8s, byteas)
_PARCEL_KINDS = (int4s, byteas, byteas, int4s, byteas, byteas)
PLAN_KINDS = (int4s, int8s, byteas)


def write(cursor: Cursor, rows: list[OrderRow], words: InternedStrings) -> None:
    """Writes whole rows. Raises NewOrderRace when a new one exists by now.

    Carriers' reports take statements with one column more; a batch without any knows nothing of it.
    """
    new = [r for r in rows if r.new]
    if new:
        _write(cursor, "insert", new, words)
        if cursor.rowcount != len(new):
            raise NewOrderRace
    old = [r for r in rows if not r.new]
    if old:
        _write(cursor, "update", old, words)
    _write_sides(cursor, rows, words)


def _write(cursor: Cursor, what: str, rows: list[OrderRow], words: InternedStrings) -> None:
    values = columns([_to_row(r, words) for r in rows], _KINDS)
    if any(r.reported or r.facts.reports for r in rows):
        what += "_reported"
        values.append(byteas([codec.reports_bytes(r.facts.reports, words) for r in rows]))
    cursor.execute(queries("orders/orders")[what], values)


def write_posted(cursor: Cursor, rows: list[OrderRow]) -> None:
    """Writes only what binding, planning and posting change, for workers that fold nothing."""
    if not rows:
        return
    values = []
    for r in rows:
        f = r.facts
        member = f.record.member if f.record is not None else None
        posted = codec.posted_bytes(f.posted, member)
        values.append(
            (r.merchant_no, r.order_id, f.settings_no, flags_of(f), r.due_us, r.planned, posted)
        )
    cursor.execute(queries("orders/orders")["update_posted"], columns(values, _POSTED_KINDS))


def _write_sides(cursor: Cursor, rows: list[OrderRow], words: InternedStrings) -> None:
    returns = [
        (r.merchant_no, r.order_id, x.return_id, codec.version_bytes(x.version), words.number(x.status), x.total,
         codec.trail_bytes(x.trail, x.version))
        for r in rows for x in r.facts.returns
    ]  # fmt: skip
    if returns:
        cursor.execute(queries("orders/orders")["write_returns"], columns(returns, _RETURN_KINDS))
    parcels = [
        (r.merchant_no, r.order_id, x.record.parcel_id, _parcel_flags(x), codec.parcel_bytes(x.record, words),
         codec.trail_bytes(x.trail, x.record.version))
        for r in rows for x in r.facts.parcels[1:]
    ]  # fmt: skip
    if parcels:
        cursor.execute(queries("orders/orders")["write_parcels"], columns(parcels, _PARCEL_KINDS))


def write_plans(
    cursor: Cursor, gone: list[tuple[int, Micros, bytes]], made: list[tuple[int, Micros, bytes]]
) -> None:
    """Takes plans out of the due table and puts new ones in: (merchant number, due, order id)."""
    if gone:
        cursor.execute(queries("orders/orders")["unplan"], columns(gone, PLAN_KINDS))
    if made:
        cursor.execute(queries("orders/orders")["plan"], columns(made, PLAN_KINDS))
