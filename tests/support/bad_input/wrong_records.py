"""Records that are wrong, odd, ignored or parked, and what becomes of each.

The reference page on bad input describes them; tests of intake send all of them.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from tests.support.upstream import CREATED, Json, Record, envelope, hex_id, money, order

SHOP, MEMBER = "shop-a", hex_id("member")
MILLISECONDS = 1_709_265_600_123_000_000
"""A `ts` as upstream sends it: whole milliseconds, in nanoseconds."""
LARGEST = 990_000
"""Bytes: just under the megabyte that brokers and clients take by default."""


def order_event(name: str, topic: str = "order/update", **resource: object) -> Json:
    """A good order for each row, to be spoilt; `resource` replaces fields of it."""
    fields = {
        "id": hex_id(name),
        "customer_id": MEMBER,
        "status": "confirmed",
        "created_by": "shop",
        "subtotal": money(1000),
        "created_at": CREATED.isoformat(),
        "updated_at": CREATED.isoformat(),
        **resource,
    }
    return {**envelope(topic, SHOP, fields, CREATED), "ts": str(MILLISECONDS)}


def without(value: Json, *path: str) -> Json:
    """The same event without one field."""
    inner = value
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return value


def raw(value: Json, text: str) -> bytes:
    """JSON with `text` in the place of the word MARK."""
    return orjson.dumps(value).replace(b'"MARK"', text.encode())


def soon(hours: float) -> str:
    """A time by this machine's clock, which is the broker's and the database's as well."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


NESTED = {"id": hex_id("parcel"), "status": "arrived", "platform": "sfexpress"}
CARRIED = {
    "id": hex_id("parcel"),
    "status": "arrived",
    "platform": "sfexpress",
    "updated_at": CREATED.isoformat(),
}


REPORT = {
    "carrier": "ecpay",
    "service": "tcat",
    "code": "3003",
    "tracking_number": "900 100",
    "occurred_at": CREATED.isoformat(),
}
"""A carrier's report about a parcel that no order names."""
CUSTOMER = envelope(
    "user/update",
    SHOP,
    {"id": MEMBER, "is_member": True, "updated_at": CREATED.isoformat()},
    CREATED,
)


class Dead(NamedTuple):
    """A record that is a dead letter: the reason, and what its message names."""

    name: str
    value: bytes
    reason: str
    says: str
    topic: str = "orders"


DEAD = [
    Dead("not JSON", b'{"topic": "order/update", ', "not_json", "send a JSON object"),
    Dead("an empty value", b"", "not_json", "send a JSON object"),
    Dead("bytes that are no text", b"\x00\x01\xfe\xff" * 8, "not_json", "send a JSON object"),
    Dead("JSON but no object", b"[1, 2]", "wrong_type", "object"),
    Dead(
        "nested without end",
        b'{"topic":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "not_json",
        "send a JSON object",
    ),
    Dead(
        "an amount that is text",
        orjson.dumps(order_event("a", subtotal={"cents": "much"})),
        "wrong_type",
        "subtotal.cents",
    ),
    Dead(
        "an amount with a fraction",
        orjson.dumps(order_event("b", subtotal={"cents": 10.5})),
        "wrong_type",
        "subtotal.cents",
    ),
    Dead(
        "an amount that is NaN",
        raw(order_event("c", subtotal={"cents": "MARK"}), "NaN"),
        "wrong_type",
        "subtotal.cents",
    ),
    Dead("NaN where nobody looks", raw(order_event("d", dollars="MARK"), "NaN"), "not_json", "NaN"),
    Dead(
        "Infinity where nobody looks",
        raw(order_event("e", dollars="MARK"), "-Infinity"),
        "not_json",
        "number",
    ),
    Dead(
        "a number beyond all bounds",
        raw(order_event("f", dollars="MARK"), "1e999"),
        "not_json",
        "number",
    ),
    Dead(
        "an amount beyond 64 bits",
        raw(order_event("g", subtotal={"cents": "MARK"}), str(2**63)),
        "wrong_type",
        "subtotal.cents",
    ),
    Dead(
        "an order without id",
        orjson.dumps(without(order_event("i"), "resource", "id")),
        "missing_field",
        "resource.id",
    ),
    Dead(
        "a delivery without id in an order",
        orjson.dumps(order_event("ii", order_delivery={"status": "arrived"})),
        "missing_field",
        "resource.order_delivery.id",
    ),
    Dead(
        "an order without its creation",
        orjson.dumps(without(order_event("k"), "resource", "created_at")),
        "missing_field",
        "resource.created_at",
    ),
    Dead(
        "no merchant",
        orjson.dumps(without(order_event("l"), "merchant_id")),
        "missing_field",
        "merchant_id",
    ),
    Dead("no topic", orjson.dumps(without(order_event("m"), "topic")), "missing_field", "topic"),
    Dead(
        "no resource",
        orjson.dumps(without(order_event("n"), "resource")),
        "missing_field",
        "resource",
    ),
    Dead(
        "a delivery of no order",
        orjson.dumps(order_event("o", "order_delivery/update", **CARRIED)),
        "missing_field",
        "order_id",
        "deliveries",
    ),
    Dead(
        "a return of no order",
        orjson.dumps(order_event("p", "return_order/update", total=money(1))),
        "missing_field",
        "order_id",
    ),
    Dead(
        "a time without offset",
        orjson.dumps(order_event("q", updated_at="2024-03-01T12:00:00")),
        "wrong_type",
        "updated_at",
    ),
    Dead(
        "a time that is none",
        orjson.dumps(order_event("r", created_at="2024-02-30T12:00:00Z")),
        "wrong_type",
        "created_at",
    ),
    Dead(
        "a bare number for a time",
        orjson.dumps(order_event("T", updated_at=1_709_265_600)),
        "wrong_type",
        "updated_at",
    ),
    Dead(
        "a ts that is no number",
        orjson.dumps({**order_event("s"), "ts": "yesterday"}),
        "wrong_type",
        "ts",
    ),
    Dead(
        "a status of 300 letters",
        orjson.dumps(order_event("t", status="x" * 300)),
        "wrong_type",
        "resource.status",
    ),
    Dead(
        "an id of 101 letters",
        orjson.dumps(order_event("u", id="x" * 101)),
        "wrong_type",
        "resource.id",
    ),
    Dead(
        "a NUL in a status",
        orjson.dumps(order_event("x", status="a\0b")),
        "wrong_type",
        "resource.status",
    ),
    Dead(
        "a NUL in a merchant",
        orjson.dumps({**order_event("y"), "merchant_id": "a\0b"}),
        "wrong_type",
        "merchant_id",
    ),
    Dead(
        "a merchant without end",
        orjson.dumps({"merchant_id": "a" + "é" * 150}),
        "wrong_type",
        "topic",
    ),
    Dead(
        "a creation before the first year",
        orjson.dumps(order_event("z", created_at="0001-01-01T00:00:00+08:00")),
        "wrong_type",
        "created_at",
    ),
    Dead(
        "a version of tomorrow",
        orjson.dumps(order_event("v", updated_at=soon(25))),
        "future_version",
        "24 hours",
    ),
    Dead(
        "a parcel of tomorrow",
        orjson.dumps(order_event("w", order_delivery={**NESTED, "updated_at": soon(25)})),
        "future_version",
        "24 hours",
    ),
    Dead(
        "a report of no parcel and no order",
        orjson.dumps(without({**REPORT}, "tracking_number")),
        "missing_field",
        "tracking_number",
        "deliveries",
    ),
    Dead(
        "a report of nothing that happened",
        orjson.dumps(without({**REPORT}, "code")),
        "missing_field",
        "code",
        "deliveries",
    ),
    Dead(
        "a report without its time",
        orjson.dumps(without({**REPORT}, "occurred_at")),
        "missing_field",
        "occurred_at",
        "deliveries",
    ),
    Dead(
        "a report whose time has no offset",
        orjson.dumps({**REPORT, "occurred_at": "2024-03-01T12:00:00"}),
        "wrong_type",
        "occurred_at",
        "deliveries",
    ),
    Dead(
        "a report whose number is a list",
        orjson.dumps({**REPORT, "tracking_number": ["much"]}),
        "wrong_type",
        "tracking_number",
        "deliveries",
    ),
    Dead(
        "a report of tomorrow",
        orjson.dumps({**REPORT, "occurred_at": soon(25)}),
        "future_version",
        "24 hours",
        "deliveries",
    ),
    Dead(
        "a customer without id",
        orjson.dumps({**CUSTOMER, "resource": {"is_member": True}}),
        "missing_field",
        "resource.id",
        "customers",
    ),
    Dead(
        "a customer whose registration is no time",
        orjson.dumps({**CUSTOMER, "resource": {"id": MEMBER, "registered_at": 1}}),
        "wrong_type",
        "registered_at",
        "customers",
    ),
    Dead("a megabyte of nonsense", b"x" * LARGEST, "not_json", "send a JSON object"),
]


class Kept(NamedTuple):
    """An odd record that is taken: what `explain` answers for its order, and the points granted."""

    name: str
    value: Json
    state: str
    word: str
    points: int = 0


ARRIVED = {**NESTED, "arrived_at": CREATED.isoformat()}
KEPT = [
    Kept(
        "negative money",
        order_event("A", subtotal=money(-500), order_delivery=ARRIVED),
        "granted",
        "Nothing was posted",
    ),
    Kept(
        "an unknown currency",
        order_event("B", subtotal=money(1000, "ZZZ"), order_delivery=ARRIVED),
        "none",
        "currency_mismatch",
    ),
    Kept(
        "an ancient order",
        order_event("C", created_at="0001-01-02T00:00:00Z", updated_at="1970-01-01T00:00:00Z"),
        "none",
        "no_settings_in_force",
    ),
    Kept(
        "amounts that add up beyond 64 bits",
        order_event(
            "I", custom_discount_items=[{"total": money(-(2**63))}] * 2, order_delivery=ARRIVED
        ),
        "granted",
        "below zero counts as zero",
    ),
    Kept(
        "an order without amount",
        without(order_event("J", order_delivery=ARRIVED), "resource", "subtotal"),
        "granted",
        "Nothing was posted",
    ),
    Kept(
        "a time in the first year",
        order_event("K", updated_at="0001-01-01T00:00:00+08:00", order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "a version some hours ahead",
        order_event("D", updated_at=soon(23), order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "words that nobody knows",
        order_event("E", status="rêverie 夢", created_by="a robot", order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "an amount over the limit",
        order_event("F", subtotal=money(2**62), order_delivery=ARRIVED),
        "none",
        "over_limit",
    ),
    Kept(
        "a megabyte of what nobody reads",
        order_event("G", padding="x" * LARGEST, order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "no member", order_event("H", customer_id=None, order_delivery=ARRIVED), "none", "no_member"
    ),
]
IGNORED = {
    "unknown_topic": ("orders", orjson.dumps(order_event("1", "product/update"))),
    "null_value": ("orders", None),
    "no_statement": (
        "customers",
        orjson.dumps({**CUSTOMER, "resource": {"id": MEMBER, "note": "a name has changed"}}),
    ),
    "other_application": (
        "orders",
        orjson.dumps(order_event("2", "application/install", application_id="another")),
    ),
    "stale": (
        "orders",
        orjson.dumps(order_event("E", status="pending", updated_at="2020-01-01T00:00:00Z")),
    ),
}
PARKED = [
    REPORT,
    {**REPORT, "code": "4711", "text": "a code of tomorrow"},
    {**REPORT, "carrier": "pigeon post", "service": "air"},
    {**REPORT, "tracking_number": "９００１００", "return_leg": True},
    without({**REPORT, "order_id": hex_id("nowhere")}, "tracking_number"),
]
"""Reports about unknown parcels and orders, some with unknown codes and carriers."""
GOOD = order(SHOP, hex_id("good"), MEMBER, 770, delivery="arrived")


def all_records() -> list[Record]:
    """All of them. One partition keeps their order, since `stale` must come after what is newer."""
    dead = [Record(row.topic, "k", row.value) for row in DEAD]
    kept = [Record("orders", "k", orjson.dumps(row.value)) for row in KEPT]
    ignored = [Record(topic, "k", value) for topic, value in IGNORED.values()]
    parked = [Record("deliveries", "k", orjson.dumps(value)) for value in PARKED]
    twice = Record("deliveries", "k", orjson.dumps(REPORT))
    return [*dead, *kept, *ignored, *parked, twice, GOOD._replace(key="k")]
