"""Which carrier reports are about which parcel: by order, else by tracking number (rules.md 6)."""

from collections.abc import Mapping
from datetime import timedelta

from tests.oracle.carriers import Statement, statement_of
from tests.oracle.records import Order
from tests.oracle.upstream import Report, comparable

Key = tuple[str, str]
REACH = timedelta(days=180)


def numbers(order: Order) -> dict[str, str]:
    """Parcel to the tracking number that it has by its newest record ("" for none).

    A number in the order's `delivery_data` is its nested parcel's, or its only parcel's.
    """
    newest = order.newest() or {}
    of_order = comparable((newest.get("delivery_data") or {}).get("tracking_number"))
    nested = (newest.get("order_delivery") or {}).get("id")
    parcels = order.parcels()
    numbers_by_parcel = {}
    for parcel, records in parcels.items():
        own = comparable(records[-1].what.get("tracking_number"))
        numbers_by_parcel[parcel] = own or (
            of_order if parcel == nested or len(parcels) == 1 else ""
        )
    return numbers_by_parcel


def claimed(order: Order) -> set[str]:
    """All numbers that reports may find the order by.

    One without a parcel yet has the number in its `delivery_data`.
    """
    by_parcel = numbers(order)
    if not by_parcel:
        newest = order.newest() or {}
        by_parcel = {"": comparable((newest.get("delivery_data") or {}).get("tracking_number"))}
    return {number for number in by_parcel.values() if number}


def within_reach(order: Order, report: Report) -> bool:
    """Within 180 days between the creation and the report; a creation not known yet may be any."""
    created = order.created()
    return created is None or abs(report.at - created) <= REACH


def order_of(
    report: Report, orders: Mapping[Key, Order], having: Mapping[str, list[Key]]
) -> Key | None:
    """The one order that the report is about; None for none or several.

    `having` are the orders of each number.
    """
    if report.order is not None:
        matches = [key for key in orders if key[1] == report.order]
    else:
        matches = [
            key for key in having.get(report.number, ()) if within_reach(orders[key], report)
        ]
    matches = [key for key in matches if report.merchant in (None, key[0])]
    return matches[0] if len(matches) == 1 else None


def match_reports(
    orders: Mapping[Key, Order], reports: list[Report]
) -> dict[Key, dict[str, list[Statement]]]:
    """What carriers say of each order's parcels."""
    having: dict[str, list[Key]] = {}
    for key, order in orders.items():
        for number in claimed(order):
            having.setdefault(number, []).append(key)
    statements: dict[Key, dict[str, list[Statement]]] = {key: {} for key in orders}
    for report in reports:
        match = order_of(report, orders, having)
        if match is not None:
            for parcel in parcels_of(report, numbers(orders[match])):
                statements[match].setdefault(parcel, []).append(statement_of(report))
    return statements


def parcels_of(report: Report, of: dict[str, str]) -> list[str]:
    """The parcels that a report of an order with these numbers is about.

    By number, else the only one.
    """
    parcels = [parcel for parcel, number in of.items() if number and number == report.number]
    return list(of) if not parcels and report.order is not None and len(of) == 1 else parcels
