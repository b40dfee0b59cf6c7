"""Orders and their facts in the database: rows to `OrderFacts` and back, set-wise."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from psycopg.errors import UniqueViolation

from rules.order.facts import NOTHING_POSTED, DeliveryKey, OrderFacts, OrderRecord, Parcel
from rules.order.trail import EMPTY, Version
from schemas.ids import Micros
from store.orders import codec
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

OrderKey = tuple[int, bytes]
"""(merchant number, packed order id): the primary key, and the order in which orders are locked."""


class OrdersRow(NamedTuple):
    """A row of the table `orders`, its facts packed (store/orders/codec/)."""

    merchant_no: int
    order_id: bytes
    settings_no: int
    flags: int
    member: bytes | None
    record: bytes | None
    record_trail: bytes | None
    parcel: bytes | None
    parcel_trail: bytes | None
    due_us: Micros | None
    planned: int
    posted: bytes | None
    origin: bytes | None
    reports: bytes | None


ROW: Final = Columns(tables.orders, *OrdersRow._fields)
"""What `read_rows` takes, in this order."""
_UNREPORTED: Final = Columns(tables.orders, *OrdersRow._fields[:-1])
_POSTED: Final = Columns(
    tables.orders,
    "merchant_no", "order_id", "settings_no", "flags", "due_us", "planned", "posted",
)  # fmt: skip
KEY: Final = Columns(tables.orders, "merchant_no", "order_id")
_RETURN: Final = Columns(
    tables.return_order, "merchant_no", "order_id", "return_id", "return_order"
)
_PARCEL: Final = Columns(
    tables.parcel, "merchant_no", "order_id", "parcel_id", "flags", "parcel", "trail"
)
_PARCEL_KEY: Final = Columns(tables.parcel, "merchant_no", "order_id", "parcel_id")
_RETURN_KEY: Final = Columns(tables.return_order, "merchant_no", "order_id", "return_id")
_DUE: Final = Columns(tables.due, "merchant_no", "due_us", "order_id")
_TRACED: Final = _DUE.plus("trace")
_SQL: Final = queries(
    "orders/orders",
    row=ROW,
    unreported=_UNREPORTED,
    posted=_POSTED,
    key=KEY,
    return_order=_RETURN,
    parcel=_PARCEL,
    parcel_key=_PARCEL_KEY,
    return_key=_RETURN_KEY,
    due=_DUE,
    traced=_TRACED,
)


@dataclass(slots=True)
class OrderRow:
    """An order as the batch holds it: its facts and its place in the plan.

    `flags` and `reported` (whether carriers' reports were stored with it) are as they were read.
    `trace` is that of its plan, where the plan was claimed.
    """

    merchant_no: int
    order_id: bytes
    facts: OrderFacts
    due_us: Micros | None = None
    planned: int = 0
    new: bool = False
    flags: int = 0
    reported: bool = False
    trace: bytes | None = None

    @property
    def key(self) -> OrderKey:
        """The order's primary key."""
        return self.merchant_no, self.order_id


Plan = tuple[int, Micros, bytes, bytes | None]
"""Merchant number, due instant, packed order id, and the packed trace context of what made it."""


class NewOrderRace(Exception):
    """Another worker inserted one of these orders first: roll back and do the batch again."""


def lock(
    cursor: Cursor, keys: list[OrderKey], strings: InternedStrings
) -> dict[OrderKey, OrderRow]:
    """Locks the orders that exist among `keys` (sorted) and reads them whole."""
    if not keys:
        return {}
    cursor.execute(_SQL["lock"], KEY.arrays(keys), binary=True)
    return read_rows(cursor, cursor.fetchall(), strings)


def read_rows(
    cursor: Cursor, rows: list[tuple[Any, ...]], strings: InternedStrings
) -> dict[OrderKey, OrderRow]:
    """Rows as ROW has them, with their returns and further parcels where they have any."""
    orders = {(row[0], row[1]): _from_row(row, strings) for row in rows}
    with_returns = [key for key, order in orders.items() if order.flags & codec.HAS_RETURNS]
    if with_returns:
        _read_returns(cursor, with_returns, orders, strings)
    with_parcels = [key for key, order in orders.items() if order.flags & codec.HAS_PARCELS]
    if with_parcels:
        _read_parcels(cursor, with_parcels, orders, strings)
    return orders


def _read_returns(
    cursor: Cursor,
    keys: list[OrderKey],
    orders: dict[OrderKey, OrderRow],
    strings: InternedStrings,
) -> None:
    cursor.execute(_SQL["read_returns"], KEY.arrays(keys), binary=True)
    for merchant_no, order_id, return_id, packed in cursor.fetchall():
        facts = orders[merchant_no, order_id].facts
        facts.returns = (*facts.returns, codec.return_of(return_id, packed, strings))


def _read_parcels(
    cursor: Cursor,
    keys: list[OrderKey],
    orders: dict[OrderKey, OrderRow],
    strings: InternedStrings,
) -> None:
    cursor.execute(_SQL["read_parcels"], KEY.arrays(keys), binary=True)
    for merchant_no, order_id, _, flags, parcel, trail in cursor.fetchall():
        facts = orders[merchant_no, order_id].facts
        facts.parcels = (*facts.parcels, codec.parcel_of(parcel, flags, trail, strings))


def _from_row(row: tuple[Any, ...], strings: InternedStrings) -> OrderRow:
    """A row, without side tables."""
    # In the order of OrdersRow, which would cost an object more for each order.
    (
        merchant_no,
        order_id,
        settings_no,
        flags,
        member,
        packed_record,
        record_trail,
        packed_parcel,
        parcel_trail,
        due_us,
        planned,
        packed_posted,
        packed_origin,
        reports,
    ) = row
    record = tier = tier_at = None
    version: Version | None = None
    parcels: tuple[Parcel, ...] = ()
    first_id = None
    if packed_parcel is not None:
        parcels = (codec.parcel_of(packed_parcel, flags, parcel_trail, strings),)
        first_id = parcels[0].record.parcel_id
    if packed_record is not None:
        record, tier, tier_at = codec.record_of(packed_record, flags, member, first_id, strings)
        version = record.version
    trail = EMPTY
    if record_trail is not None or version is not None:
        trail = codec.trail_of(record_trail, version)
    posted = NOTHING_POSTED
    if packed_posted is not None:
        posted = codec.posted_of(packed_posted, flags, member)
    facts = OrderFacts(record, trail, parcels, (), tier, tier_at, settings_no, posted)
    if flags & (codec.REDEEMED | codec.MISMATCHED):
        facts.redeemed = bool(flags & codec.REDEEMED)
        facts.mismatched = bool(flags & codec.MISMATCHED)
    if packed_origin is not None:
        facts.origin = codec.origin_of(packed_origin, version)
    if reports is not None:
        facts.reports = codec.reports_of(reports, strings)
    return OrderRow(
        merchant_no, order_id, facts, due_us, planned, flags=flags, reported=reports is not None
    )


def _to_row(row: OrderRow, strings: InternedStrings) -> tuple[Any, ...]:
    """The columns in the order of OrdersRow, but for `reports`."""
    facts = row.facts
    record = facts.record
    member = record.member if record is not None else None
    parcel = parcel_trail = None
    if facts.parcels:
        first = facts.parcels[0]
        parcel = codec.parcel_bytes(first, strings)
        parcel_trail = codec.trail_bytes(first.trail, first.record.version)
    return (
        row.merchant_no,
        row.order_id,
        facts.settings_no,
        flags_of(facts),
        member,
        codec.record_bytes(facts, strings),
        codec.trail_bytes(facts.trail, record.version if record is not None else None),
        parcel,
        parcel_trail,
        row.due_us,
        row.planned,
        codec.posted_bytes(facts.posted, member),
        codec.origin_bytes(facts.origin, record.version if record is not None else None),
    )


def flags_of(facts: OrderFacts) -> int:
    """The bits of `orders.flags`."""
    flags = codec.CLAWED if facts.posted.clawed else 0
    if facts.redeemed:
        flags |= codec.REDEEMED
    if facts.mismatched:
        flags |= codec.MISMATCHED
    if facts.record is not None:
        flags |= _record_flags(facts.record)
    if facts.parcels:
        flags |= _parcel_flags(facts.parcels[0])
        if len(facts.parcels) > 1:
            flags |= codec.HAS_PARCELS
        if codec.is_nested_first(facts):
            flags |= codec.NESTED_FIRST
    if facts.returns:
        flags |= codec.HAS_RETURNS
    if facts.origin.parent or facts.origin.sources:
        flags |= codec.DESCENDED
    return flags | codec.NUMBERED if is_numbered(facts) else flags


def is_numbered(facts: OrderFacts) -> bool:
    """Whether the order or a parcel of it names a tracking number."""
    if facts.record is not None and facts.record.tracking is not None:
        return True
    for parcel in facts.parcels:  # noqa: SIM110 - asked of every order written; `any` costs a generator
        if parcel.record.tracking is not None:
            return True
    return False


_DELIVERY_FLAGS: Final = {
    DeliveryKey.ABSENT: 0,
    DeliveryKey.NULL: codec.DELIVERY_NULL,
    DeliveryKey.PRESENT: codec.DELIVERY_PRESENT,
}


def _record_flags(record: OrderRecord) -> int:
    flags = codec.GUEST if record.guest else 0
    if record.refunded:
        flags |= codec.REFUNDED
    return flags | _DELIVERY_FLAGS[record.delivery_key]


def _parcel_flags(parcel: Parcel) -> int:
    flags = codec.PICKUP if parcel.record.pickup else 0
    return flags | codec.FAILED if parcel.record.failed else flags


def write(cursor: Cursor, rows: list[OrderRow], strings: InternedStrings) -> None:
    """Writes whole rows. Raises NewOrderRace when another worker has inserted a new one.

    Carriers' reports take statements with one column more; a batch without any knows nothing of it.
    """
    new = [row for row in rows if row.new]
    if new:
        try:
            _write(cursor, "insert", new, strings)
        except UniqueViolation as error:
            # Passing over an order that is there would cost each new one a search and a second mark
            # in the log.
            raise NewOrderRace from error
    old = [row for row in rows if not row.new]
    if old:
        _write(cursor, "update", old, strings)
    # First what a limit dropped: it may have been heard of again in the same batch.
    forgotten = [(*row.key, gone) for row in rows for gone in row.facts.forgotten]
    if forgotten:
        cursor.execute(_SQL["forget_parcels"], _PARCEL_KEY.arrays(forgotten))
        cursor.execute(_SQL["forget_returns"], _RETURN_KEY.arrays(forgotten))
    _write_returns(cursor, rows, strings)
    _write_parcels(cursor, rows, strings)


def _write(cursor: Cursor, statement: str, rows: list[OrderRow], strings: InternedStrings) -> None:
    if any(row.reported or row.facts.reports for row in rows):
        values = [
            (*_to_row(row, strings), codec.reports_bytes(row.facts.reports, strings))
            for row in rows
        ]
        cursor.execute(_SQL[f"{statement}_reported"], ROW.arrays(values))
    else:
        values = [_to_row(row, strings) for row in rows]
        cursor.execute(_SQL[statement], _UNREPORTED.arrays(values))


def write_posted(cursor: Cursor, rows: list[OrderRow]) -> None:
    """Writes only what binding, planning and posting change, for workers that fold nothing."""
    if not rows:
        return
    values = []
    for row in rows:
        facts = row.facts
        member = facts.record.member if facts.record is not None else None
        values.append((
            row.merchant_no,
            row.order_id,
            facts.settings_no,
            flags_of(facts),
            row.due_us,
            row.planned,
            codec.posted_bytes(facts.posted, member),
        ))  # fmt: skip
    cursor.execute(_SQL["update_posted"], _POSTED.arrays(values))


def _write_returns(cursor: Cursor, rows: list[OrderRow], strings: InternedStrings) -> None:
    values = [
        (
            row.merchant_no,
            row.order_id,
            goods_back.return_id,
            codec.return_bytes(goods_back, strings),
        )
        for row in rows
        for goods_back in row.facts.returns
    ]
    if values:
        cursor.execute(_SQL["write_returns"], _RETURN.arrays(values))


def _write_parcels(cursor: Cursor, rows: list[OrderRow], strings: InternedStrings) -> None:
    values = [
        (
            row.merchant_no,
            row.order_id,
            parcel.record.parcel_id,
            _parcel_flags(parcel),
            codec.parcel_bytes(parcel, strings),
            codec.trail_bytes(parcel.trail, parcel.record.version),
        )
        for row in rows
        for parcel in row.facts.parcels[1:]  # the first one lies in the order's row
    ]
    if values:
        cursor.execute(_SQL["write_parcels"], _PARCEL.arrays(values))


def write_plans(cursor: Cursor, gone: list[tuple[int, Micros, bytes]], made: list[Plan]) -> None:
    """Takes plans out of the due table (merchant number, due, order id), and puts new ones in.

    Traces take a statement with one column more; a batch without any knows nothing of it.
    """
    if gone:
        cursor.execute(_SQL["unplan"], _DUE.arrays(gone))
    if made:
        if any(plan[3] is not None for plan in made):
            cursor.execute(_SQL["plan_traced"], _TRACED.arrays(made))
        else:
            cursor.execute(_SQL["plan"], _DUE.arrays(plan[:3] for plan in made))
