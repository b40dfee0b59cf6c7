"""A boolean is no number at any door, though Python and pydantic take `true` for 1."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import orjson
import pytest

from schemas.campaigns import load_campaign
from schemas.commands.reading import read as read_command
from schemas.notices.document import load_notice_settings
from schemas.notices.feedback import read_feedback
from schemas.notices.points_change import read_change
from schemas.notices.shop_version import read_shop_version
from schemas.problems import DocumentError
from schemas.quotes import load_cart
from schemas.settings import load_settings
from schemas.upstream.envelope import RecordKind, Unreadable, read

AT = "2026-10-01T10:00:00Z"


def cents(number: int) -> dict[str, Any]:
    return {"cents": number, "currency_iso": "TWD"}


def enveloped(topic: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "topic": topic,
        "merchant_id": "m",
        "ts": 1_790_000_000_000_000_001,
        "resource": resource,
    }


ORDER = enveloped(
    "order/update",
    {
        "id": "o",
        "created_at": AT,
        "subtotal": cents(1000),
        "order_discount": cents(10),
        "order_points_to_cash": cents(11),
        "user_credit": cents(12),
        "custom_discount_items": [{"total": cents(13)}],
    },
)
RETURN = enveloped(
    "return_order/complete",
    {"id": "r", "order_id": "o", "total": cents(5)},
)
REPORT = {
    "carrier": "ecpay",
    "service": "tcat",
    "occurred_at": AT,
    "order_id": "o",
    "code": 3003,
    "tracking_number": 900_100,
}
CHANGE = {
    "event_id": "11111111-1111-4111-8111-111111111111",
    "type": "granted",
    "merchant_id": "m",
    "member_id": "a",
    "sequence": 7,
    "points": 100,
    "balance": {"available": 340},
    "lots": [{"lot_id": "l", "points": 100, "expires_at": AT}],
    "order_id": "o",
    "cause": {"kind": "order", "id": "o"},
    "reason": None,
    "recorded_at": AT,
}
VERSION = {
    "type": "settings_changed",
    "merchant_id": "m",
    "version": 2,
    "effective_at": AT,
    "settings": {"timezone": "Asia/Taipei", "enabled": True, "entitlement": {"plan": "enterprise"}},
}
FEEDBACK = {
    "type": "receipt",
    "notice_id": CHANGE["event_id"],
    "status": "delivered",
    "parts": 2,
    "occurred_at": AT,
}
COMMAND = {
    "command_id": "c",
    "merchant_id": "m",
    "member_id": "a",
    "performer": {"kind": "staff", "id": "s"},
    "issued_at": AT,
}
ASSIGN = COMMAND | {"type": "assign", "points": 5, "reason": "thanks"}
BULK = {k: v for k, v in ASSIGN.items() if k != "member_id"} | {
    "type": "bulk_assign",
    "job_id": "j",
    "members": ["a"],
}
HOLD = COMMAND | {"type": "hold", "hold_id": "h", "points": 5, "purpose": "cash", "ttl_seconds": 60}
GIFT = HOLD | {"purpose": "gift", "campaign_id": "c", "gifts": [{"gift_id": "mug", "quantity": 2}]}
CAPTURE = COMMAND | {"type": "capture", "hold_id": "h", "order_id": "o", "points": 5}
GIVE_BACK = COMMAND | {"type": "return_redeemed", "order_id": "o", "points": 5, "reason": "thanks"}
SETTINGS = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "enabled": True,
    "entitlement": {"plan": "enterprise"},
    "earn": {
        "rules": [{"unit_price": 10, "points_per_unit": 1}],
        "pending_days": 3,
        "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
    },
    "redeem": {
        "cash": {"unit_points": 10, "price_per_unit": 1, "minimum_purchase": 200, "max_amount": 50}
    },
    "assign": {"approval_above": 1000},
}
PERCENT = {
    **SETTINGS,
    "redeem": {"cash": {"unit_points": 10, "price_per_unit": 1, "max_percent": 20}},
}
CAMPAIGN = {
    "campaign_id": "summer",
    "names": {"en": "Summer gifts"},
    "starts_at": "2026-06-01T00:00",
    "ends_at": None,
    "gifts": [{"gift_id": "mug", "product_id": "p", "points": 500}],
}
CART = {
    "currency": "TWD",
    "items": [{"product_id": "p", "unit_price": 113, "quantity": 2}],
    "discount": 1,
    "store_credit": 2,
    "delivery_fee": 60,
    "points": 10,
}
NOTICES = {
    "languages": ["en"],
    "sms": {"enabled": False, "provider": "mitake", "max_parts": 2, "monthly_limit_parts": 5000},
    "expiring": {"days": [30, 7], "channels": []},
}


def record(likely: RecordKind) -> Callable[[bytes], str | None]:
    def refusal(value: bytes) -> str | None:
        return poison(lambda: read(value, likely))

    return refusal


def poison(reading: Callable[[], object]) -> str | None:
    try:
        reading()
    except Unreadable as error:
        return f"{error.reason}: {error}"
    return None


def refused(loading: Callable[[], object]) -> str | None:
    try:
        loading()
    except DocumentError as error:
        (problem,) = error.problems
        return problem.path
    return None


def answered(value: bytes) -> str | None:
    problem = read_command(value).problem
    return None if problem is None else f"{problem.code} {problem.message}"


def resource(value: bytes, likely: RecordKind) -> dict[str, Any]:
    found = read(value, likely)
    assert not isinstance(found, str)
    return dict(found[1].resource)


class Door(NamedTuple):
    """A document that is taken as it is, and what is wrong with another one, with its place."""

    name: str
    document: dict[str, Any]
    refusal: Callable[[bytes], str | None]


DOORS = (
    Door("order", ORDER, record("order")),
    Door("return", RETURN, record("return")),
    Door("report", REPORT, record("report")),
    Door("points changed", CHANGE, lambda value: poison(lambda: read_change(value))),
    Door("settings topic", VERSION, lambda value: poison(lambda: read_shop_version(value))),
    Door("feedback", FEEDBACK, lambda value: poison(lambda: read_feedback(value))),
    *(
        Door(f"{command['type']} {command.get('purpose', '')}", command, answered)
        for command in (ASSIGN, BULK, HOLD, GIFT, CAPTURE, GIVE_BACK)
    ),
    *(
        Door(name, document, lambda value: refused(lambda: load_settings(value, name="m")))
        for name, document in (("settings", SETTINGS), ("settings by percent", PERCENT))
    ),
    Door(
        "campaign",
        CAMPAIGN,
        lambda value: refused(lambda: load_campaign(value, name="c", languages=("en",))),
    ),
    Door("cart", CART, lambda value: refused(lambda: load_cart(value, name="c"))),
    Door("notices", NOTICES, lambda value: refused(lambda: load_notice_settings(value, "n"))),
)


def numbers(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a document has a whole number."""
    if type(document) is int:
        yield path
    elif isinstance(document, dict | list):
        parts = document.items() if isinstance(document, dict) else enumerate(document)
        for key, part in parts:
            yield from numbers(part, (*path, key))


def replaced(document: Any, path: tuple[str | int, ...], value: object) -> bytes:
    changed = deepcopy(document)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_the_document_itself_is_taken(door: Door) -> None:
    assert door.refusal(orjson.dumps(door.document)) is None


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("door", "path"),
    [
        pytest.param(door, path, id=f"{door.name} {'.'.join(map(str, path))}")
        for door in DOORS
        for path in numbers(door.document)
    ],
)
def test_a_boolean_where_a_number_is_due_is_refused_with_its_place(
    door: Door, path: tuple[str | int, ...], value: bool
) -> None:
    refusal = door.refusal(replaced(door.document, path, value))
    assert refusal is not None
    assert str(next(part for part in reversed(path) if isinstance(part, str))) in refusal


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        (ORDER, "member_point_summary", {"earned_points": True}),
        (ORDER, "member_point_summary", {"pending_days": True}),
        (ORDER, "order_points", True),
        (RETURN, "items", [{"total": {"cents": True}}]),
    ],
)
def test_a_side_matter_with_a_boolean_says_nothing(
    document: dict[str, Any], field: str, value: object
) -> None:
    """As a side matter of any other shape: the record counts without it."""
    likely: RecordKind = "order" if document is ORDER else "return"
    assert resource(replaced(document, ("resource", field), value), likely)[field] is None


@pytest.mark.parametrize("written", [b"1000", b"1000.0", b'"1000"'])
def test_an_amount_may_be_written_as_any_whole_number(written: bytes) -> None:
    value = orjson.dumps(ORDER).replace(b'"cents":1000', b'"cents":' + written)
    assert resource(value, "order")["subtotal"]["cents"] == 1000
