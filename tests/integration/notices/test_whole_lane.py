"""The lane as it runs: both workers, from a change of points to what providers got."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from confluent_kafka import Consumer, Producer

from deploy.local.sinks.process import SinksProcess
from schemas.notices.document import load_notice_settings
from store.notices import meter, settings
from store.postgres import session
from store.postgres.session import Database, raw
from tests.support.engine import Engine, Worker, wait_for
from tests.support.notices.lane import a_key
from tests.support.notices.planted import found_in, shown_by, tables, topics, valkey
from tests.support.notices.texts import document

WORDS = {"en": {"earned": {"sms": "You have earned {{ points }} points."}}}
NAME, EMAIL, PHONE = "Wanda Plantagenet", "wanda@planted.example", "912345678"
PLANTED = (NAME, EMAIL, PHONE, "You have earned 100 points", "You&#39;ve earned", "Plantagenet")
FED = ("customers", "deliveries", "orders")
"""Topics of the platform, which have members' data as they come."""


class Shop:
    """A shop of which the lane has heard, with a member and both workers."""

    def __init__(self, engine: Engine, sinks: SinksProcess, valkey: str) -> None:
        keys = engine.folder / "sealing.keys"
        keys.write_text(a_key("first") + "\n")
        self.engine, self.sinks = engine, sinks
        self.environment = {
            **sinks.environment(),
            "POINTS_NOTICES__KEY_FILE": str(keys),
            "POINTS_NOTICES__TOKEN_KEYS": a_key("link"),
            "POINTS_NOTICES__UNSUBSCRIBE_URL": "https://lantern.example/unsubscribe",
            "POINTS_NOTICES__LEASE_SECONDS": "5",
            "POINTS_REDIS__URL": valkey,
        }
        with self.connect() as connection:
            content = orjson.loads(document(WORDS, languages=("en",)))
            content["quiet"] = {"sms": None, "email": None}
            settings.apply(
                connection, "shop", load_notice_settings(orjson.dumps(content), "settings"), "test"
            )

    def connect(self) -> Database:
        return session.connect(
            self.engine.database_url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA
        )

    def heard_of(self) -> None:
        record = {
            "type": "settings_changed", "merchant_id": "shop", "version": 1,
            "effective_at": "2024-01-01T00:00:00Z", "recorded_at": "2024-01-01T00:00:00Z",
            "performer": None, "digest": "0" * 64,
            "settings": {
                "timezone": "Asia/Taipei", "currency": "TWD", "languages": ["en"], "enabled": True,
                "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
            },
        }  # fmt: skip
        self.produce("settings", b"shop:1", record)

    def member(self, member: str, **contact: Any) -> None:
        resource = {
            "id": member, "name": "Ann", "locale_code": "en",
            "updated_at": "2026-11-20T04:00:00.000Z", **contact,
        }  # fmt: skip
        record = {"topic": "user/update", "merchant_id": "shop", "resource": resource}
        self.produce("customers", member.encode(), record)

    def granted(self, member: str, sequence: int = 1, points: int = 100) -> str:
        now, event = datetime.now(UTC).isoformat().replace("+00:00", "Z"), str(uuid4())
        record = {
            "event_id": event, "type": "granted", "merchant_id": "shop", "member_id": member,
            "sequence": sequence, "points": points,
            "balance": {"available": points * sequence, "held": 0, "debt": 0},
            "lots": [{"lot_id": "l1", "points": points, "expires_at": "2027-12-31T16:00:00Z"}],
            "order_id": f"order-{sequence}", "cause": {"kind": "order", "id": "order-1"},
            "settings_version": 1, "reason": None, "performer": None,
            "occurred_at": now, "recorded_at": now,
        }  # fmt: skip
        self.produce("points_changed", f"shop:{member}".encode(), record)
        return event

    def produce(self, topic: str, key: bytes, value: object) -> None:
        producer = Producer({"bootstrap.servers": self.engine.bootstrap, "linger.ms": 0})
        producer.produce(self.engine.topics[topic], orjson.dumps(value), key)
        assert producer.flush(30) == 0

    def states(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        rows = self.engine.rows("SELECT member_id, channel, state, reason FROM notices.notice")
        return {(member, channel): (state, reason) for member, channel, state, reason in rows}


@pytest.fixture
def sinks() -> Iterator[SinksProcess]:
    with SinksProcess() as started:
        yield started


@pytest.fixture
def shop(engine: Engine, sinks: SinksProcess, valkey: str) -> Shop:
    return Shop(engine, sinks, valkey)


def test_a_grant_is_told_by_mail_and_sms_once_and_metered(shop: Shop, sinks: SinksProcess) -> None:
    shop.member("ann", name=NAME, email=EMAIL, mobile_phone=f"0{PHONE}")
    unreadable = {"id": 7, "name": NAME, "email": EMAIL, "mobile_phone": f"0{PHONE}"}
    shop.produce("customers", b"eve", {"topic": "user/update", "resource": unreadable})
    shop.heard_of()
    event = shop.granted("ann")
    shop.granted("bob")
    logged = shop.environment | {"POINTS_LOG_LEVEL": "debug"}
    deciding = shop.engine.run("notices", **logged).wait_ready()
    sending = shop.engine.run("notices-send", **logged).wait_ready()
    told = [("ann", "email"), ("ann", "sms")]
    untold = [("bob", "email"), ("bob", "sms")]
    wanted = dict.fromkeys(told, ("sent", None)) | dict.fromkeys(untold, ("skipped", "no_address"))
    wait_for("both are told", lambda: shop.states() == wanted or None)
    taken = sinks.messages(taken=True)
    assert {message["provider"] for message in taken} == {"smtp", "mitake"}
    mail = next(message for message in taken if message["provider"] == "smtp")
    sms = next(message for message in taken if message["provider"] == "mitake")
    assert mail["to"] == EMAIL
    assert f"<{event}.email@lantern.example>" in mail["content"]
    assert "List-Unsubscribe: <https://lantern.example/unsubscribe?token=" in mail["content"]
    assert sms["content"] == "You have earned 100 points."
    published = _published(shop, 4)
    assert {(each["member_id"], each["channel"], each["state"]) for each in published} == {
        *((*who, "sent") for who in told),
        *((*who, "skipped") for who in untold),
    }
    with shop.connect() as connection:
        assert meter.against_notices(raw(connection)) == []
    _nothing_of_ann_is_left(shop, deciding, sending)
    assert deciding.terminate() == 0
    assert sending.terminate() == 0
    for worker in (deciding, sending):
        assert found_in(worker.output, PLANTED) == []


def _nothing_of_ann_is_left(shop: Shop, *workers: Worker) -> None:
    """No name, address or text in any table, topic of ours, log, page, command line or key."""
    dead = shop.engine.topics["dlq_notices"]
    wait_for("the dead letter", lambda: topics(shop.engine.bootstrap, [dead]))
    ours = [topic for name, topic in shop.engine.topics.items() if name not in FED]
    with psycopg.connect(shop.engine.database_url) as connection:
        places = {
            "tables": tables(connection),
            "topics": topics(shop.engine.bootstrap, ours),
            "valkey": valkey(shop.environment["POINTS_REDIS__URL"]),
            **{f"worker {number}": shown_by(each) for number, each in enumerate(workers)},
        }
    assert all(places.values())
    assert {place: found_in(text, PLANTED) for place, text in places.items()} == {
        place: [] for place in places
    }
    # The search finds what is there: the platform's own topic has it all.
    assert EMAIL in topics(shop.engine.bootstrap, [shop.engine.topics["customers"]])


def test_a_sender_that_is_killed_loses_nothing_and_no_keyed_sms_is_said_twice(
    shop: Shop, sinks: SinksProcess
) -> None:
    members = 60
    for n in range(members):
        shop.member(f"m{n}", email=f"m{n}@tea.example", mobile_phone=f"0912{n:06d}")
        shop.granted(f"m{n}")
    shop.heard_of()
    shop.engine.run("notices", **shop.environment).wait_ready()
    for provider in ("mitake", "smtp"):
        sinks.become(provider, mood="slow", delay_ms=50)
    for kill in range(3):
        sending = shop.engine.run("notices-send", **shop.environment)
        least = 20 * (kill + 1)
        wait_for("some messages", partial(_has, sinks, least))
        sending.kill()
    sending = shop.engine.run("notices-send", **shop.environment).wait_ready()
    wait_for(
        "all are told",
        lambda: {state for state, _ in shop.states().values()} == {"sent"} or None,
        90,
    )
    taken = sinks.messages(taken=True)
    sms = [m["notice_id"] for m in taken if m["provider"] == "mitake"]
    mails = [m["notice_id"] for m in taken if m["provider"] == "smtp"]
    assert len(sms) == len(set(sms)) == members
    assert len(set(mails)) == members
    assert len(mails) <= members + 3 * 8
    assert sending.terminate() == 0


def _has(sinks: SinksProcess, least: int) -> bool:
    return len(sinks.messages()) >= least


def _published(shop: Shop, count: int) -> list[dict[str, Any]]:
    """The first records of points.notices.v1."""
    consumer = Consumer(
        {
            "bootstrap.servers": shop.engine.bootstrap,
            "group.id": f"{shop.engine.prefix}look",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([shop.engine.topics["notices"]])
    found: list[dict[str, Any]] = []

    def all_of_them() -> bool | None:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(orjson.loads(message.value() or b""))
        return len(found) >= count or None

    try:
        wait_for(f"{count} records", all_of_them)
    finally:
        consumer.close()
    return found
