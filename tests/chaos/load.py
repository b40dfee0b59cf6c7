"""Grants of members of two shops, produced while faults happen."""

from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import orjson
from confluent_kafka import Producer

from schemas.ids import micros
from store.notices import settings
from tests.support.engine import Engine
from tests.support.notices.decided import changed, customer, settings_changed
from tests.support.notices.lane import as_lane
from tests.support.notices.texts import at_any_hour, content

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
            told = at_any_hour(**content(_WORDS, languages=("en",), provider=provider))
            with as_lane(self._engine.database_url) as connection:
                settings.apply(connection, merchant, told, "test")
            self._produce("settings", f"{merchant}:1", settings_changed(merchant))
            for number in range(MEMBERS):
                member, phone = f"m{number}", f"0912{number:06d}"
                known = customer(merchant, member, mobile_phone=phone)
                self._produce("customers", member, known)
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
        record = changed(
            sequence,
            points=10,
            member=member,
            merchant=merchant,
            available=10 * sequence,
            order=f"order-{sequence}",
            at=micros(datetime.now(UTC)),
            lots=[(10, None)],
        )
        self.events.append((record["event_id"], merchant, member))
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
    return [orjson.loads(message.value() or b"") for message in engine.events("notices")]
