"""Which carrier reports are about which parcel: by order, else by tracking number (rules.md 6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.oracle.carriers import Statement, statement_of
from tests.oracle.records import Order
from tests.oracle.upstream import Report, comparable, each_number

Key = tuple[str, str]
REACH = timedelta(days=180)


class Field(NamedTuple):
    """What a record says for a tracking number: the whole of it, and each number in it."""

    whole: str
    each: tuple[str, ...]


NO_NUMBER = Field("", ())


def field_in(text: str | int | None) -> Field:
    """The field of a text; without any number it is NO_NUMBER."""
    return Field(comparable(text), tuple(each_number(text)))


def fields(order: Order) -> dict[str, Field]:
    """Parcel to the tracking field that it has by its newest record.

    A number in the order's `delivery_data` is its nested parcel's, or its only parcel's.
    """
    newest = order.newest() or {}
    of_order = field_in((newest.get("delivery_data") or {}).get("tracking_number"))
    nested = (newest.get("order_delivery") or {}).get("id")
    parcels = order.parcels()
    by_parcel = {}
    for parcel, records in parcels.items():
        own = field_in(records[-1].what.get("tracking_number"))
        if own == NO_NUMBER and (parcel == nested or len(parcels) == 1):
            own = of_order
        by_parcel[parcel] = own
    return by_parcel


def claimed(order: Order) -> set[str]:
    """All numbers that reports may find the order by.

    One without a parcel yet has the number in its `delivery_data`.
    """
    by_parcel = fields(order)
    if not by_parcel:
        newest = order.newest() or {}
        by_parcel = {"": field_in((newest.get("delivery_data") or {}).get("tracking_number"))}
    numbers = {number for field in by_parcel.values() for number in (field.whole, *field.each)}
    return numbers - {""}


def first_named(order: Order) -> dict[str, datetime]:
    """When the first record was that named each number."""
    since: dict[str, datetime] = {}
    for record in (*order.records("order"), *order.records("parcel")):
        texts = [record.what.get("tracking_number")] if record.kind == "parcel" else []
        texts += [(record.what.get("delivery_data") or {}).get("tracking_number")]
        for field in map(field_in, texts):
            for number in {field.whole, *field.each} - {""}:
                since[number] = min(record.version[0], since.get(number, record.version[0]))
    return since


def may_be_meant(order: Order, report: Report) -> bool:
    """Whether the order is old enough, and 180 days at most lie between (rules.md 6, D18)."""
    if abs(report.at - first_named(order)[report.number]) > REACH:
        return False
    created, newest = order.created(), order.newest() or {}
    return created is None or created <= report.at or newest.get("created_by") == "import"


def orders_of(
    report: Report, orders: Mapping[Key, Order], having: Mapping[str, list[Key]]
) -> list[Key]:
    """The orders that the report is about, in each merchant by itself.

    `having` are the orders of each number. Several of one member are one box; of several members
    none is meant.
    """
    if report.order is not None:
        return [key for key in orders if key[1] == report.order and names(report, key)]
    by_merchant: dict[str, list[Key]] = {}
    for key in having.get(report.number, ()):
        if names(report, key) and may_be_meant(orders[key], report):
            by_merchant.setdefault(key[0], []).append(key)
    meant: list[Key] = []
    for keys in by_merchant.values():
        members = {(orders[key].newest() or {}).get("customer_id") for key in keys}
        if len(keys) == 1 or (len(members) == 1 and None not in members):
            meant += keys
    return meant


def names(report: Report, key: Key) -> bool:
    """Whether the report leaves the merchant open, or names this one."""
    return report.merchant in (None, key[0])


def match_reports(
    orders: Mapping[Key, Order], reports: list[Report]
) -> dict[Key, dict[str, list[list[Statement]]]]:
    """What carriers say of each box of each order's parcels."""
    having: dict[str, list[Key]] = {}
    for key, order in orders.items():
        for number in claimed(order):
            having.setdefault(number, []).append(key)
    matched: dict[Key, list[Report]] = {key: [] for key in orders}
    for report in reports:
        for key in orders_of(report, orders, having):
            matched[key].append(report)
    return {key: by_box(orders[key], matched[key]) for key in orders}


def by_box(order: Order, reports: list[Report]) -> dict[str, list[list[Statement]]]:
    """The statements about each parcel, for each number in its field.

    A report of the whole field makes it one number. A report that names the order and none of its
    numbers is about its only parcel, and about none when there are several.
    """
    boxes = {
        parcel: (field.whole,)
        if not field.each or any(report.number == field.whole for report in reports)
        else field.each
        for parcel, field in fields(order).items()
    }
    known = {number for numbers in boxes.values() for number in numbers if number}
    statements: dict[str, list[list[Statement]]] = {}
    for parcel, numbers in boxes.items():
        for number in numbers:
            about = [
                statement_of(report)
                for report in reports
                if (number and report.number == number)
                or (report.order is not None and report.number not in known and len(boxes) == 1)
            ]
            statements.setdefault(parcel, []).append(about)
    return statements
