"""Carriers' reports without an order, as people see them (SPEC 6): unmatched, ambiguous, awaited, forgotten."""

from typing import Any, NamedTuple

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
from store.reads.order import as_fact
from store.reads.snapshot import Database, snapshot
from store.settings.merchants import Merchants


class Parked(NamedTuple):
    """Carriers' reports without an order (SPEC 6): how many, and since when the oldest waits (None: there are none).

    `unmatched`: tracking numbers that no order names. `ambiguous`: numbers with reports that fit
    several orders. `awaiting`: reports that name an order themselves, which is not known, or known
    of several merchants.
    """

    unmatched: int
    unmatched_since: Micros | None
    ambiguous: int
    ambiguous_since: Micros | None
    awaiting: int
    awaiting_since: Micros | None


def parked(connection: Database) -> Parked:
    """How many reports have no order."""
    return Parked(*_one_row(connection, "parked"))


class Claimant(NamedTuple):
    """An order that named an ambiguous number: whether it still does, and what it says of itself."""

    merchant_id: str
    order_id: str
    names_it: bool
    created_at: Micros | None
    status: str


class Contested(NamedTuple):
    """A tracking number with reports that fit several orders.

    `crowded`: so many named it that it is none.
    """

    number: bytes
    since: Micros
    crowded: bool
    orders: list[Claimant]
    reports: list[CarrierReport]


class Awaited(NamedTuple):
    """An order id that reports name without a merchant, and the merchants that have such an order: none, or several."""

    order_id: str
    since: Micros
    reports: int
    merchants: list[str]


def contested(connection: Database, limit: int) -> list[Contested]:
    """Numbers with ambiguous reports, those that wait longest first."""
    sql, words, ids = queries("carriers/parked"), InternedStrings(connection), Merchants(connection)
    with snapshot(connection) as cursor:
        found = cursor.execute(sql["ambiguous_numbers"], [limit], binary=True).fetchall()
        rows = tracking.read(cursor, sorted(number for number, _ in found))
        keys = sorted({key for row in rows.values() for key in row.claims})
        columns_ = [int4s([m for m, _ in keys]), byteas([o for _, o in keys])]
        orders = read_rows(
            cursor, cursor.execute(sql["orders"], columns_, binary=True).fetchall(), words
        )
        return [_contested(rows[number], since, orders, ids, words) for number, since in found]


def _contested(
    row: TrackingRow,
    since: Micros,
    orders: dict[OrderKey, OrderRow],
    ids: Merchants,
    words: InternedStrings,
) -> Contested:
    claimants = [
        Claimant(
            ids.merchant_id(key[0]), unpack_id(key[1]), row.number in numbers_of(orders[key].facts),
            r.created_at if (r := orders[key].facts.record) is not None else None, r.status if r is not None else "",
        )
        for key in row.claims if key in orders
    ]  # fmt: skip
    reports = sorted(
        as_fact(one, row.number) for one in tracking.unpack_reports(row.reports.items(), words)
    )
    return Contested(row.number, since, bool(row.flags & tracking.CROWDED), claimants, reports)


def awaited(connection: Database, limit: int) -> list[Awaited]:
    """Order ids that reports name without a merchant, those that wait longest first."""
    ids = Merchants(connection)
    with snapshot(connection) as cursor:
        found = cursor.execute(
            queries("carriers/parked")["awaited_orders"], [limit], binary=True
        ).fetchall()
        owners = (
            awaiting_order.owners(cursor, [order_id for order_id, _, _ in found]) if found else {}
        )
    return [
        Awaited(
            unpack_id(order_id),
            since,
            reports,
            sorted(ids.merchant_id(number) for number, _ in owners[order_id]),
        )
        for order_id, reports, since in found
    ]


def purged(connection: Database) -> dict[str, int]:
    """How many reports without an order were forgotten after 180 days, by kind."""
    return dict(raw(connection).execute(queries("carriers/parked")["purged"]).fetchall())


class UnknownCodes(NamedTuple):
    """Carriers' codes that stand in no table, and the reports that carried them."""

    codes: int
    reports: int


def unknown_codes(connection: Database) -> UnknownCodes:
    """How many codes nobody knows."""
    return UnknownCodes(*_one_row(connection, "unknown_codes"))


def _one_row(connection: Database, name: str) -> tuple[Any, ...]:
    """The one row of a statement without parameters."""
    row = raw(connection).execute(queries("carriers/parked")[name]).fetchone()
    if row is None:
        raise LookupError(f"{name}: no answer")
    return row
