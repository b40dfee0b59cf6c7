"""The relay: the outbox's heads to Kafka, deleted once every one of them was delivered (DESIGN 2.5, I4).

A crash between delivery and deletion sends a row again, with the same event id: consumers drop a `sequence` they know.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from psycopg import Connection

from processors.runtime.configuration import Configuration
from processors.runtime.kafka import producer
from store import outbox
from store.database import raw, transaction
from store.dead_letters import addressed
from store.outbox import OutboxKind

BATCH = 5000
DELIVERY_SECONDS = 30.0
_JSON = ("content-type", b"application/json")
_SPEC = ("ce_specversion", b"1.0")


class Relay:
    """Sends what the shards that it holds have to say."""

    def __init__(self, configuration: Configuration, connection: Connection[tuple[Any, ...]]) -> None:
        """Takes no shard yet; `turn` does."""
        topics = configuration.topics
        self._topics = {
            OutboxKind.CHANGED: topics.points_changed,
            OutboxKind.SETTINGS: topics.settings,
            OutboxKind.DEAD_ORDERS: topics.dlq_orders,
            OutboxKind.DEAD_DELIVERIES: topics.dlq_deliveries,
            OutboxKind.DEAD_CUSTOMERS: topics.dlq_customers,
            OutboxKind.DEAD_COMMANDS: topics.dlq_commands,
        }
        self._producer = Producer(producer(configuration.kafka, "relay"))
        self._failures: list[KafkaError] = []
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection; the shards' locks went with the old one."""
        self._connection = connection
        self.shards: list[int] = []

    def take_shards(self) -> None:
        """Takes every shard that no other relay has."""
        cursor = raw(self._connection)
        for shard in range(outbox.SHARDS):
            if shard not in self.shards and outbox.try_shard(cursor, shard):
                self.shards.append(shard)

    def turn(self, limit: int = BATCH) -> int:
        """Sends the heads of the shards; returns how many rows were delivered and deleted."""
        if not self.shards:
            return 0
        with transaction(self._connection) as cursor:
            rows = outbox.head(cursor, self.shards, limit)
            if rows:
                self._deliver(rows)
                outbox.sent(cursor, rows)
            return len(rows)

    def _deliver(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._failures.clear()
        for _, _, kind, key, value, headers in rows:
            self._produce(OutboxKind(kind), key, value, headers)
        left = self._producer.flush(DELIVERY_SECONDS)
        if self._failures:
            raise KafkaException(self._failures[0])
        if left:
            self._producer.purge()
            raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001 - librdkafka's name

    def _produce(self, kind: OutboxKind, key: bytes | None, value: bytes | None, packed: bytes | None) -> None:
        headers = outbox.headers_of(packed)
        if kind is OutboxKind.CHANGED and value is not None:
            headers = [*cloud_event_headers(orjson.loads(value)), *headers]
        topic, timestamp = self._topics.get(kind, ""), 0
        if kind is OutboxKind.REDRIVE:
            topic, timestamp, headers = addressed(headers)
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, timestamp=timestamp, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)


def cloud_event_headers(event: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """The CloudEvents 1.0 attributes of a points-changed event, as binary-mode headers."""
    return [
        _SPEC,
        ("ce_id", event["event_id"].encode()),
        ("ce_type", f"points.{event['type']}.v1".encode()),
        ("ce_source", f"/member-points/{event['merchant_id']}".encode()),
        ("ce_subject", event["member_id"].encode()),
        ("ce_time", event["occurred_at"].encode()),
        _JSON,
    ]
