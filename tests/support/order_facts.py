"""What a shop sends: orders, deliveries and returns as webhook envelopes (plain dicts)."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

MERCHANT = "64c1f08be27d930011ab5e10"
MEMBER = "64d20b7741f3a90019c0de42"
OTHER_MEMBER = "64d20b7741f3a90019c0de43"
ORDER = "6633a7d1c95e4b0012f7a1b8"
HOME = "tw_tcat_roomtemp"
STORE = "tw_711_pay"

Event = dict[str, Any]
Json: TypeAlias = Any
"""Whatever JSON can hold: a field as upstream sends it."""


def some_id(name: str) -> str:
    """An id of upstream's form (24 hexadecimal digits), the same for the same name."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def day(text: str) -> str:
    """Short for an instant of 2024 in Taipei: "12-01" or "12-01 09:30", or with a year."""
    text = text if text[:4].isdigit() and text[4] == "-" else f"2024-{text}"
    moment = datetime.fromisoformat(f"{text}+08:00" if " " in text else f"{text} 00:00+08:00")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def later(moment: str, **by: float) -> str:
    """An instant so much later, such as `days=3`."""
    return (datetime.fromisoformat(moment) + timedelta(**by)).isoformat().replace("+00:00", "Z")


def money(amount: int, currency: str = "TWD") -> dict[str, Any]:
    """An amount in minor units, as upstream writes it."""
    return {
        "cents": amount,
        "currency_symbol": "$",
        "currency_iso": currency,
        "label": str(amount),
        "dollars": float(amount),
    }


def envelope(
    topic: str, resource: dict[str, Any], *, ts: int | str | None = None, merchant: str = MERCHANT
) -> Event:
    """The webhook's envelope: the newer form with a `ts` (nanoseconds), else the older one."""
    event: Event = {
        "event": topic.partition("/")[0],
        "topic": topic,
        "merchant_id": merchant,
        "resource": resource,
    }
    if ts is not None:
        event |= {"trace_id": "b08e1f37-55d4-4c6a-9f12-6ad3c8e7714b", "ts": str(ts)}
    return event


def parcel(
    status: str, option: str | None = HOME, *, parcel_id: str = "first", **fields: Json
) -> dict[str, Any]:
    """An `order_delivery`, as it is in an order or alone."""
    return {
        "id": some_id(parcel_id),
        "platform": option,
        "status": status,
        "delivery_status": "pending",
    } | fields


ARRIVED: Json = {
    "order_delivery": parcel(
        "arrived", arrived_at=day("12-01 15:00"), updated_at=day("12-01 15:00")
    )
}
"""What an order says of its parcel that came on 1 December, at three in the afternoon."""


def order(
    *,
    subtotal: int = 1000,
    created: str = "",
    updated: str = "",
    status: str = "confirmed",
    member: str | None = MEMBER,
    order_id: str = ORDER,
    merchant: str = MERCHANT,
    topic: str = "order/update",
    currency: str = "TWD",
    ts: int | None = None,
    **fields: Json,
) -> Event:
    """A whole order record.

    Created on 29 November 2024 by default; `fields` are added to the resource.
    """
    created = created or day("11-29")
    resource: Event = {
        "id": order_id,
        "status": status,
        "customer_id": member,
        "is_guest_checkout": False,
        "created_by": "shop",
        "currency_iso": currency,
        "subtotal": money(subtotal, currency),
        "order_discount": money(0, currency),
        "custom_discount_items": [],
        "created_at": created,
        "updated_at": updated or created,
    } | fields
    return envelope(topic, resource, ts=ts, merchant=merchant)


def delivery(
    status: str,
    updated: str,
    *,
    option: str | None = HOME,
    parcel_id: str = "first",
    order_id: str = ORDER,
    merchant: str = MERCHANT,
    ts: int | None = None,
    **fields: Json,
) -> Event:
    """An `order_delivery/update`: one parcel of an order, by itself."""
    resource = parcel(status, option, parcel_id=parcel_id, **fields) | {
        "order_id": order_id,
        "updated_at": updated,
    }
    return envelope("order_delivery/update", resource, ts=ts, merchant=merchant)


def returned(
    total: int,
    updated: str,
    *,
    status: str = "completed",
    return_id: str = "first return",
    order_id: str = ORDER,
    merchant: str = MERCHANT,
    topic: str = "return_order/update",
    requested: str | None = None,
    **fields: Json,
) -> Event:
    """A return order, requested when it was updated by default; `fields` are added to it."""
    resource = {
        "id": some_id(return_id),
        "order_id": order_id,
        "status": status,
        "total": money(total),
        "created_at": requested or updated,
        "updated_at": updated,
    }
    return envelope(topic, resource | fields, merchant=merchant)


def removed(at: str, *, order_id: str = ORDER, merchant: str = MERCHANT) -> Event:
    """An `order/remove` with nothing but the id; its version is the envelope's `ts`."""
    nanoseconds = int(datetime.fromisoformat(at).timestamp()) * 1_000_000_000
    return envelope("order/remove", {"id": order_id}, ts=nanoseconds, merchant=merchant)


def settings(
    *,
    effective: str = "2019-01-01T00:00:00Z",
    earn: dict[str, Any] | None = None,
    entitlement: dict[str, Any] | None = None,
    **top: Json,
) -> dict[str, Any]:
    """A settings document: $10 = 1 point, three days, expiry on 31 December.

    `earn` and `top` replace parts.
    """
    rules = {
        "rules": [{"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None}],
        "channels": ["ec", "retail"],
        "pending_days": 3,
        "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
    }
    return {
        "timezone": "Asia/Taipei",
        "currency": "TWD",
        "languages": ["en"],
        "enabled": True,
        "entitlement": entitlement
        or {"plan": "enterprise", "app_installed": True, "modules": ["crm_credits"]},
        "earn": rules | (earn or {}),
        "effective_at": effective,
    } | top


def bytes_of(event: Event) -> bytes:
    """The event as it is in a topic."""
    return json.dumps(event, ensure_ascii=False).encode()
