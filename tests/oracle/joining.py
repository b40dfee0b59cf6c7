"""Which carrier reports are about which parcel (SPEC 6): by the order they name, else by tracking number."""

from collections.abc import Mapping
from datetime import timedelta

from tests.oracle.carriers import Word, word_of
from tests.oracle.records import Order, by_thing
from tests.oracle.upstream import Report, comparable

Key = tuple[str, str]
REACH = timedelta(days=180)


def numbers(order: Order) -> dict[str, str]:
    """Parcel to the tracking number that it has by the newest word ("" for none).

    A number that the order names beside its delivery is its nested parcel's, or its only parcel's.
    """
    newest = order.newest() or {}
    beside = comparable((newest.get("delivery_data") or {}).get("tracking_number"))
    nested = (newest.get("order_delivery") or {}).get("id")
    parcels = by_thing(order.records("parcel"))
    found = {}
    for parcel, records in parcels.items():
        own = comparable(records[-1].what.get("tracking_number"))
        found[parcel] = own or (beside if parcel == nested or len(parcels) == 1 else "")
    return found


def claimed(order: Order) -> set[str]:
    """All numbers that reports may find the order by; one without a parcel yet has the number beside its delivery."""
    found = numbers(order)
    if not found:
        newest = order.newest() or {}
        found = {"": comparable((newest.get("delivery_data") or {}).get("tracking_number"))}
    return {number for number in found.values() if number}


def order_of(report: Report, orders: Mapping[Key, Order]) -> Key | None:
    """The one order that the report is about; None for none or several."""
    keys = [key for key in orders if report.merchant in (None, key[0])]
    if report.order is not None:
        matches = [key for key in keys if key[1] == report.order]
    else:
        matches = [key for key in keys if report.number in claimed(orders[key]) and within_reach(orders[key], report)]
    return matches[0] if len(matches) == 1 else None


def within_reach(order: Order, report: Report) -> bool:
    """Within 180 days between the creation and the report; a creation not known yet may be any."""
    created = order.created()
    return created is None or abs(report.at - created) <= REACH


def words_of_parcels(key: Key, orders: Mapping[Key, Order], reports: list[Report]) -> dict[str, list[Word]]:
    """Parcel to its carriers' words."""
    of = numbers(orders[key])
    found: dict[str, list[Word]] = {parcel: [] for parcel in of}
    for report in reports:
        if order_of(report, orders) != key:
            continue
        parcels = [parcel for parcel, number in of.items() if number and number == report.number]
        if not parcels and report.order is not None and len(of) == 1:
            parcels = list(of)
        for parcel in parcels:
            found[parcel].append(word_of(report))
    return found
