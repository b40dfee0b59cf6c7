"""Carriers' reports without an order, as people see them (rules.md 6)."""

from typing import Final, NamedTuple

from sqlalchemy import BigInteger, bindparam, cast, func, literal_column, select

from rules.order.carrier_reports import numbers_of
from rules.order.facts import CarrierReport
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.carriers import awaiting_order, tracking
from store.carriers.tracking import TrackingRow
from store.orders.orders import KEY, ROW, OrderKey, OrderRow, read_rows
from store.postgres import tables
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, raw
from store.reads.execute import one_row, rows
from store.reads.order import as_fact
from store.reads.snapshot import Database, snapshot
from store.settings.merchants import Merchants

_tracking, _awaiting = tables.tracking.c, tables.awaiting_order.c
_unknown, _purged = tables.unknown_code.c, tables.purged_report.c

_SQL: Final = queries("carriers/parked", row=ROW, key=KEY)
# As the partial indexes of `tracking` have it, so that both are found without reading the rest.
_is_unmatched = _tracking.claims.is_(None)
_is_ambiguous = _tracking.flags.op("&")(literal_column("1")) == literal_column("1")
_PARKED = select(
    select(func.count()).where(_is_unmatched).scalar_subquery(),
    select(func.min(_tracking.first_us)).where(_is_unmatched).scalar_subquery(),
    select(func.count()).where(_is_ambiguous).scalar_subquery(),
    select(func.min(_tracking.first_us)).where(_is_ambiguous).scalar_subquery(),
    select(func.count()).select_from(tables.awaiting_order).scalar_subquery(),
    select(func.min(_awaiting.first_us)).scalar_subquery(),
)
_PURGED = select(_purged.kind, _purged.reports).order_by(_purged.kind)
# sum() of a bigint is numeric, which Python would read as a decimal.
_UNKNOWN_CODES = select(
    func.count(), cast(func.coalesce(func.sum(_unknown.reports), 0), BigInteger)
).select_from(tables.unknown_code)
_AMBIGUOUS = (
    select(_tracking.number, _tracking.first_us)
    .where(_is_ambiguous)
    .order_by(_tracking.first_us, _tracking.number)
    .limit(bindparam("limit"))
)
_oldest = func.min(_awaiting.first_us)
_AWAITED = (
    select(_awaiting.order_id, func.count(), _oldest)
    .group_by(_awaiting.order_id)
    .order_by(_oldest, _awaiting.order_id)
    .limit(bindparam("limit"))
)


class Parked(NamedTuple):
    """Carriers' reports without an order (rules.md 6): how many, and since when the oldest waits.

    The instant is None where there are none. `unmatched`: tracking numbers that no order names.
    `ambiguous`: numbers with reports that fit several orders. `awaiting`: reports that name an
    order themselves, which is not known, or known of several merchants.
    """

    unmatched: int
    unmatched_since: Micros | None
    ambiguous: int
    ambiguous_since: Micros | None
    awaiting: int
    awaiting_since: Micros | None


def parked(connection: Database) -> Parked:
    """How many reports have no order."""
    return Parked(*one_row(raw(connection), _PARKED))


class Claimant(NamedTuple):
    """An order that named an ambiguous number: whether it still does, its creation, its status."""

    merchant_id: str
    order_id: str
    names_it: bool
    created_at: Micros | None
    status: str


class AmbiguousNumber(NamedTuple):
    """A tracking number with reports that fit several orders.

    `crowded`: so many named it that it is none.
    """

    number: bytes
    since: Micros
    crowded: bool
    orders: list[Claimant]
    reports: list[CarrierReport]


class AwaitedOrder(NamedTuple):
    """An order id that reports name without a merchant.

    `merchants` have such an order: none, or several.
    """

    order_id: str
    since: Micros
    reports: int
    merchants: list[str]


def ambiguous(connection: Database, limit: int) -> list[AmbiguousNumber]:
    """Numbers with ambiguous reports, those that wait longest first."""
    strings, ids = InternedStrings(connection), Merchants(connection)
    with snapshot(connection) as cursor:
        numbers = rows(cursor, _AMBIGUOUS, limit=limit)
        tracked = tracking.read(cursor, sorted(number for number, _ in numbers))
        keys = sorted({key for row in tracked.values() for key in row.claims})
        orders = _orders(cursor, keys, strings)
        return [
            _ambiguous(tracked[number], since, orders, ids, strings) for number, since in numbers
        ]


def _orders(
    cursor: Cursor, keys: list[OrderKey], strings: InternedStrings
) -> dict[OrderKey, OrderRow]:
    if not keys:
        return {}
    found = cursor.execute(_SQL["orders"], KEY.arrays(keys), binary=True).fetchall()
    return read_rows(cursor, found, strings)


def _ambiguous(
    row: TrackingRow,
    since: Micros,
    orders: dict[OrderKey, OrderRow],
    ids: Merchants,
    strings: InternedStrings,
) -> AmbiguousNumber:
    claimants = [_claimant(orders[key], row.number, ids) for key in row.claims if key in orders]
    stored = tracking.unpack_reports(row.reports.items(), strings)
    reports = sorted(as_fact(report, row.number) for report in stored)
    return AmbiguousNumber(
        row.number, since, bool(row.flags & tracking.CROWDED), claimants, reports
    )


def _claimant(order: OrderRow, number: bytes, ids: Merchants) -> Claimant:
    record = order.facts.record
    return Claimant(
        merchant_id=ids.merchant_id(order.merchant_no),
        order_id=unpack_id(order.order_id),
        names_it=number in numbers_of(order.facts),
        created_at=record.created_at if record is not None else None,
        status=record.status if record is not None else "",
    )


def awaited(connection: Database, limit: int) -> list[AwaitedOrder]:
    """Order ids that reports name without a merchant, those that wait longest first."""
    ids = Merchants(connection)
    with snapshot(connection) as cursor:
        waiting = rows(cursor, _AWAITED, limit=limit)
        order_ids = [order_id for order_id, _, _ in waiting]
        owners = awaiting_order.owners(cursor, order_ids) if order_ids else {}
    return [
        AwaitedOrder(
            unpack_id(order_id),
            since,
            reports,
            sorted(ids.merchant_id(number) for number, _ in owners[order_id]),
        )
        for order_id, reports, since in waiting
    ]


def purged(connection: Database) -> dict[str, int]:
    """How many reports without an order were forgotten after 180 days, by kind."""
    return dict(rows(raw(connection), _PURGED))


class UnknownCodeCounts(NamedTuple):
    """Carriers' codes that no table has, and the reports that carried them."""

    codes: int
    reports: int


def unknown_codes(connection: Database) -> UnknownCodeCounts:
    """How many codes are unknown."""
    return UnknownCodeCounts(*one_row(raw(connection), _UNKNOWN_CODES))
