"""The answers to bad input: each row of docs/reference/bad-input.md that no other test covers.

One engine takes all bad records of the module in one go, with a good order behind them; each row is
then looked up.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
import pytest

from tests.support.commands import points
from tests.support.engine import Engine
from tests.support.servers import Databases
from tests.support.upstream import CREATED, Json, Record, envelope, hex_id, money, order

SHOP, MEMBER = "shop-a", hex_id("member")
MILLISECONDS = 1_709_265_600_123_000_000
"""A `ts` as upstream sends it: whole milliseconds, in nanoseconds."""
LARGEST = 990_000
"""Bytes: just under the megabyte that brokers and clients take by default."""


def told(name: str, topic: str = "order/update", **resource: object) -> Json:
    """A good order of its own for every row, to be spoilt; `resource` replaces fields of it."""
    fields = {
        "id": hex_id(name), "customer_id": MEMBER, "status": "confirmed", "created_by": "shop", "subtotal": money(1000),
        "created_at": CREATED.isoformat(), "updated_at": CREATED.isoformat(), **resource,
    }  # fmt: skip
    return {**envelope(topic, SHOP, fields, CREATED), "ts": str(MILLISECONDS)}


def without(value: Json, *path: str) -> Json:
    """The same without one field."""
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
    "carrier": "ecpay", "service": "tcat", "code": "3003", "tracking_number": "900 100", "occurred_at": CREATED.isoformat(),
}  # fmt: skip
"""What a carrier reports of a parcel that no order names."""
CUSTOMER = envelope(
    "user/update",
    SHOP,
    {"id": MEMBER, "is_member": True, "updated_at": CREATED.isoformat()},
    CREATED,
)


class Dead(NamedTuple):
    """A record that is a dead letter: the word for why, and what its message names."""

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
    Dead("nested without end", b'{"topic":' + b"[" * 5000 + b"]" * 5000 + b"}", "not_json", "send a JSON object"),
    Dead("an amount that is text", orjson.dumps(told("a", subtotal={"cents": "much"})), "wrong_type", "subtotal.cents"),
    Dead("an amount with a fraction", orjson.dumps(told("b", subtotal={"cents": 10.5})), "wrong_type", "subtotal.cents"),
    Dead("an amount that is NaN", raw(told("c", subtotal={"cents": "MARK"}), "NaN"), "wrong_type", "subtotal.cents"),
    Dead("NaN where nobody looks", raw(told("d", dollars="MARK"), "NaN"), "not_json", "NaN"),
    Dead("Infinity where nobody looks", raw(told("e", dollars="MARK"), "-Infinity"), "not_json", "number"),
    Dead("a number beyond all bounds", raw(told("f", dollars="MARK"), "1e999"), "not_json", "number"),
    Dead(
        "an amount beyond 64 bits",
        raw(told("g", subtotal={"cents": "MARK"}), str(2**63)),
        "wrong_type",
        "subtotal.cents",
    ),
    Dead(
        "amounts that add up beyond 64 bits",
        orjson.dumps(told("h", custom_discount_items=[{"total": money(2**62)}] * 2)),
        "amount_too_large",
        "custom_discount_items",
    ),
    Dead("an order without id", orjson.dumps(without(told("i"), "resource", "id")), "missing_field", "resource.id"),
    Dead("an order without amount", orjson.dumps(without(told("j"), "resource", "subtotal")), "missing_field", "subtotal"),
    Dead(
        "an order without its creation",
        orjson.dumps(without(told("k"), "resource", "created_at")),
        "missing_field",
        "resource.created_at",
    ),
    Dead("no merchant", orjson.dumps(without(told("l"), "merchant_id")), "missing_field", "merchant_id"),
    Dead("no topic", orjson.dumps(without(told("m"), "topic")), "missing_field", "topic"),
    Dead("no resource", orjson.dumps(without(told("n"), "resource")), "missing_field", "resource"),
    Dead(
        "a delivery of no order",
        orjson.dumps(told("o", "order_delivery/update", **CARRIED)),
        "missing_field",
        "order_id",
        "deliveries",
    ),
    Dead(
        "a return of no order",
        orjson.dumps(told("p", "return_order/update", total=money(1))),
        "missing_field",
        "order_id",
    ),
    Dead("a time without offset", orjson.dumps(told("q", updated_at="2024-03-01T12:00:00")), "wrong_type", "updated_at"),
    Dead("a time that is none", orjson.dumps(told("r", created_at="2024-02-30T12:00:00Z")), "wrong_type", "created_at"),
    Dead("a bare number for a time", orjson.dumps(told("T", updated_at=1_709_265_600)), "wrong_type", "updated_at"),
    Dead("a ts that is no number", orjson.dumps({**told("s"), "ts": "yesterday"}), "wrong_type", "ts"),
    Dead("a status of 300 letters", orjson.dumps(told("t", status="x" * 300)), "wrong_type", "resource.status"),
    Dead("an id of 101 letters", orjson.dumps(told("u", id="x" * 101)), "wrong_type", "resource.id"),
    Dead("a NUL in a status", orjson.dumps(told("x", status="a\0b")), "wrong_type", "resource.status"),
    Dead("a NUL in a merchant", orjson.dumps({**told("y"), "merchant_id": "a\0b"}), "wrong_type", "merchant_id"),
    Dead("a merchant without end", orjson.dumps({"merchant_id": "a" + "é" * 150}), "wrong_type", "topic"),
    Dead(
        "a time before the first year",
        orjson.dumps(told("z", updated_at="0001-01-01T00:00:00+08:00")),
        "wrong_type",
        "updated_at",
    ),
    Dead("a version of tomorrow", orjson.dumps(told("v", updated_at=soon(25))), "future_version", "24 hours"),
    Dead(
        "a parcel of tomorrow",
        orjson.dumps(told("w", order_delivery={**NESTED, "updated_at": soon(25)})),
        "future_version",
        "24 hours",
    ),
    Dead("a report of no parcel and no order", orjson.dumps(without({**REPORT}, "tracking_number")), "missing_field",
         "tracking_number", "deliveries"),
    Dead("a report of nothing that happened", orjson.dumps(without({**REPORT}, "code")), "missing_field", "code", "deliveries"),
    Dead("a report without its time", orjson.dumps(without({**REPORT}, "occurred_at")), "missing_field", "occurred_at",
         "deliveries"),
    Dead("a report whose time has no offset", orjson.dumps({**REPORT, "occurred_at": "2024-03-01T12:00:00"}), "wrong_type",
         "occurred_at", "deliveries"),
    Dead("a report whose number is a list", orjson.dumps({**REPORT, "tracking_number": ["much"]}), "wrong_type",
         "tracking_number", "deliveries"),
    Dead("a report of tomorrow", orjson.dumps({**REPORT, "occurred_at": soon(25)}), "future_version", "24 hours", "deliveries"),
    Dead("a customer without id", orjson.dumps({**CUSTOMER, "resource": {"is_member": True}}), "missing_field", "resource.id",
         "customers"),
    Dead("a customer whose registration is no time", orjson.dumps({**CUSTOMER, "resource": {"id": MEMBER, "registered_at": 1}}),
         "wrong_type", "registered_at", "customers"),
    Dead("a megabyte of nonsense", b"x" * LARGEST, "not_json", "send a JSON object"),
]  # fmt: skip


class Kept(NamedTuple):
    """A record that is taken although it is odd: what `explain` says of its order, and what is granted for it."""

    name: str
    value: Json
    state: str
    word: str
    points: int = 0


ARRIVED = {**NESTED, "arrived_at": CREATED.isoformat()}
KEPT = [
    Kept(
        "negative money",
        told("A", subtotal=money(-500), order_delivery=ARRIVED),
        "granted",
        "Nothing was posted",
    ),
    Kept(
        "an unknown currency",
        told("B", subtotal=money(1000, "ZZZ"), order_delivery=ARRIVED),
        "none",
        "currency_mismatch",
    ),
    Kept(
        "an ancient order",
        told("C", created_at="0001-01-02T00:00:00Z", updated_at="1970-01-01T00:00:00Z"),
        "none",
        "no_settings_in_force",
    ),
    Kept(
        "a version some hours ahead",
        told("D", updated_at=soon(23), order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "words that nobody knows",
        told("E", status="rêverie 夢", created_by="a robot", order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept(
        "an amount over the limit",
        told("F", subtotal=money(2**62), order_delivery=ARRIVED),
        "none",
        "over_limit",
    ),
    Kept(
        "a megabyte of what nobody reads",
        told("G", padding="x" * LARGEST, order_delivery=ARRIVED),
        "granted",
        "100",
        100,
    ),
    Kept("no member", told("H", customer_id=None, order_delivery=ARRIVED), "none", "no_member"),
]
IGNORED = {
    "unknown_topic": ("orders", orjson.dumps(told("1", "product/update"))),
    "null_value": ("orders", None),
    "no_statement": (
        "customers",
        orjson.dumps({**CUSTOMER, "resource": {"id": MEMBER, "note": "a name has changed"}}),
    ),
    "other_application": (
        "orders",
        orjson.dumps(told("2", "application/install", application_id="another")),
    ),
    "stale": (
        "orders",
        orjson.dumps(told("E", status="pending", updated_at="2020-01-01T00:00:00Z")),
    ),
}
PARKED = [
    REPORT,
    {**REPORT, "code": "4711", "text": "a code of tomorrow"},
    {**REPORT, "carrier": "pigeon post", "service": "air"},
    {**REPORT, "tracking_number": "９００１００", "return_leg": True},
    without({**REPORT, "order_id": hex_id("nowhere")}, "tracking_number"),
]
"""Reports of parcels and orders that nobody knows (yet), also in words that nobody knows."""
GOOD = order(SHOP, hex_id("good"), MEMBER, 770, delivery="arrived")


def records() -> list[Record]:
    """All of them. One partition keeps their order, since `stale` must come after what is newer."""
    dead = [Record(row.topic, "k", row.value) for row in DEAD]
    kept = [Record("orders", "k", orjson.dumps(row.value)) for row in KEPT]
    ignored = [Record(topic, "k", value) for topic, value in IGNORED.values()]
    parked = [Record("deliveries", "k", orjson.dumps(value)) for value in PARKED]
    twice = Record("deliveries", "k", orjson.dumps(REPORT))
    return [*dead, *kept, *ignored, *parked, twice, GOOD._replace(key="k")]


@pytest.fixture(scope="module")
def day(
    kafka: str, postgres: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine that has met all of it."""
    folder = tmp_path_factory.mktemp("bad-input")
    with Engine(kafka, postgres.database(), f"t{uuid.uuid4().hex[:10]}.", folder) as engine:
        engine.prepare()
        engine.merchant(SHOP)
        engine.run("intake", POINTS_POISON__IN_A_ROW="1000")
        engine.run("relay")
        engine.produce(records())
        engine.wait_consumed(len(records()))
        engine.wait_published()
        yield engine


@pytest.mark.parametrize("row", DEAD, ids=[row.name.replace(" ", "_") for row in DEAD])
def test_a_record_that_cannot_be_read_is_a_dead_letter(day: Engine, row: Dead) -> None:
    found = day.rows("SELECT topic, reason, message FROM quarantine WHERE value = %s", row.value)
    assert [(topic, reason) for topic, reason, _ in found] == [(day.topics[row.topic], row.reason)]
    assert row.says in found[0][2]
    assert "much" not in found[0][2], "values have no place in messages"
    letter = next(m for m in day.events(f"dlq_{row.topic}") if (m.value() or b"") == row.value)
    headers = dict(letter.headers())
    assert letter.key() == b"k"
    assert headers["__dlq.errors.topic"].decode() == day.topics[row.topic]
    assert headers["__dlq.errors.message"].decode() == f"{row.reason}: {found[0][2]}"


@pytest.mark.parametrize("row", KEPT, ids=[row.name.replace(" ", "_") for row in KEPT])
def test_a_record_that_is_odd_is_taken_for_what_it_says(day: Engine, row: Kept) -> None:
    shown = points(day.environment, "explain", SHOP, row.value["resource"]["id"], "--json").json
    assert (shown["state"], shown["granted"]) == (row.state, row.points)
    assert row.word in " ".join(shown["steps"])


@pytest.mark.parametrize("reason", IGNORED)
def test_a_record_that_says_nothing_new_is_ignored_with_its_reason(
    day: Engine, reason: str
) -> None:
    assert day.rows("SELECT sum(records) FROM ignored_reason WHERE reason = %s", reason) == [(1,)]


def test_a_report_that_nobody_can_place_is_parked_and_what_nobody_understands_is_shown(
    day: Engine,
) -> None:
    parked = points(day.environment, "carriers", "parked", "--json").json
    assert (parked["unmatched"]["numbers"], parked["awaiting_order"]["reports"]) == (1, 1)
    unknown = points(day.environment, "carriers", "unknown", "--json").json
    assert {(row["carrier"], row["code"], row["text"]) for row in unknown} == {
        ("ecpay", "4711", "a code of tomorrow"), ("pigeon post", "3003", "3003"),
    }  # fmt: skip


def test_nothing_is_lost_beside_bad_records(day: Engine) -> None:
    assert day.counts() == {
        "applied": len(KEPT) + 1, "duplicate": 1, "ignored": len(IGNORED), "parked": len(PARKED), "dead": len(DEAD),
    }  # fmt: skip
    granted = sum(row.points for row in KEPT)
    day.audit({(SHOP, MEMBER): granted + 77})


SETTINGS = """
timezone: Asia/Taipei
currency: TWD
enabled: true
entitlement: {plan: enterprise, app_installed: true}
earn:
  rules: [{unit_price: 10, points_per_unit: 1}]
  pending_days: 3
  expiry: {kind: fixed_date, month: 12, day: 31}
"""


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "pending_days",
            "pending_day",
            "earn.pending_day is not a known key; did you mean pending_days?",
        ),
        ("month: 12, day: 31", "month: 2, day: 30", "earn.expiry.day 30 does not exist in month 2"),
        ("TWD", "ZZZ", "currency is not a known currency"),
        ("Asia/Taipei", "Asia/Atlantis", "timezone is not a known time zone"),
        ("unit_price: 10", "unit_price: -10", "earn.rules[0].unit_price is too small"),
        (
            "unit_price: 10",
            "unit_price: 0.5",
            "earn.rules[0].unit_price has more digits after the point than TWD has",
        ),
        ("unit_price: 10", "unit_price: .nan", "earn.rules[0].unit_price is not a number"),
        (
            "enabled: true",
            "enabled: true\neffective_at: 2024-01-01T00:00:00",
            "effective_at has no offset",
        ),
        ("earn:", "earn: [", "is not YAML"),
    ],
)
def test_settings_that_say_nonsense_are_refused_with_the_place(
    day: Engine, before: str, after: str, says: str
) -> None:
    ran = points(
        day.environment, "settings", "apply", "shop-s", "-", stdin=SETTINGS.replace(before, after)
    )
    assert ran.code == 5
    assert says in ran.err
    assert day.rows("SELECT * FROM merchant WHERE merchant_id = 'shop-s'") == []


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"POINTS_METRICS__PORT": "http"}, "POINTS_METRICS__PORT"),
        ({"POINTS_KAFKA__GROUP_PROTOCOL": "new"}, "POINTS_KAFKA__GROUP_PROTOCOL"),
        ({"POINTS_DATABASE__URL": "postgresql://u:hidden@[half"}, "POINTS_DATABASE__URL"),
    ],
)
def test_a_worker_refuses_an_environment_that_it_cannot_use(
    day: Engine, environment: dict[str, str], says: str
) -> None:
    worker = day.run("grants", **environment)
    assert worker.wait() == 2
    assert says in worker.output
    assert "hidden" not in worker.output
