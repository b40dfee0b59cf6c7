"""A shop of which a whole lane has heard: records into topics, rows out of tables."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from confluent_kafka import Producer

from deploy.local.sinks.process import SinksProcess
from schemas.notices.document import load_notice_settings
from store.notices import settings
from store.postgres import session
from store.postgres.session import Database
from tests.support.engine import Engine
from tests.support.notices.lane import a_key
from tests.support.notices.texts import document

WORDS = {"en": {"earned": {"sms": "You have earned {{ points }} points."}}}


class Shop:
    """A shop with notice settings on an engine; `environment` is that of its workers."""

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
        self.apply()

    def apply(self, **sms: Any) -> None:
        """Notice settings without quiet hours; `sms` are keys of that section."""
        with self.connect() as connection:
            content = orjson.loads(document(WORDS, languages=("en",), **sms))
            content["quiet"] = {"sms": None, "email": None}
            settings.apply(
                connection, "shop", load_notice_settings(orjson.dumps(content), "settings"), "test"
            )

    def connect(self) -> Database:
        """A connection as the lane has it."""
        return session.connect(
            self.engine.database_url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA
        )

    def heard_of(self) -> None:
        """The first version of its points settings comes."""
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
        """A member comes, reached by `contact`."""
        resource = {
            "id": member, "name": "Ann", "locale_code": "en",
            "updated_at": "2026-11-20T04:00:00.000Z", **contact,
        }  # fmt: skip
        record = {"topic": "user/update", "merchant_id": "shop", "resource": resource}
        self.produce("customers", member.encode(), record)

    def granted(self, member: str, sequence: int = 1, points: int = 100) -> str:
        """A member is granted points; the event."""
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
        """Writes a record into a topic."""
        producer = Producer({"bootstrap.servers": self.engine.bootstrap, "linger.ms": 0})
        producer.produce(self.engine.topics[topic], orjson.dumps(value), key)
        assert producer.flush(30) == 0

    def states(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """State and reason of all notices, by member and channel."""
        rows = self.engine.rows("SELECT member_id, channel, state, reason FROM notices.notice")
        return {(member, channel): (state, reason) for member, channel, state, reason in rows}
