"""A worker that reads topics, one batch a turn (architecture.md 2.1).

What becomes of a batch is the pipeline's own matter (`Batches`).
"""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, Protocol, Self

import psycopg
from confluent_kafka import KafkaException

from processors import metrics
from processors.pipeline import pipeline_metrics
from processors.pipeline.bisection import (
    Batches,
    Interrupted,
    Result,
    Result_co,
    process_in_parts,
)
from processors.pipeline.lag import Lag
from processors.pipeline.pipeline import Pipeline, topics_read
from processors.pipeline.pipeline_metrics import Received
from processors.pipeline.recreated import refuse_recreated
from processors.runtime.configuration import Configuration, IntakeConfiguration
from processors.runtime.failures import one_line
from processors.runtime.kafka.clients import GATHER_MS
from processors.runtime.kafka.feed import Feed, Record
from processors.runtime.phases import PHASES
from processors.runtime.worker import StillTurning
from schemas.errors import PointsError
from store.postgres.session import Database, raw
from store.reads import gauges
from store.streams import cursors
from store.streams.cursors import PartitionId

TOPIC_SECONDS, TOPIC_SECONDS_IN_TROUBLE = 10.0, 1.0
"""Between two looks whether the topics are still the same, and whether a lost broker is back."""
LAG_UPDATE_SECONDS = 1.0
MOVE_SECONDS = 1.0
"""Between two moves over offsets without a record: each is a transaction."""


class PipelineBatches(Batches[Result_co], Protocol[Result_co]):
    """What a pipeline does with its batches, on a connection that may be replaced."""

    def use(self, connection: Database) -> None:
        """Goes on with a new connection."""


class TopicWorker(ABC, Generic[Result]):
    """Reads the topics of a pipeline, a batch a turn.

    A kind says which pipeline and how large its batches are, what it does with them, and what it
    tells the metrics.
    """

    pipeline: str
    gather_ms = GATHER_MS
    batch_share = 1.0
    worked = False

    def __init__(
        self, configuration: Configuration, connection: Database, still_turning: StillTurning
    ) -> None:
        """Joins the group, after making sure that the topics are those of the cursors."""
        self._connection, self._still_turning = connection, still_turning
        self._sizes = self.sizes(configuration)
        topics = self._topics = topics_read(configuration.topics)[self.pipeline]
        self._feed = Feed(
            configuration.kafka, self.pipeline, topics, self._start_at, self.gather_ms
        )
        for topic in topics:
            refuse_recreated(
                raw(connection), self.pipeline, self._feed.cluster, topic, self._feed.uuid(topic)
            )
        self._pipeline = Pipeline(self.pipeline, configuration, self._feed)
        self._batches = self.batches(configuration, self._pipeline, connection)
        self._kafka_trouble: str | None = None
        self._check_at = self._lag_at = self._move_at = 0.0
        self._lag = Lag(topics)
        pipeline_metrics.begin(topics)
        self._feed.subscribe()

    @classmethod
    def create(
        cls, configuration: Configuration, connection: Database, still_turning: StillTurning
    ) -> Self:
        """The worker as the loop makes it."""
        return cls(configuration, connection, still_turning)

    @abstractmethod
    def sizes(self, configuration: Configuration) -> IntakeConfiguration:
        """How large its batches are, and how long to wait for them."""

    @abstractmethod
    def batches(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> PipelineBatches[Result]:
        """What it does with them."""

    @abstractmethod
    def count(self, received: Received, done: Result, seconds: float) -> Sequence[PartitionId]:
        """Tells the metrics of a committed batch; the partitions that it had records of."""

    def _start_at(self, place: PartitionId, first: int) -> int:
        """Where to read a partition from: the database's cursor, else the beginning of the log."""
        cursor = raw(self._connection)
        return cursors.start(cursor, self.pipeline, self._feed.cluster, place, first)

    def use(self, connection: Database) -> None:
        """Drops what is in hand: whether it was committed, the database's cursor says."""
        self._connection = connection
        self._batches.use(connection)
        self._feed.drop()

    def turn(self) -> float:
        """One batch, if there is one; waiting for it is part of the turn."""
        self._check_topics()
        size = max(1, int(self._sizes.batch * self.batch_share))
        with PHASES.spending("poll"):
            records = self.read(size, self._sizes.wait_ms / 1000)
        self.worked = bool(records)
        if records and not self.work_off(records):
            self.drop()
        if time.monotonic() > self._move_at:
            self._move_at = time.monotonic() + MOVE_SECONDS
            self._move()
        if time.monotonic() > self._lag_at:
            self._lag_at = time.monotonic() + LAG_UPDATE_SECONDS
            self._lag.update(self._feed.lags())
            left_out = Counter(place.topic for place in self._feed.left_out)
            for topic in self._topics:
                metrics.LEFT_OUT.labels(topic).set(left_out[topic])
        return 0.0

    def read(self, size: int, wait: float) -> Sequence[Record]:
        """The next batch: up to `size` records, which are waited for at most `wait` seconds."""
        return self._feed.batch(size, wait)

    def work_off(self, records: Sequence[Record]) -> bool:
        """What becomes of a batch. False when the worker is to stop before all of it is done."""
        return self.process(records)

    def process(self, records: Sequence[Record]) -> bool:
        """One transaction, or more where something fails over a record.

        False when the worker is to stop before all of it is done.
        """
        self._still_turning()  # a turn may have many parts
        began = time.perf_counter()
        try:
            for part, done in process_in_parts(self._batches, records, self._still_turning):
                received = Received.of(part)
                partitions = self.count(received, done, time.perf_counter() - began)
                self._lag.processed(partitions, max(received.times))
                began = time.perf_counter()
        except Interrupted:
            return False
        return True

    def _move(self) -> None:
        ahead = self._feed.ahead()
        if ahead:
            self._pipeline.move(self._connection, ahead)

    def _check_topics(self) -> None:
        """Asks Kafka now and then, and at once when a client complains for the first time."""
        alarmed = self._feed.listener.alarmed and self._kafka_trouble is None
        if time.monotonic() < self._check_at and not alarmed:
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
        """No broker, a topic that may not be read, or no answer of the group yet."""
        if self._kafka_trouble is not None:
            return f"kafka: {self._kafka_trouble}"
        for topic, why in self._feed.denied.items():
            return f"kafka: {topic} may not be read: {why}"
        return (
            None if self._feed.is_assigned else "kafka: waiting for the group to assign partitions"
        )

    def sample(self) -> None:
        """The settings epoch."""
        metrics.SETTINGS_EPOCH.set(gauges.epoch(raw(self._connection)))

    def close(self) -> None:
        """Tells Kafka where we are, and leaves the group.

        Before that it moves behind the markers of the last transactions: once retention has taken
        them, nothing tells them from records that were lost.
        """
        with suppress(psycopg.Error, PointsError):
            self._move()
        self._feed.hint()
        self._feed.close()
