"""The relay: the outbox's heads to Kafka, deleted once every one of them was delivered (DESIGN 2.5, I4).

A crash between delivery and deletion sends a row again, with the same event id: consumers drop a
`sequence` they know.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from psycopg import Connection

from processors.runtime.configuration import Configuration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.clients import ClientErrorListener, producer
from store.postgres.session import raw
from store.streams import outbox
from store.streams.dead_letters import addressed
from store.streams.outbox import OutboxKind

BATCH = 5000
DELIVERY_SECONDS = 15.0
FLUSH_SLICE = 0.25
"""Seconds between two looks whether to stop, while deliveries are awaited."""
METADATA_TIMEOUT = 5.0
_JSON = ("content-type", b"application/json")
_SPEC = ("ce_specversion", b"1.0")


@dataclass(frozen=True, slots=True)
class RelayResult:
    """What one turn delivered: records by kind, and events by the instant (as they tell it) of their recording."""

    rows: Mapping[OutboxKind, int]
    recorded: Mapping[str, int]


NOTHING = RelayResult({}, {})


class Relay:
    """Sends what the shards that it holds have to say."""

    def __init__(
        self,
        configuration: Configuration,
        connection: Connection[tuple[Any, ...]],
        stopping: Callable[[], bool] = bool,
    ) -> None:
        """Takes no shard yet; `take_shards` does. `stopping` is asked while deliveries are awaited.

        Raises TopicChanged when a topic to write to is missing, KafkaException when the broker does
        not answer.
        """
        topics = configuration.topics
        self._topics = {
            OutboxKind.CHANGED: topics.points_changed,
            OutboxKind.SETTINGS: topics.settings,
            OutboxKind.DEAD_ORDERS: topics.dlq_orders,
            OutboxKind.DEAD_DELIVERIES: topics.dlq_deliveries,
            OutboxKind.DEAD_CUSTOMERS: topics.dlq_customers,
            OutboxKind.DEAD_COMMANDS: topics.dlq_commands,
        }
        self._watch = ClientErrorListener()
        self._producer = Producer(
            producer(configuration.kafka, "relay") | {"error_cb": self._watch}
        )
        self._stopping = stopping
        self._failures: list[KafkaError] = []
        self._recorded: Counter[str] = Counter()
        self._sent: Counter[OutboxKind] = Counter()
        self._check_topics()
        self.use(connection)

    def _check_topics(self) -> None:
        try:
            known = self._producer.list_topics(timeout=METADATA_TIMEOUT).topics
        except KafkaException:
            self._producer.poll(0)
            if self._watch.refused is not None:
                raise KafkaException(self._watch.refused) from None
            raise
        missing = sorted(set(self._topics.values()) - known.keys())
        if missing:
            raise TopicChanged(
                f"topics {', '.join(missing)} do not exist",
                "create them with `points topics apply`",
            )

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection; the shards' locks went with the old one."""
        self._connection = connection
        outbox.relax(raw(connection))
        self.shards: list[int] = []

    def take_shards(self) -> None:
        """Takes every shard that no other relay has."""
        cursor = raw(self._connection)
        for shard in range(outbox.SHARDS):
            if shard not in self.shards and outbox.try_shard(cursor, shard):
                self.shards.append(shard)

    def turn(self, limit: int = BATCH) -> RelayResult:
        """Sends the heads of the shards and deletes what was delivered.

        Raises KafkaException when not all of it was.

        No transaction is open meanwhile: the shards are ours for as long as the connection lives.
        """
        if not self.shards:
            return NOTHING
        cursor = raw(self._connection)
        rows = outbox.head(cursor, self.shards, limit)
        if not rows:
            return NOTHING
        self._recorded.clear()
        self._sent.clear()
        self._deliver(rows)
        outbox.sent(cursor, rows)
        return RelayResult(dict(self._sent), dict(self._recorded))

    def _deliver(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._failures.clear()
        for _, _, kind, key, value, headers in rows:
            if kind == OutboxKind.CHANGED:
                self._produce_events(value, headers)
            else:
                self._produce_row(OutboxKind(kind), key, value, headers)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while left := self._producer.flush(FLUSH_SLICE):
            if self._stopping() or time.monotonic() > deadline:
                break
        if left:
            # They stay in the outbox and are sent again; a receiver that gets them twice knows
            # their sequence.
            self._producer.purge()
            self._producer.flush(1)
            raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001 - librdkafka's name
        if self._failures:
            raise KafkaException(self._failures[0])

    def _produce_events(self, packed: bytes, headers: bytes | None) -> None:
        topic, recorded = self._topics[OutboxKind.CHANGED], list[str]()
        for value, more in outbox.events_of(packed, headers):
            event = orjson.loads(value)
            recorded.append(event["recorded_at"])
            key = f"{event['merchant_id']}:{event['member_id']}".encode()
            self._produce(topic, key, value, [*cloud_event_headers(event), *more])
        self._recorded.update(recorded)
        self._sent[OutboxKind.CHANGED] += len(recorded)

    def _produce_row(
        self, kind: OutboxKind, key: bytes | None, value: bytes | None, packed: bytes | None
    ) -> None:
        headers = outbox.headers_of(packed)
        topic, timestamp = self._topics.get(kind, ""), 0
        if kind is OutboxKind.REDRIVE:
            topic, timestamp, headers = addressed(headers)
        self._sent[kind] += 1
        self._produce(topic, key, value, list(headers), timestamp)

    def _produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[Any],
        timestamp: int = 0,
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    headers=headers,
                    timestamp=timestamp,
                    on_delivery=self._delivered,
                )
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
