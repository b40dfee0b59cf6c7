"""Carriers' reports without an order, as people see them (SPEC 6)."""

from typing import NamedTuple

from rules.order.carrier_reports import numbers_of
from rules.order.facts import CarrierReport
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.carriers import awaiting_order, tracking
from store.carriers.tracking import TrackingRow
from store.orders.orders import OrderKey, OrderRow, read_rows
from store.postgres.arrays import byteas, int4s
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import raw
from store.reads.views import Database, as_fact, one_row, snapshot
from store.settings.merchants import Merchants


class Parked(NamedTuple):
    """Carriers' reports without an order (SPEC 6): how many, and since when the oldest waits.

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
    return Parked(*one_row(connection, "parked"))


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
    sql, strings, ids = queries("reads/views"), InternedStrings(connection), Merchants(connection)
    with snapshot(connection) as cursor:
        numbers = cursor.execute(sql["ambiguous_numbers"], [limit], binary=True).fetchall()
        rows = tracking.read(cursor, sorted(number for number, _ in numbers))
        keys = sorted({key for row in rows.values() for key in row.claims})
        columns_ = [int4s([m for m, _ in keys]), byteas([o for _, o in keys])]
        orders = read_rows(
            cursor, cursor.execute(sql["orders"], columns_, binary=True).fetchall(), strings
        )
        return [_ambiguous(rows[number], since, orders, ids, strings) for number, since in numbers]


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
        waiting = cursor.execute(
            queries("reads/views")["awaited_orders"], [limit], binary=True
        ).fetchall()
        owners = (
            awaiting_order.owners(cursor, [order_id for order_id, _, _ in waiting])
            if waiting
            else {}
        )
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
    return dict(raw(connection).execute(queries("reads/views")["purged"]).fetchall())


class UnknownCodeCounts(NamedTuple):
    """Carriers' codes that no table has, and the reports that carried them."""

    codes: int
    reports: int


def unknown_codes(connection: Database) -> UnknownCodeCounts:
    """How many codes are unknown."""
    return UnknownCodeCounts(*one_row(connection, "unknown_codes"))
