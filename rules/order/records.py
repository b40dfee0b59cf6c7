"""Upstream's resources as the records that facts are folded from (rules.md 1, 2.3, 7)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rules.order.facts import (
    NO_TIER,
    NOT_EARNING_KINDS,
    ORDER_KEYS,
    PARCEL_KEYS,
    RETURN_KEYS,
    DeliveryKey,
    Keys,
    OrderRecord,
    ParcelRecord,
    ReturnOrder,
)
from rules.order.family import MOST_SOURCES, FamilyRecord
from rules.order.numbers import normalised, numbers_in
from rules.order.options import PICKUP_TYPES
from rules.order.trail import ENDS, Version
from rules.order.versions import given_micros, instant_of
from schemas.packing import pack_id
from schemas.upstream.base import INT64, LONGEST_ID, Money
from schemas.upstream.resources import (
    DeliveryData,
    DeliveryResource,
    OrderResource,
    ReturnItem,
    ReturnResource,
)

_FAMILY = frozenset(
    {"parent_order_id", "return_from_order_id", "combined_from_orders", "combined_to_order_id"}
)


def _bit(keys: Keys, field: str) -> int:
    return next(bit for bit, fields in keys.items() if field in fields)


_ORDER_BITS = {
    "status": _bit(ORDER_KEYS, "status"),
    "customer_id": _bit(ORDER_KEYS, "member"),
    "is_guest_checkout": _bit(ORDER_KEYS, "guest"),
    "created_by": _bit(ORDER_KEYS, "created_by"),
    "kind": _bit(ORDER_KEYS, "kind"),
    "currency_iso": _bit(ORDER_KEYS, "currency"),
    "subtotal": _bit(ORDER_KEYS, "subtotal"),
    "order_discount": _bit(ORDER_KEYS, "order_discount"),
    "custom_discount_items": _bit(ORDER_KEYS, "custom_discount"),
    "order_points_to_cash": _bit(ORDER_KEYS, "points_to_cash"),
    "user_credit": _bit(ORDER_KEYS, "user_credit"),
    "completed_at": _bit(ORDER_KEYS, "completed_at"),
    "order_delivery": _bit(ORDER_KEYS, "delivery_key"),
    "member_point_summary": _bit(ORDER_KEYS, "summary_points"),
    "order_points": _bit(ORDER_KEYS, "order_points"),
}
_PARCEL_BITS = {
    "status": _bit(PARCEL_KEYS, "status"),
    "platform": _bit(PARCEL_KEYS, "option"),
    "delivery_type": _bit(PARCEL_KEYS, "pickup"),
    "delivery_status": _bit(PARCEL_KEYS, "failed"),
    "arrived_at": _bit(PARCEL_KEYS, "arrived_at"),
    "collected_at": _bit(PARCEL_KEYS, "collected_at"),
    "returned_at": _bit(PARCEL_KEYS, "returned_at"),
    "return_order_id": _bit(PARCEL_KEYS, "by_return"),
}
_RETURN_BITS = {
    "status": _bit(RETURN_KEYS, "status"),
    "total": _bit(RETURN_KEYS, "total"),
    "items": _bit(RETURN_KEYS, "items"),
    "created_at": _bit(RETURN_KEYS, "requested_at"),
}
_STATUS, _DELIVERY = _ORDER_BITS["status"], _ORDER_BITS["order_delivery"]
_TRACKING, _REFUNDED = _bit(ORDER_KEYS, "tracking"), _bit(ORDER_KEYS, "refunded")
_PARCEL_TRACKING = _bit(PARCEL_KEYS, "tracking")
_ENDED_ORDER = frozenset({"cancelled", "removed"})
_ENDED_PARCEL = frozenset({"returned", "expired"})


def _said(fields: Iterable[str], bits: Mapping[str, int]) -> int:
    """The keys that a record names (D19), of those in `bits`."""
    said = 0
    for field in fields:
        bit = bits.get(field)
        if bit is not None:
            said |= bit
    return said


def order_record(order: OrderResource, version: Version, *, removed: bool) -> OrderRecord:
    """The facts of a full order record."""
    said = _said(order, _ORDER_BITS)
    summary, delivery, data = order.get("member_point_summary"), order.get("order_delivery"), None
    if delivery is not None and not delivery:
        said &= ~_DELIVERY  # an empty one names nothing
    days, points = (
        (summary.get("pending_days"), summary.get("earned_points")) if summary else (None, None)
    )
    if "delivery_data" in order:
        data = order["delivery_data"]
        if data is None or "tracking_number" in data:
            said |= _TRACKING
    refunded = False
    if "order_payment" in order:
        payment = order["order_payment"]
        if payment is None or "status" in payment:
            said |= _REFUNDED
            refunded = payment is not None and payment["status"] == "refunded"
    status = order.get("status") or ""
    if removed:
        status, said = "removed", said | _STATUS
    subtotal = order.get("subtotal")
    # The subtotal's currency stands in while no record names the order's own.
    currency = order.get("currency_iso") or (subtotal.get("currency_iso") if subtotal else None)
    currency = currency.upper() if currency else None
    items = order.get("custom_discount_items")
    custom, in_currency = _sum_of([item.get("total") for item in items]) if items else (0, None)
    discount, cash, credit = (
        order.get("order_discount"),
        order.get("order_points_to_cash"),
        order.get("user_credit"),
    )
    customer = order.get("customer_id")
    return OrderRecord(
        ending(version, ends=status in _ENDED_ORDER or bool(order.get("combined_to_order_id"))),
        instant_of(order["created_at"]),
        status,
        pack_id(customer) if customer else None,
        order.get("is_guest_checkout") is True,
        order.get("created_by"),
        order.get("kind"),
        currency,
        subtotal["cents"] if subtotal else 0,
        _magnitude(discount),
        custom,
        _magnitude(cash),
        _magnitude(credit),
        given_micros(order.get("completed_at")),
        _PRESENT if delivery else _NULL if said & _DELIVERY else _ABSENT,
        _number_in(data),
        pack_id(delivery["id"]) if delivery else None,
        days,
        points,
        refunded,
        _whole(order.get("order_points")),
        _currencies(
            currency,
            (_code(subtotal), _code(discount), in_currency, _code(cash), _code(credit)),
        ),
        said,
    )


def family_of(order: OrderResource) -> FamilyRecord | None:
    """What the record says of the orders it comes from, or went into; None when nothing.

    An order that names itself names none. A till's return may name its parent as the order that it
    is a return from.
    """
    if _FAMILY.isdisjoint(order):
        return None
    own, parent, sources, combined_to = order["id"], None, None, None
    if "parent_order_id" in order:
        parent = _other_id(order["parent_order_id"], own)
    if not parent and order.get("kind") in NOT_EARNING_KINDS:
        parent = _other_id(order.get("return_from_order_id"), own) or parent
    if "combined_from_orders" in order:
        sources = _sources(order["combined_from_orders"], own)
    if "combined_to_order_id" in order:
        combined_to = _other_id(order["combined_to_order_id"], own)
    return FamilyRecord(parent, sources, combined_to)


def _sources(named: object, own: str) -> tuple[bytes, ...] | None:
    """A list of ids, or of orders with their ids; None for what is neither."""
    if named is None:
        return ()
    if not isinstance(named, list):
        return None
    ids = [one.get("id") or one.get("_id") if isinstance(one, dict) else one for one in named]
    others = {_other_id(one, own) for one in ids if isinstance(one, str) and len(one) <= LONGEST_ID}
    return tuple(sorted(others - {b""})[:MOST_SOURCES])


def _other_id(order_id: str | None, own: str) -> bytes:
    named = (order_id or "").strip()
    return pack_id(named) if named and named != own else b""


def ending(version: Version, *, ends: bool) -> Version:
    """The version of a record that ends what it is about, or of one that does not (rules.md 7)."""
    digest = version.digest | ENDS if ends else version.digest & ~ENDS
    return version if digest == version.digest else Version(version.at, version.ts, digest)


def _magnitude(money: Money | None) -> int:
    """What lowers the base counts by its magnitude (D11)."""
    return min(abs(money["cents"]), INT64 - 1) if money else 0


def _whole(points: object) -> int:
    """Points redeemed, by their magnitude (D11); 0 for what is no integer of 64 bits."""
    if not isinstance(points, int) or isinstance(points, bool):
        return 0
    return min(abs(points), INT64 - 1)


SEVERAL = "several currencies"
"""The currency of a sum of amounts in several: that is never the settings' own."""


def _sum_of(amounts: Iterable[Money | None]) -> tuple[int, str | None]:
    """The sum of the magnitudes, clamped to 64 bits, and its currency."""
    total, found = 0, None
    for money in amounts:
        if money is None:
            continue
        total += abs(money["cents"])
        code = _code(money)
        if code is not None and code != found:
            found = code if found is None else SEVERAL
    return min(total, INT64 - 1), found


def _code(money: Money | None) -> str | None:
    if money is None or not money["cents"]:
        return None
    currency = money.get("currency_iso")
    return currency.upper() if currency else None


def _currencies(currency: str | None, codes: Sequence[str | None]) -> tuple[str | None, ...]:
    """The currency of each amount; empty when all are in the order's."""
    for code in codes:
        if code is not None and code != currency:
            return tuple(codes)
    return ()


def tier_of(order: OrderResource) -> str | None:
    """The membership tier that the record names; NO_TIER when it says that there is none (D19)."""
    if "membership_tier_data" not in order:
        return None
    tier = order["membership_tier_data"]
    if tier is None:
        return NO_TIER
    return (tier["id"] or NO_TIER) if "id" in tier else None


def parcel_record(delivery: DeliveryResource, version: Version) -> ParcelRecord:
    """The facts of an `order_delivery`.

    `status` counts; of the logistics state only `failed` does (rules.md 2.5, 6).
    """
    said, data = _said(delivery, _PARCEL_BITS), None
    if "tracking_number" in delivery:
        said |= _PARCEL_TRACKING
    if "delivery_data" in delivery:
        data = delivery["delivery_data"]
        if data is None or "tracking_number" in data:
            said |= _PARCEL_TRACKING
    status, failed = delivery.get("status") or "", delivery.get("delivery_status") == "failed"
    return ParcelRecord(
        ending(version, ends=failed or status in _ENDED_PARCEL),
        pack_id(delivery["id"]),
        status,
        delivery.get("platform"),
        delivery.get("delivery_type") in PICKUP_TYPES,
        failed,
        given_micros(delivery.get("arrived_at")),
        given_micros(delivery.get("collected_at")),
        given_micros(delivery.get("returned_at")),
        _number(delivery.get("tracking_number")) or _number_in(data),
        bool(delivery.get("return_order_id")),
        said,
    )


def return_order(resource: ReturnResource, version: Version) -> ReturnOrder:
    """The facts of a return order; a cancelled one is over, as an order is (rules.md 7)."""
    status, total = resource.get("status") or "", resource.get("total")
    version = ending(version, ends=status in _ENDED_ORDER)
    amounts = [_amount(item) for item in resource.get("items") or ()]
    listed, listed_in = _sum_of(amounts) if any(amounts) else (None, None)
    return ReturnOrder(
        pack_id(resource["id"]),
        version,
        status,
        None if total is None else _magnitude(total),
        _code(total),
        listed,
        listed_in,
        given_micros(resource.get("created_at")),
        version.at,
        _said(resource, _RETURN_BITS),
    )


def _amount(item: ReturnItem) -> Money | None:
    """What returned goods cost; None when the record does not say it."""
    total, price, quantity = item.get("total"), item.get("item_price"), item.get("quantity")
    if total is not None:
        return total
    if price is None or quantity is None:
        return None
    cents = max(-INT64, min(price["cents"] * quantity, INT64 - 1))
    return {"cents": cents, "currency_iso": price.get("currency_iso")}


def _number(number: object) -> bytes | None:
    """A tracking number as upstream wrote it, a text or an integer, normalised.

    None when it is none.
    """
    if isinstance(number, str):
        return numbers_in(number)
    return normalised(str(number)) or None if type(number) is int else None


def _number_in(data: DeliveryData | None) -> bytes | None:
    return _number(data.get("tracking_number")) if data else None


# Looked up once: an enumeration's member is an attribute that Python computes.
_ABSENT: Final = DeliveryKey.ABSENT
_NULL: Final = DeliveryKey.NULL
_PRESENT: Final = DeliveryKey.PRESENT
