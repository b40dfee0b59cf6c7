"""The relay: sends the outbox's heads to Kafka and deletes what was delivered.

See architecture.md 2.5, I4.

A crash between delivery and deletion sends a row again, with the same event id: consumers drop a
`sequence` they know.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from processors import metrics
from processors.runtime.configuration import Configuration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.clients import ClientErrorListener, producer
from processors.runtime.worker import Database, DatabaseWorker, StillTurning
from schemas.ids import record_key
from store.postgres.session import raw
from store.reads import gauges
from store.streams import outbox
from store.streams.dead_letters import addressed
from store.streams.outbox import OutboxKind

RELAY_BATCH = 5000
"""Outbox rows at most before they are deleted."""
SHARD_SECONDS = 1.0
"""Between two looks for shards of a relay that died."""
FIRST_RELAY_SLEEP, LONGEST_RELAY_SLEEP = 0.01, 0.05
"""Seconds to wait while the outbox is empty, growing from the first to the longest."""
FULL_HEAD, GATHER_SECONDS = 1_000, 0.02
"""After a head of fewer records the relay lets more come together: a few at a time cost both
servers the most.
"""
DELIVERY_SECONDS = 15.0
"""For a head to be delivered; what was not is sent again later."""
FLUSH_SLICE = 0.25
"""Seconds between two looks whether to stop, while deliveries are awaited."""
TOPICS_TIMEOUT = 5.0
_JSON = ("content-type", b"application/json")
_SPEC = ("ce_specversion", b"1.0")
_DEAD_LETTER_KINDS = frozenset(
    {
        OutboxKind.DEAD_ORDERS,
        OutboxKind.DEAD_DELIVERIES,
        OutboxKind.DEAD_CUSTOMERS,
        OutboxKind.DEAD_COMMANDS,
    }
)


@dataclass(frozen=True, slots=True)
class RelayResult:
    """What one turn delivered: records by kind, and events by their `recorded_at`."""

    rows: Mapping[OutboxKind, int]
    recorded: Mapping[str, int]


_NOTHING = RelayResult({}, {})


class Relay(DatabaseWorker):
    """Sends what is in the shards that it holds. One that finds all shards taken stands by."""

    def __init__(
        self,
        configuration: Configuration,
        connection: Database,
        still_turning: StillTurning,
    ) -> None:
        """Takes no shard yet; `turn` does. `still_turning` is asked while deliveries are awaited.

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
        self._listener = ClientErrorListener()
        self._producer = Producer(
            producer(configuration.kafka, "relay") | {"error_cb": self._listener}
        )
        self._still_turning = still_turning
        self._failures: list[KafkaError] = []
        self._recorded: Counter[str] = Counter()
        self._sent: Counter[OutboxKind] = Counter()
        self._sleep = FIRST_RELAY_SLEEP
        self._heads: dict[int, tuple[int, float]] = {}
        self._check_topics()
        super().__init__(connection)

    @classmethod
    def create(
        cls, configuration: Configuration, connection: Database, still_turning: StillTurning
    ) -> Self:
        """The worker as the loop makes it."""
        return cls(configuration, connection, still_turning)

    def _check_topics(self) -> None:
        try:
            known = self._producer.list_topics(timeout=TOPICS_TIMEOUT).topics
        except KafkaException:
            self._producer.poll(0)
            if self._listener.refused is not None:
                raise KafkaException(self._listener.refused) from None
            raise
        missing = sorted(set(self._topics.values()) - known.keys())
        if missing:
            raise TopicChanged(
                f"topics {', '.join(missing)} do not exist",
                "create them with `points topics apply`",
            )

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; the shards' locks went with the old one."""
        super().use(connection)
        outbox.relax(raw(connection))
        self.shards: list[int] = []
        self._shards_at = 0.0

    def turn(self) -> float:
        """Delivers the heads of its shards.

        While there is nothing, waits a little longer each time.
        """
        if len(self.shards) < outbox.SHARDS and time.monotonic() > self._shards_at:
            self.take_shards()
            self._shards_at = time.monotonic() + SHARD_SECONDS
            metrics.RELAY_SHARDS.set(len(self.shards))
        delivered = self.deliver()
        if delivered.rows:
            _observe(delivered)
            self._sleep = FIRST_RELAY_SLEEP
            return 0.0 if sum(delivered.rows.values()) >= FULL_HEAD else GATHER_SECONDS
        self._sleep = min(LONGEST_RELAY_SLEEP, self._sleep * 1.2)
        return self._sleep if self.shards else SHARD_SECONDS

    def take_shards(self) -> None:
        """Takes every shard that no other relay has."""
        cursor = raw(self._connection)
        for shard in range(outbox.SHARDS):
            if shard not in self.shards and outbox.try_shard(cursor, shard):
                self.shards.append(shard)

    def deliver(self, limit: int = RELAY_BATCH) -> RelayResult:
        """Sends the heads of the shards and deletes what was delivered.

        Raises KafkaException when not all of it was: then nothing is deleted (I4).

        No transaction is open meanwhile: the shards are ours for as long as the connection lives.
        """
        if not self.shards:
            return _NOTHING
        cursor = raw(self._connection)
        rows = outbox.head(cursor, self.shards, limit)
        if not rows:
            return _NOTHING
        self._recorded.clear()
        self._sent.clear()
        self._send(rows)
        outbox.sent(cursor, rows)
        return RelayResult(dict(self._sent), dict(self._recorded))

    def sample(self) -> None:
        """Size and age of the outbox, over all shards."""
        cursor = raw(self._connection)
        metrics.OUTBOX_ROWS.set(gauges.outbox_rows(cursor))
        heads = outbox.head(cursor, range(outbox.SHARDS), 1)
        now = time.time()
        self._heads = {
            shard: self._since(shard, row_id, kind, value, now)
            for shard, row_id, kind, _, value, _ in heads
        }
        metrics.OUTBOX_OLDEST.set(min((since for _, since in self._heads.values()), default=0))

    def _since(
        self, shard: int, row_id: int, kind: int, value: bytes | None, now: float
    ) -> tuple[int, float]:
        """The head of a shard, and since when it waits.

        An event says when it was recorded. Of other rows it is known how long they have been seen
        at the head.
        """
        before = self._heads.get(shard)
        if before is not None and before[0] == row_id:
            return before
        if kind == OutboxKind.CHANGED and value is not None:
            event = orjson.loads(outbox.first_event(value))
            return row_id, datetime.fromisoformat(event["recorded_at"]).timestamp()
        return row_id, now

    def _send(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._failures.clear()
        for _, _, kind, key, value, headers in rows:
            if kind == OutboxKind.CHANGED:
                self._produce_events(value, headers)
            else:
                self._produce_row(OutboxKind(kind), key, value, headers)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while left := self._producer.flush(FLUSH_SLICE):
            if self._still_turning() or time.monotonic() > deadline:
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
            key = record_key(event["merchant_id"], event["member_id"])
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


def _observe(delivered: RelayResult) -> None:
    for kind, count in delivered.rows.items():
        metrics.RELAYED.labels(kind.name.lower()).inc(count)
        if kind in _DEAD_LETTER_KINDS:
            metrics.DEAD_LETTERS.labels(kind.name.lower()).inc(count)
    now = time.time()
    ages: list[float] = []
    for recorded_at, count in delivered.recorded.items():
        age = max(0.0, now - datetime.fromisoformat(recorded_at).timestamp())
        ages += [age] * count
    metrics.END_TO_END.observe_all(ages)


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
