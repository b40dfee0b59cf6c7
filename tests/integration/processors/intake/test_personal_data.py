"""Personal data in the payloads is not ours to keep (rules.md 7): it ends at the door.

That holds for poison as well. Quarantine and dead letters alone hold it: the raw bytes of what
could not be read, in `key`, `value` and `headers`.
"""

import copy
from typing import Any

import orjson
import psycopg
from psycopg import sql

from schemas.settings import load_settings
from store.postgres import session
from store.settings import versions
from tests.support.engine import Engine, wait_for
from tests.support.order_facts import (
    MERCHANT,
    Event,
    bytes_of,
    day,
    delivery,
    envelope,
    money,
    order,
    returned,
    some_id,
)
from tests.support.order_facts import settings as settings_of
from tests.support.upstream import Record

NAME, LATIN_NAME = "林測試娟", "Testina Sample-Lin"
EMAIL, PHONE, PHONE_ABROAD = "testina.sample@mail.example", "0955123987", "+886955123987"
STREET, CITY, POSTCODE = "幻想路九九九號七樓之三", "虛構市", "99987"
BIRTHDAY, CARD, TAX_ID = "1987-06-05", "4417", "99887766"
NOTE = "請放在管理室給林小姐"
NEEDLES = (
    NAME,
    LATIN_NAME,
    EMAIL,
    PHONE,
    PHONE_ABROAD,
    STREET,
    CITY,
    BIRTHDAY,
    NOTE,
    "Sample-Lin",
    TAX_ID,
)
ALLOWED = {("quarantine", column) for column in ("key", "value", "headers")}

PERSON: dict[str, Any] = {
    "customer_name": NAME,
    "customer_email": EMAIL,
    "customer_phone": PHONE,
    "customer_phone_country_code": "886",
    "customer_info": {
        "gender": "female",
        "birthday": BIRTHDAY,
        "birth_year": 1987,
        "custom_data": [{"value": NOTE}],
    },
    "delivery_address": {
        "country_code": "TW",
        "city": CITY,
        "postcode": POSTCODE,
        "address_1": STREET,
        "recipient_name": LATIN_NAME,
        "recipient_phone": PHONE_ABROAD,
    },
    "delivery_data": {
        "recipient_name": NAME,
        "tracking_number": "812300045678",
        "store_address": STREET,
    },
    "order_payment": {
        "id": some_id("payment"),
        "status": "completed",
        "last_four_digits": CARD,
        "total": money(1000),
    },
    "invoice": {"tax_id": TAX_ID, "buyer_name": LATIN_NAME, "mailing_address": STREET},
    "order_notes": [{"owner_type": "Merchant", "value": NOTE}],
    "order_comments": [{"owner": {"name": NAME, "email": EMAIL}, "value": NOTE}],
    "order_remarks": NOTE,
    "payment_slips": [{"name": LATIN_NAME, "last_five_digits": "54417"}],
    "utm_data": {"utm_term": EMAIL},
}


def with_person(event: Event) -> Event:
    """The event with a made-up person all over its resource."""
    told = copy.deepcopy(event)
    told["resource"] |= PERSON
    if told["resource"].get("order_delivery"):
        told["resource"]["order_delivery"] |= {"remark": NOTE, "recipient_name": NAME}
    return told


def good() -> list[bytes]:
    """Records that are read: two earn, one is returned in part, others are of no concern."""
    home = {
        "id": some_id("home"),
        "platform": "tw_tcat_roomtemp",
        "status": "arrived",
        "updated_at": day("12-01"),
    }
    other = some_id("another order")
    member = {
        "id": some_id("person"),
        "name": NAME,
        "email": EMAIL,
        "phones": [PHONE],
        "birthday": BIRTHDAY,
    }
    events = [
        with_person(order(order_delivery=home)),
        with_person(order(order_id=other)),
        with_person(delivery("arrived", day("12-01"), order_id=other)),
        with_person(returned(500, day("12-02"), order_id=other)),
        envelope("user/update", member),
        envelope("something/new", PERSON),
    ]
    return [bytes_of(event) for event in events]


def poison() -> list[bytes]:
    """Records that cannot be read, with the person in and around what is wrong."""
    wrong: list[dict[str, Any]] = [
        {"subtotal": {"cents": PHONE_ABROAD + NAME}},
        {"subtotal": NAME},
        {"created_at": NAME},
        {"created_at": f"{BIRTHDAY}T00:00:00"},
        {"customer_id": {"name": NAME, "email": EMAIL}},
        {"order_delivery": {"status": NAME, "recipient": NAME}},
        {"is_guest_checkout": NAME},
        {"custom_discount_items": [{"total": EMAIL}]},
        {"membership_tier_data": [NAME, PHONE]},
        {"status": f"{STREET} " * 40},
        {"updated_at": "2999-01-01T00:00:00Z"},
    ]
    spoilt = [
        bytes_of(with_person(order(order_id=some_id(f"poison {n}"))) | {})
        for n in range(len(wrong))
    ]
    made = []
    for value, fields in zip(spoilt, wrong, strict=True):
        event = orjson.loads(value)
        event["resource"] |= fields
        made.append(bytes_of(event))
    whole = bytes_of(with_person(order()))
    made += [
        whole[: len(whole) // 2],
        NAME.encode() + whole,
        whole.replace(b'"cents": 1000', b'"cents": 1e999', 1),
        bytes_of({"topic": [NAME], "merchant_id": MERCHANT, "resource": PERSON}),
        bytes_of(with_person(order()) | {"ts": PHONE_ABROAD + "x"}),
        bytes_of(PERSON),
        f'"{NAME} {EMAIL}"'.encode(),
    ]
    return made


def spellings(needle: str) -> set[str]:
    """How it would look in text, in JSON escapes, and in the hexadecimal of a bytea column."""
    escaped = orjson.dumps(needle).decode().strip('"')
    ascii_only = needle.encode("ascii", "backslashreplace").decode()
    return {needle, escaped, ascii_only, needle.encode().hex()}


SPELT = {spelling: needle for needle in NEEDLES for spelling in spellings(needle)}


def found_in(text: str) -> set[str]:
    return {needle for spelling, needle in SPELT.items() if spelling in text}


def leaks_of_database(url: str) -> list[tuple[str, str, set[str]]]:
    """(table, column, what) of everything personal outside the columns that may hold it."""
    query = """SELECT c.table_name, c.column_name FROM information_schema.columns c
               JOIN information_schema.tables t USING (table_schema, table_name)
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"""
    leaks = []
    with psycopg.connect(url) as connection:
        columns = connection.execute(query).fetchall()
        assert {table for table, _ in columns} >= {
            "orders",
            "ledger",
            "quarantine",
            "word",
            "settings",
        }
        for table, column in columns:
            if (table, column) not in ALLOWED:
                select = sql.SQL("SELECT {}::text FROM {}").format(
                    sql.Identifier(column), sql.Identifier(table)
                )
                text = "\n".join(str(row[0]) for row in connection.execute(select))
                if found_in(text):
                    leaks.append((table, column, found_in(text)))
    return leaks


def test_nothing_personal_is_kept_told_or_logged(engine: Engine) -> None:
    with session.connect(engine.database_url) as connection:
        document = load_settings(
            bytes_of(settings_of(earn={"pending_days": 0, "expiry": {"kind": "never"}})),
            name="test",
        )
        versions.apply(connection, MERCHANT, document, "test")
    workers = [engine.run(kind) for kind in ("intake", "relay", "grants", "recheck")]
    values = [*good(), *poison()]
    engine.produce(Record("orders", PHONE, value) for value in values)
    engine.wait_consumed(len(values))
    engine.wait_published()
    counts = engine.counts()
    assert (counts["applied"], counts["ignored"], counts["dead"]) == (4, 2, len(poison())), counts
    assert sum(engine.balances().values()) == 150
    wait_for("dead letters", lambda: len(engine.events("dlq_orders")) == len(poison()))

    assert leaks_of_database(engine.database_url) == []
    for topic in ("points_changed", "settings", "command_results"):
        told = [
            b" ".join(filter(None, (m.key(), m.value(), repr(m.headers()).encode())))
            for m in engine.events(topic)
        ]
        assert found_in(b"\n".join(told).decode()) == set(), topic
    for worker in workers:
        assert found_in(worker.output) == set()
        assert found_in(worker.get("/metrics")[1]) == set()


def test_a_dead_letter_is_the_record_to_the_byte_and_says_what_was_wrong_without_its_values(
    engine: Engine,
) -> None:
    for kind in ("intake", "relay"):
        engine.run(kind)
    values = poison()
    engine.produce(Record("orders", PHONE, value) for value in values)
    engine.wait_consumed(len(values))
    wait_for("dead letters", lambda: len(engine.events("dlq_orders")) == len(values))
    letters = engine.events("dlq_orders")
    assert sorted(letter.value() for letter in letters) == sorted(values)
    for letter in letters:
        assert letter.key() == PHONE.encode()
        headers = dict(letter.headers())
        assert set(headers) >= {
            f"__dlq.errors.{name}" for name in ("topic", "partition", "offset", "group", "message")
        }
        assert headers["__dlq.errors.message"]
        assert found_in(repr({k: v.decode() for k, v in headers.items()})) == set()
