"""The watch: what is overdue, what waits, how far pipelines are behind, whether events get through.

One speaks, the others stand by and show nothing of it: two that count the same rows would be added
up. Which one is decided by a lock of its session, so that another speaks when it is gone.
"""

import time
from collections.abc import Callable
from typing import Final, Self

import psycopg
from confluent_kafka import KafkaException

from processors import metrics
from processors.pipeline.pipeline import topics_of_notices, topics_read
from processors.registry import WORKERS
from processors.runtime import exposition
from processors.runtime.configuration import Configuration
from processors.runtime.failures import one_line
from processors.runtime.logs import log
from processors.runtime.phases import PHASES
from processors.runtime.worker import DatabaseWorker, new_instance
from processors.watch.heartbeats import Heartbeats
from processors.watch.invariants import Invariants
from processors.watch.logs import Logs
from processors.watch.pipeline_lag import PipelineLag
from processors.watch.waiting import Waiting
from schemas.errors import Exit, PointsError
from store.postgres.session import Cursor, Database, raw
from store.streams import speaker

LOOK_SECONDS: Final = 5.0
"""Between two looks."""
HEARTBEAT_SECONDS: Final = 10.0
"""Between two heartbeats of a shard."""
LISTEN_SECONDS: Final = 0.5
"""For a heartbeat that comes back; also how long a signal waits."""
STAND_BY_SECONDS: Final = 0.5
"""Between two tries to speak."""
SILENT_SECONDS: Final = 30.0
"""A watch that says nothing to the database for so long hangs, and another one speaks. Brokers that
do not answer take half of it.
"""
UNKNOWN_SECONDS: Final = 15.0
"""Without an answer from Kafka for so long, lag is not shown any more."""
OWN: Final = frozenset(WORKERS["watch"].metrics)
"""What only the one that speaks exports."""


class TopicsUnknown(PointsError):
    """Topics are missing, or have no leader at present."""

    code = "topics_unknown"
    exit_code = Exit.CURSOR


class Watch(DatabaseWorker):
    """Looks at the whole every few seconds, while no other does."""

    def __init__(self, configuration: Configuration, connection: Database) -> None:
        """Connects to Kafka, without waiting for it."""
        topics = configuration.topics
        pipelines = topics_read(topics)
        redis = configuration.redis.url
        groups = {"readmodel": topics.points_changed}
        self._logs = Logs(configuration.kafka)
        self._waiting = Waiting(list(pipelines))
        self._lag = PipelineLag(
            self._logs,
            pipelines,
            groups if redis is not None and redis.get_secret_value() else {},
            topics_of_notices(topics),
        )
        self._heartbeats = Heartbeats(self._logs, topics.heartbeat, new_instance())
        self._invariants = Invariants()
        self._troubles: dict[str, str] = {}
        self._look_at = self._beat_at = self._kafka_at = 0.0
        super().__init__(connection)

    @classmethod
    def of(cls, configuration: Configuration, connection: Database) -> Self:
        """A watch over the configured topics."""
        return cls(configuration, connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; the right to speak went with the old one."""
        super().use(connection)
        speaker.end_when_silent(raw(connection), SILENT_SECONDS)
        self._stand_by()

    def _stand_by(self) -> None:
        self.speaks = False
        exposition.silence(OWN)

    def turn(self) -> float:
        """Looks where it is time to, and listens for heartbeats."""
        if not self.speaks and not self._begin():
            return STAND_BY_SECONDS
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self.look()
            exposition.show(OWN)
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT_SECONDS
            self._note("heartbeat", self._tried("heartbeat", self._heartbeats.write))
        with PHASES.spending("poll"):
            self._heartbeats.read(LISTEN_SECONDS)
        return 0.0

    def _begin(self) -> bool:
        """Speaks from now on, if no other does."""
        self.speaks = speaker.try_to_speak(raw(self._connection))
        if self.speaks:
            log().info("speaks")
            self._lag.forget()
            self._heartbeats.begin()
            self._look_at = self._beat_at = 0.0
            self._kafka_at = time.monotonic()
        return self.speaks

    def look(self) -> bool:
        """Looks at everything once; whether it could. Raises psycopg.Error without a connection."""
        began = time.perf_counter()
        refusals = [self._tried("database", read) for read in self._waiting.parts]
        self._note("database", next(filter(None, refusals), None))
        self._note("invariants", self._tried("invariants", self._invariants.look))
        self._note("kafka", self._tried("kafka", self._look_at_logs))
        metrics.WATCH_SECONDS.observe(time.perf_counter() - began)
        metrics.WATCH_LAST.set(time.time())
        self.worked = True
        return not self._troubles

    def _look_at_logs(self, cursor: Cursor) -> None:
        beats = self._heartbeats.topic
        try:
            cluster, partitions = self._logs.partitions([*self._lag.topics, beats])
            places = partitions.pop(beats, [])
            unknown = self._lag.look(cursor, cluster, partitions)
        except KafkaException as error:
            if time.monotonic() - self._kafka_at > UNKNOWN_SECONDS:
                self._lag.forget()
            raise self._logs.refused() or error from None
        self._kafka_at = time.monotonic()
        self._heartbeats.listen(set(places))
        unknown += [f"{beats} does not exist"] if not places else []
        if unknown:
            raise TopicsUnknown(", ".join(unknown), "create topics with `points topics apply`")

    def _tried(self, part: str, look: Callable[[Cursor], None]) -> str | None:
        """Why something could not be looked at now: that is counted, and hides nothing else."""
        try:
            look(raw(self._connection))
        except (psycopg.Error, KafkaException, TopicsUnknown) as error:
            if self._connection.closed:
                raise
            metrics.WATCH_ERRORS.labels(part).inc()
            return one_line(error)
        return None

    def _note(self, part: str, why: str | None) -> None:
        if why != self._troubles.get(part):
            log().warning("not_watched", part=part, why=why or "it is again")
        self._troubles = {k: v for k, v in self._troubles.items() if k != part}
        if why is not None:
            self._troubles[part] = why

    def trouble(self) -> str | None:
        """What it cannot look at, if it is the one that speaks."""
        if not self.speaks:
            return None
        return next((f"{part}: {why}" for part, why in self._troubles.items()), None)

    def idle(self, seconds: float) -> None:
        """Listens meanwhile: heartbeats that come back are not late for the database's sake."""
        self._heartbeats.read(seconds)

    def close(self) -> None:
        """Ends the clients of Kafka."""
        self._heartbeats.close()
        self._logs.close()
