"""The kinds of workers, and how each does its turns.

What they do is in the file of its name; the loop is shared.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from confluent_kafka import KafkaException
from psycopg import Connection

from processors import batch_metrics, metrics
from processors.expiry import BATCH as EXPIRY_BATCH
from processors.expiry import Expiry
from processors.grants import Grants
from processors.intake.batch import PIPELINE, Intake, start_at
from processors.recheck.recheck import Recheck
from processors.relay import Relay
from processors.runtime.configuration import Configuration
from processors.runtime.failures import TopicChanged, one_line
from processors.runtime.kafka.feed import Feed
from processors.runtime.loop import Factory
from schemas.ids import SECOND
from store.postgres.session import raw
from store.reads import gauges
from store.streams import cursors, outbox, recheck
from store.streams.cursors import PartitionId
from store.streams.outbox import OutboxKind

TIMER_SECONDS = 0.2
"""The longest sleep of what is due by the clock: timers act within a second, and nothing wakes us
for a new plan.
"""
RECHECK_SECONDS = 0.1
SHARD_SECONDS = 1.0
"""Between two looks for shards of a relay that died."""
RELAY_FIRST, RELAY_LONGEST = 0.01, 0.05
RELAY_MANY, RELAY_GATHERS = 1_000, 0.02
"""After a head of fewer records the relay lets more come together: a few at a time cost both
servers the most.
"""
TOPIC_SECONDS, TOPIC_SECONDS_IN_TROUBLE = 10.0, 1.0
LAG_SECONDS = 1.0
PURGE_SECONDS = 600.0
"""Between two looks for quarantined bytes that are 14 days old, and parked reports that are 180
days old.
"""

Database = Connection[tuple[Any, ...]]


class IntakeJob:
    """Orders, deliveries and customers from Kafka; see processors/intake/batch.py."""

    pipeline = PIPELINE

    def __init__(
        self, configuration: Configuration, connection: Database, _: Callable[[], bool]
    ) -> None:
        """Joins the group, after making sure that the topics are those of the cursors."""
        self._sizes, self._connection = configuration.intake, connection
        names = configuration.topics
        topics = [names.orders, names.deliveries, names.customers]
        self._feed = Feed(configuration.kafka, PIPELINE, topics, self._start_at)
        for topic in topics:
            self._refuse_recreated_topics(topic)
        self._intake = Intake(configuration, self._feed, connection)
        self._kafka_trouble: str | None = None
        self._check_at = self._lag_at = 0.0
        self._lag = _Lag(topics)
        self._feed.subscribe()

    def _start_at(self, place: PartitionId, first: int) -> int:
        return start_at(self._connection, self._feed.cluster, place, first)

    def _refuse_recreated_topics(self, topic: str) -> None:
        """A topic of the same name with another uuid was recreated, or is another cluster's: nobody may guess (I6)."""
        cursor, cluster, uuid = raw(self._connection), self._feed.cluster, self._feed.uuid(topic)
        if cursors.is_known(cursor, PIPELINE, cluster, uuid):
            return
        for other_cluster, other_uuid, partition, offset in cursors.cursors_of_other_topics(
            cursor, PIPELINE, cluster, topic, uuid
        ):
            raise TopicChanged(
                f"topic {topic} was recreated, or this is another cluster: the cursor of partition {partition} stands "
                f"at {offset} in topic {other_uuid} of cluster {other_cluster}, while here it is {uuid} of {cluster}; "
                "look with `points cursor show`, go on with `points cursor adopt`"
            )

    def use(self, connection: Database) -> None:
        """What was in hand may be committed or not: the cursor in the database tells."""
        self._connection = connection
        self._intake.use(connection)
        self._feed.drop()

    def turn(self) -> float:
        """One batch, if there is one; waiting for it is part of the turn."""
        self._check_topics()
        records = self._feed.batch(self._sizes.batch, self._sizes.wait_ms / 1000)
        if records:
            began = time.perf_counter()
            done = self._intake.process(records)
            batch_metrics.batch_done(records, done, time.perf_counter() - began)
            self._lag.processed(
                done.counts.keys(), max(r.message.timestamp()[1] for r in records) / 1000
            )
        if time.monotonic() > self._lag_at:
            self._lag_at = time.monotonic() + LAG_SECONDS
            self._lag.look(self._feed.lags())
        return 0.0

    def _check_topics(self) -> None:
        now = time.monotonic()
        if now < self._check_at and not (self._feed.watch.alarmed and self._kafka_trouble is None):
            return
        try:
            self._feed.check_topics()
            self._kafka_trouble = None
        except KafkaException as error:
            self._kafka_trouble = one_line(error)
        self._check_at = time.monotonic() + (
            TOPIC_SECONDS_IN_TROUBLE if self._kafka_trouble else TOPIC_SECONDS
        )

    def drop(self) -> None:
        """Goes back to the database's cursors with the next batch."""
        self._feed.drop()

    def idle(self, seconds: float) -> None:
        """Polls, so that the group keeps us."""
        self._feed.idle(seconds)

    def trouble(self) -> str | None:
        """No broker, or no answer of the group yet."""
        if self._kafka_trouble is not None:
            return f"kafka: {self._kafka_trouble}"
        return (
            None if self._feed.is_assigned else "kafka: waiting for the group to assign partitions"
        )

    def sample(self) -> None:
        """Quarantine and settings."""
        cursor = raw(self._connection)
        metrics.SETTINGS_EPOCH.set(gauges.epoch(cursor))
        for topic, count in gauges.quarantined(cursor).items():
            metrics.QUARANTINE.labels(topic).set(count)

    def close(self) -> None:
        """Tells Kafka where we are, and leaves the group."""
        self._feed.hint()
        self._feed.close()


class _Lag:
    """How far behind a worker is, by topic.

    Its age is at most what has passed since it last was not behind at all.
    """

    def __init__(self, topics: list[str]) -> None:
        self._since: dict[PartitionId, float] = {}
        self._behind: dict[str, float] = dict.fromkeys(topics, 0.0)
        for topic in topics:
            metrics.at_scrape(metrics.LAG_SECONDS, topic, self._age(topic))

    def _age(self, topic: str) -> Callable[[], float]:
        def age() -> float:
            since = self._behind[topic]
            return max(0.0, time.time() - since) if since else 0.0

        return age

    def processed(self, places: Iterable[PartitionId], newest: float) -> None:
        """Records up to a timestamp (seconds) were processed.

        What is left of their partitions is not much older.
        """
        for place in places:
            self._since[place] = max(self._since.get(place, 0.0), newest)

    def look(self, lags: Mapping[PartitionId, int]) -> None:
        """The records that are left, by partition."""
        now = time.time()
        self._since = {
            place: self._since.get(place, now) if lag else now for place, lag in lags.items()
        }
        for topic in self._behind:
            mine = {place: lag for place, lag in lags.items() if place.topic == topic}
            self._behind[topic] = min(
                (self._since[p] for p, lag in mine.items() if lag), default=0.0
            )
            metrics.LAG.labels(topic).set(sum(mine.values()))
            metrics.OLDEST_UNPROCESSED.labels(topic).set(self._behind[topic])


class _DatabaseJob:
    """What jobs have in common that read no topic."""

    pipeline = None

    def drop(self) -> None:
        """Nothing is in hand between turns."""

    def idle(self, seconds: float) -> None:
        """There is nothing to poll."""
        time.sleep(seconds)

    def trouble(self) -> str | None:
        """A turn that succeeds is all it takes."""
        return None

    def sample(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing is left open."""


class GrantsJob(_DatabaseJob):
    """Due grants; see processors/grants.py."""

    def __init__(self, _: Configuration, connection: Database, __: Callable[[], bool]) -> None:
        """Works through `connection`."""
        self._connection = connection
        self._grants = Grants(connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._grants.use(connection)

    def turn(self) -> float:
        """Claims once; with nothing claimed, sleeps until something may be due."""
        began = time.perf_counter()
        granted = self._grants.turn()
        if granted.tally.claimed:
            spent = time.perf_counter() - began
            metrics.GRANT_LATENESS.observe_all([late + spent for late in granted.lateness])
            metrics.BATCH_SECONDS.observe(spent)
            metrics.BATCH_RECORDS.observe(granted.tally.claimed)
            batch_metrics.posted(granted.tally)
            return 0.0
        due, now = gauges.next_due(raw(self._connection))
        left = TIMER_SECONDS if due is None else (due - now) / SECOND
        # What is overdue and was not claimed is in another worker's hands.
        return min(TIMER_SECONDS, left) if left > 0 else TIMER_SECONDS / 10

    def sample(self) -> None:
        """The oldest grant that is overdue."""
        cursor = raw(self._connection)
        due, now = gauges.next_due(cursor)
        metrics.OLDEST_DUE.set(due / SECOND if due is not None and due <= now else 0)
        metrics.SETTINGS_EPOCH.set(gauges.epoch(cursor))


class RecheckJob(_DatabaseJob):
    """The recheck queue; see processors/recheck/recheck.py."""

    def __init__(
        self, configuration: Configuration, connection: Database, _: Callable[[], bool]
    ) -> None:
        """Works through `connection`."""
        self._connection = connection
        self._recheck = Recheck(connection, configuration.application_id)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._recheck.use(connection)

    def turn(self) -> float:
        """One claim.

        A short sleep with nothing claimed, a shorter one while others' transactions are waited for.
        """
        turned = self._recheck.turn()
        if not turned.rows:
            return RECHECK_SECONDS / 5 if turned.waiting else RECHECK_SECONDS
        metrics.RECHECKED.inc(turned.tally.claimed)
        batch_metrics.posted(turned.tally)
        return 0.0

    def sample(self) -> None:
        """The length of the queue, which a transaction left open somewhere on the server holds up."""
        metrics.RECHECK_ROWS.set(recheck.waiting(raw(self._connection)))


class ExpiryJob(_DatabaseJob):
    """Lots that lapse; see processors/expiry.py."""

    def __init__(self, _: Configuration, connection: Database, __: Callable[[], bool]) -> None:
        """Works through `connection`."""
        self._expiry = Expiry(connection)
        self.use = self._expiry.use
        self._purge_at = 0.0

    def turn(self) -> float:
        """One claim; a full one means that there is more."""
        accounts = self._expiry.turn()
        metrics.EXPIRED_ACCOUNTS.inc(accounts)
        if time.monotonic() > self._purge_at and self._expiry.purge() == 0:
            self._expiry.look_at_codes()
            self._purge_at = time.monotonic() + PURGE_SECONDS
        return 0.0 if accounts == EXPIRY_BATCH else TIMER_SECONDS


class RelayJob(_DatabaseJob):
    """The outbox to Kafka; see processors/relay.py. One that finds all shards taken stands by."""

    def __init__(
        self, configuration: Configuration, connection: Database, stopping: Callable[[], bool]
    ) -> None:
        """Works through `connection`."""
        self._connection = connection
        self._relay = Relay(configuration, connection, stopping)
        self._wait, self._shards_at = RELAY_FIRST, 0.0
        self._seen: dict[int, tuple[int, float]] = {}

    def use(self, connection: Database) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._relay.use(connection)
        self._shards_at = 0.0

    def turn(self) -> float:
        """Delivers the heads of its shards.

        While there is nothing, waits a little longer each time.
        """
        if len(self._relay.shards) < outbox.SHARDS and time.monotonic() > self._shards_at:
            self._relay.take_shards()
            self._shards_at = time.monotonic() + SHARD_SECONDS
            metrics.RELAY_SHARDS.set(len(self._relay.shards))
        done = self._relay.turn()
        if done.rows:
            batch_metrics.relayed(done)
            self._wait = RELAY_FIRST
            return 0.0 if sum(done.rows.values()) >= RELAY_MANY else RELAY_GATHERS
        self._wait = min(RELAY_LONGEST, self._wait * 1.2)
        return self._wait if self._relay.shards else SHARD_SECONDS

    def sample(self) -> None:
        """Size and age of the outbox, over all shards."""
        cursor = raw(self._connection)
        metrics.OUTBOX_ROWS.set(gauges.outbox_rows(cursor))
        heads = outbox.head(cursor, range(outbox.SHARDS), 1)
        now = time.time()
        self._seen = {
            shard: self._since(shard, row_id, kind, value, now)
            for shard, row_id, kind, _, value, _ in heads
        }
        metrics.OUTBOX_OLDEST.set(min((since for _, since in self._seen.values()), default=0))

    def _since(
        self, shard: int, row_id: int, kind: int, value: bytes | None, now: float
    ) -> tuple[int, float]:
        """Events tell when they were recorded.

        Of the others it is known how long they have been seen at the head.
        """
        before = self._seen.get(shard)
        if before is not None and before[0] == row_id:
            return before
        if kind == OutboxKind.CHANGED and value is not None:
            return row_id, datetime.fromisoformat(
                orjson.loads(outbox.first_event(value))["recorded_at"]
            ).timestamp()
        return row_id, now


WORKERS: Mapping[str, Factory] = {
    "relay": RelayJob,
    "grants": GrantsJob,
    "recheck": RecheckJob,
    "expiry": ExpiryJob,
    "intake": IntakeJob,
}
"""Every kind, in the order in which `points run all` starts them."""
