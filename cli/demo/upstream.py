"""What the sample days send: the shapes of upstream's and the carriers' records, filled in."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from schemas.ids import micros
from schemas.money import FRACTION_DIGITS, minor_units

SYMBOLS: Final = {"TWD": "NT$", "HKD": "HK$", "SGD": "S$", "USD": "US$"}
EVENT_NAMES: Final = {
    "order": "Order",
    "order_delivery": "OrderDelivery",
    "return_order": "ReturnOrder",
    "user": "User",
    "application": "Application",
}
REPORT_FIELDS: Final = (
    "carrier",
    "service",
    "code",
    "text",
    "merchant_id",
    "order_id",
    "return_leg",
)
_ON_THE_WAY: Final = ("pending", "shipped")
Json = dict[str, Any]


def envelope(event: str, merchant: str, resource: Json, at: datetime) -> bytes:
    """The webhook around a resource.

    `ts` comes from what it says, so that a repeat is the same to the byte.
    """
    digest = hashlib.sha256(orjson.dumps(resource)).hexdigest()
    trace = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    return orjson.dumps(
        {
            "event": EVENT_NAMES[event.partition("/")[0]],
            "topic": event,
            "merchant_id": merchant,
            "resource": resource,
            "trace_id": trace,
            "ts": str(micros(at) * 1000 + int(digest[:6], 16)),
        }
    )


def carrier_report(content: Mapping[str, Any], number: str, person: str, at: datetime) -> bytes:
    """A carrier's report: no envelope, seldom a merchant.

    What carriers add about people is in `raw`.
    """
    own = {name: content[name] for name in REPORT_FIELDS if name in content}
    return orjson.dumps(
        {**own, "tracking_number": number, "occurred_at": text(at), "raw": {"signed_by": person}}
    )


def command(
    command_id: str, type_: str, merchant: str, member: str, own: Mapping[str, Any], at: datetime
) -> bytes:
    """A command on a member's points; `own` has the fields of its type."""
    head = {
        "command_id": command_id,
        "type": type_,
        "merchant_id": merchant,
        "member_id": member,
        "performer": {"kind": "staff" if type_ == "assign" else "system", "id": "points demo"},
        "issued_at": text(at),
    }
    return orjson.dumps(head | dict(own))


def customer(
    member: str,
    personal: tuple[str, str, str],
    created: datetime,
    registered: datetime,
    at: datetime,
) -> Json:
    """A customer who became a member at `registered`; `personal` are name, phone and e-mail."""
    name, phone, email = personal
    return {
        "id": member,
        "status": "active",
        "is_member": True,
        "registered_at": text(registered),
        "locale_code": "en",
        "created_at": text(created),
        "updated_at": text(at),
        "name": name,
        "email": email,
        "mobile_phone": phone,
        "birthday": "1990-01-01",
    }


def application(
    application_id: str, merchant: str, installed: datetime, at: datetime, *, removed: bool
) -> Json:
    """An app's installation in a shop, and its end."""
    return {
        "_id": f"{merchant[:-4]}a901",
        "application_id": application_id,
        "merchant_id": merchant,
        "installed_by": "MERCHANT",
        "app_settings": {"app_scripts_activated": False},
        "authorized_at": text(installed),
        "created_at": text(installed),
        "deleted_at": text(at) if removed else None,
        "updated_at": text(at),
    }


def move(delivery: Json, status: str, at: datetime) -> None:
    """The delivery is in that status since then.

    One that is on its way, also again, never arrived.
    """
    delivery["status"] = status
    delivery["updated_at"] = text(at)
    if f"{status}_at" in delivery:
        delivery[f"{status}_at"] = text(at)
    if status in _ON_THE_WAY:
        delivery["arrived_at"] = delivery["collected_at"] = None


def money(amount: str, currency: str) -> Json:
    """Money as upstream writes it; `cents` are minor units of the currency."""
    symbol, digits = SYMBOLS[currency], FRACTION_DIGITS[currency]
    return {
        "cents": minor_units(Decimal(amount), currency),
        "currency_symbol": symbol,
        "currency_iso": currency,
        "label": f"{symbol}{Decimal(amount):,.{digits}f}",
        "dollars": float(amount),
    }


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """A template with its placeholders filled in."""
    if isinstance(value, dict):
        return {name: filled(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, words) for each in value]
    return words.get(value, value) if isinstance(value, str) else value


def text(at: datetime) -> str:
    """An instant as upstream writes it."""
    return at.isoformat(timespec="milliseconds")
