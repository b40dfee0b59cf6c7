"""Grants of members of two shops, produced while faults happen."""

import time
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.notices.document import load_notice_settings
from store.notices import settings
from store.postgres import session
from tests.support.engine import Engine
from tests.support.notices.texts import document

SHOPS = {"shop-m": "mitake", "shop-t": "twilio"}
MEMBERS = 200
_WORDS = {"en": {"earned": {"sms": "You have earned {{ points }} points."}}}


class Load(Thread):
    """Produces so many events a second until it is told to stop; `events` are those produced."""

    def __init__(self, engine: Engine, rate: float) -> None:
        super().__init__(daemon=True)
        self._engine, self._rate, self._over = engine, rate, Event()
        self._producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
        self._sequences: dict[tuple[str, str], int] = {}
        self.events: list[tuple[str, str, str]] = []
        self._prepare()

    def _prepare(self) -> None:
        """Shops with settings, and members with addresses, all heard of."""
        for merchant, provider in SHOPS.items():
            content = orjson.loads(document(_WORDS, languages=("en",), provider=provider))
            content["quiet"] = {"sms": None, "email": None}
            with session.connect(
                self._engine.database_url,
                role=session.NOTICES_ROLE,
                schema=session.NOTICES_SCHEMA,
            ) as connection:
                document_ = load_notice_settings(orjson.dumps(content), "settings")
                settings.apply(connection, merchant, document_, "test")
            self._produce("settings", f"{merchant}:1", _settings_of(merchant))
            for number in range(MEMBERS):
                self._produce("customers", f"m{number}", _customer(merchant, number))
        assert self._producer.flush(60) == 0

    def run(self) -> None:
        """Until `stop`."""
        number = 0
        while not self._over.is_set():
            merchant = list(SHOPS)[number % len(SHOPS)]
            self._grant(merchant, f"m{number // len(SHOPS) % MEMBERS}")
            number += 1
            self._producer.poll(0)
            self._over.wait(1 / self._rate)

    def stop(self) -> None:
        """Ends, once all is in the topic."""
        self._over.set()
        self.join()
        assert self._producer.flush(120) == 0

    def _grant(self, merchant: str, member: str) -> None:
        sequence = self._sequences.get((merchant, member), 0) + 1
        self._sequences[merchant, member] = sequence
        now, event = datetime.now(UTC).isoformat().replace("+00:00", "Z"), str(uuid4())
        record = {
            "event_id": event, "type": "granted", "merchant_id": merchant, "member_id": member,
            "sequence": sequence, "points": 10,
            "balance": {"available": 10 * sequence, "held": 0, "debt": 0},
            "lots": [{"lot_id": f"l{sequence}", "points": 10, "expires_at": None}],
            "order_id": f"order-{sequence}", "cause": {"kind": "order", "id": f"order-{sequence}"},
            "settings_version": 1, "reason": None, "performer": None,
            "occurred_at": now, "recorded_at": now,
        }  # fmt: skip
        self.events.append((event, merchant, member))
        self._produce("points_changed", f"{merchant}:{member}", record)

    def _produce(self, topic: str, key: str, value: object) -> None:
        while True:
            try:
                self._producer.produce(self._engine.topics[topic], orjson.dumps(value), key)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return


def published(engine: Engine) -> list[dict[str, Any]]:
    """Every record of the notices' topic, each partition in its order."""
    topic = engine.topics["notices"]
    who = {"group.id": f"{engine.prefix}look", "log_level": 0}
    consumer = Consumer({"bootstrap.servers": engine.bootstrap, **who})
    found = []
    try:
        for number in consumer.list_topics(topic, 30).topics[topic].partitions:
            place = TopicPartition(topic, number, 0)
            _, end = consumer.get_watermark_offsets(place, 30)
            consumer.assign([place])
            deadline = time.monotonic() + 60
            at = 0
            while at < end:
                assert time.monotonic() < deadline, f"partition {number} ends at {at} of {end}"
                message = consumer.poll(1)
                if message is not None and message.error() is None:
                    found.append(orjson.loads(message.value() or b""))
                    at = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found


def _settings_of(merchant: str) -> dict[str, Any]:
    return {
        "type": "settings_changed", "merchant_id": merchant, "version": 1,
        "effective_at": "2024-01-01T00:00:00Z", "recorded_at": "2024-01-01T00:00:00Z",
        "performer": None, "digest": "0" * 64,
        "settings": {
            "timezone": "Asia/Taipei", "currency": "TWD", "languages": ["en"], "enabled": True,
            "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
        },
    }  # fmt: skip


def _customer(merchant: str, number: int) -> dict[str, Any]:
    return {
        "topic": "user/update",
        "merchant_id": merchant,
        "resource": {
            "id": f"m{number}", "name": "Ann", "locale_code": "en",
            "updated_at": "2026-11-20T04:00:00.000Z",
            "email": f"m{number}@{merchant}.example", "mobile_phone": f"0912{number:06d}",
        },
    }  # fmt: skip
