"""Upstream's resources as the records that facts are folded from (rules.md 1, 2.3, 7)."""

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Any

import orjson

from rules.order.facts import DeliveryKey, OrderRecord, ParcelRecord, ReturnOrder
from rules.order.family import MOST_SOURCES, FamilyRecord
from rules.order.numbers import LONGEST_NUMBER, field_of
from rules.order.trail import Version
from schemas.ids import EPOCH, Micros
from schemas.packing import pack_id
from schemas.upstream.base import INT64, LONGEST_ID, Money
from schemas.upstream.envelope import Envelope, Unreadable
from schemas.upstream.resources import (
    ApplicationResource,
    CustomerResource,
    DeliveryData,
    DeliveryResource,
    OrderResource,
    PointSummary,
    RemovedOrder,
    ReturnResource,
)

_FAMILY = frozenset({"parent_order_id", "combined_from_orders", "combined_to_order_id"})
PICKUP_TYPES = frozenset({"pickup", "store_pickup"})
NANOS_PER_MICRO = 1000
COARSE_TICK = 1_000_000
"""A `ts` of whole milliseconds may repeat; finer ones come from a nanosecond clock and are unique
by themselves.
"""
_DROPPED = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})
"""Unicode's categories of blanks, what is not seen, and dashes. The minus sign, a symbol there, is
dropped too.
"""
_MINUS = "\N{MINUS SIGN}"
_ADDRESS = re.compile(r"(?:\w+://|www\.)[^\s,;、]+", re.IGNORECASE)
_BETWEEN_TOKENS = re.compile(r"[/?=&#:]+")
_BETWEEN_NUMBERS = re.compile(r"[\s/,;、]+")


def version_of(
    envelope: Envelope[Any], updated_at: Micros | None, received_ts: Micros, value: bytes
) -> Version:
    """The version of a record: its time, `ts`, digest (rules.md 7).

    The time is its own `updated_at`, else `ts`, else the record's timestamp in Kafka. The digest
    costs more than reading the record, so it is made only where two records could tie without it.
    Raises Unreadable for a `ts` that is no number and for JSON that is none.
    """
    ts = _nanoseconds(envelope)
    at = updated_at if updated_at is not None else (ts // NANOS_PER_MICRO if ts else received_ts)
    if ts % COARSE_TICK:
        return Version(at, ts)
    try:
        return Version(at, ts, resource_digest(value))
    except orjson.JSONDecodeError:
        # The envelope's reader lets NaN, Infinity and endless numbers pass in fields that are not
        # needed.
        wrong = "The value is not JSON: a number such as NaN or 1e999 has no place in it."
        raise Unreadable("not_json", wrong, envelope.merchant_id) from None


def _nanoseconds(envelope: Envelope[Any]) -> int:
    if envelope.ts is None:
        return 0
    try:
        ts = int(envelope.ts)
    except ValueError:
        ts = -1
    if not 0 <= ts < INT64:
        raise Unreadable(
            "wrong_type",
            "ts: must be nanoseconds since 1970 as a string of digits",
            envelope.merchant_id,
        )
    return ts


def resource_digest(value: bytes) -> int:
    """The first 8 bytes of the SHA-256 of the canonical resource.

    Canonical is JSON with sorted keys, without spaces, in UTF-8.
    """
    canonical = orjson.dumps(orjson.loads(value)["resource"], option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.sha256(canonical).digest()[:8], "big")


def order_record(order: OrderResource, version: Version, *, removed: bool) -> OrderRecord:
    """The facts of a full order record.

    Raises Unreadable when its amounts add up beyond 64 bits.
    """
    items = order.custom_discount_items
    custom = sum([_cents(item.total) for item in items]) if items else 0
    if not -INT64 <= custom < INT64:
        raise Unreadable(
            "amount_too_large", "custom_discount_items: the totals add up beyond 64 bits"
        )
    summary, delivery = order.member_point_summary, order.order_delivery
    days, points = (
        (summary.pending_days, summary.earned_points)
        if isinstance(summary, PointSummary)
        else (None, None)
    )
    return OrderRecord(
        version,
        instant_of(order.created_at),
        "removed" if removed else (order.status or ""),
        pack_id(order.customer_id) if order.customer_id else None,
        order.is_guest_checkout is True,
        order.created_by,
        order.kind,
        order.currency_iso or order.subtotal.currency_iso,
        order.subtotal.cents,
        _cents(order.order_discount),
        custom,
        _cents(order.order_points_to_cash),
        _cents(order.user_credit),
        micros_of(order.completed_at),
        _delivery_key(order),
        _number_in(order.delivery_data),
        None if delivery is None else pack_id(delivery.id),
        days,
        points,
    )


def family_of(order: OrderResource) -> FamilyRecord | None:
    """What the record says of the orders it comes from, or went into; None when nothing.

    An order that names itself names none.
    """
    said = order.model_fields_set & _FAMILY
    if not said:
        return None
    parent = sources = combined_to = None
    if "parent_order_id" in said:
        parent = _other_id(order.parent_order_id, order.id)
    if "combined_from_orders" in said:
        sources = _sources(order.combined_from_orders, order.id)
    if "combined_to_order_id" in said:
        combined_to = _other_id(order.combined_to_order_id, order.id)
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


def tier_of(order: OrderResource) -> str | None:
    """The membership tier that the record names."""
    return order.membership_tier_data.id if order.membership_tier_data is not None else None


def parcel_record(delivery: DeliveryResource, version: Version) -> ParcelRecord:
    """The facts of an `order_delivery`.

    `status` counts; of the logistics state only `failed` does (rules.md 2.5, 6).
    """
    return ParcelRecord(
        version,
        pack_id(delivery.id),
        delivery.status or "",
        delivery.platform,
        delivery.delivery_type in PICKUP_TYPES,
        delivery.delivery_status == "failed",
        micros_of(delivery.arrived_at),
        micros_of(delivery.collected_at),
        micros_of(delivery.returned_at),
        _number(delivery.tracking_number) or _number_in(delivery.delivery_data),
    )


def return_order(resource: ReturnResource, version: Version) -> ReturnOrder:
    """The facts of a return order."""
    return ReturnOrder(pack_id(resource.id), version, resource.status or "", _cents(resource.total))


def own_micros(
    resource: OrderResource
    | DeliveryResource
    | ReturnResource
    | RemovedOrder
    | CustomerResource
    | ApplicationResource,
) -> Micros | None:
    """The resource's own `updated_at`."""
    return micros_of(resource.updated_at)


def normalised(number: str) -> bytes:
    """A tracking number as it is compared (rules.md 6).

    Without blanks and hyphens and without punctuation at its ends, in capitals, full width made
    plain; of a tracking page's address the last token. Empty when nothing remains, or more than any
    carrier's number has.
    """
    plain = number.isascii()
    if not plain:
        number = unicodedata.normalize("NFKC", number)
    if not number.isalnum():
        number = "".join(
            [
                c
                for c in _without_addresses(number)
                if unicodedata.category(c) not in _DROPPED and c != _MINUS
            ]
        )
        number = _trimmed(number)
    capitals = number.upper()
    packed = (capitals if plain else unicodedata.normalize("NFKC", capitals)).encode()
    return packed if len(packed) <= LONGEST_NUMBER else b""


def numbers_in(text: str) -> bytes | None:
    """What a field says for a tracking number: the whole of it, and each number in it (rules.md 6).

    As it is kept (rules/order/numbers.py); None when it is none.
    """
    whole = normalised(text)
    if text.isalnum():
        return whole or None
    parted = _without_addresses(unicodedata.normalize("NFKC", text))
    tokens = [part for part in _BETWEEN_NUMBERS.split(parted) if any(c.isdigit() for c in part)]
    return field_of(whole, [number for token in tokens if (number := normalised(token))])


def _without_addresses(text: str) -> str:
    """The text with the last token in place of each tracking page's address."""
    if "://" not in text and "www." not in text.lower():
        return text
    return _ADDRESS.sub(lambda address: _last_token(address[0]), text)


def _last_token(address: str) -> str:
    """The last token of an address that may be a number, else its last one."""
    tokens = [token for token in _BETWEEN_TOKENS.split(address) if _trimmed(token)]
    numbers = [token for token in tokens if any(c.isdigit() for c in token)]
    return (numbers or tokens or [""])[-1]


def _trimmed(text: str) -> str:
    """The text without what is neither letter nor digit at its ends."""
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return text[start:end]


def _number(number: object) -> bytes | None:
    """A tracking number as upstream wrote it, a text or an integer, normalised.

    None when it is none.
    """
    if isinstance(number, str):
        return numbers_in(number)
    return normalised(str(number)) or None if type(number) is int else None


def _number_in(data: object) -> bytes | None:
    return _number(data.tracking_number) if isinstance(data, DeliveryData) else None


def _delivery_key(order: OrderResource) -> DeliveryKey:
    if order.order_delivery is not None:
        return DeliveryKey.PRESENT
    return DeliveryKey.NULL if "order_delivery" in order.model_fields_set else DeliveryKey.ABSENT


def _cents(money: Money | None) -> int:
    return money.cents if money is not None else 0


def instant_of(moment: datetime) -> Micros:
    """The instant of a validated time."""
    # As schemas.ids.micros; a validated time has an offset, so this spares the check and the
    # division.
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


def micros_of(moment: datetime | None) -> Micros | None:
    """As `instant_of`, of a time that may be missing."""
    return None if moment is None else instant_of(moment)
