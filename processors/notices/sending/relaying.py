"""Empties the lane's outbox into Kafka: one process at a time, with the engine's own lanes."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from confluent_kafka import KafkaException, Producer

from processors.pipeline.pipeline import NOTICES
from processors.relay import landing
from processors.relay.lane import Lane
from processors.relay.records import topics_of_notices
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import one_line
from processors.runtime.kafka.clients import ClientErrorListener, producer
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from schemas import remedies
from store.notices.sending import housekeeping
from store.postgres.session import Database, raw
from store.streams import outbox
from store.streams.outbox import SHARD_OF_KIND, OutboxKind

PACE_SECONDS: Final = 0.1
"""Between two looks into the outbox: a row for each chunk that was sent comes in between, and all
of them together cost little more than one.
"""
STANDBY_SECONDS: Final = 1.0
FLUSH_SECONDS: Final = 0.25
CLOSE_SECONDS: Final = 5.0


class Relaying:
    """A thread that sends what became of notices, dead letters and redriven records."""

    def __init__(self, configuration: LaneConfiguration, connect: Callable[[], Database]) -> None:
        """Connects to nothing yet."""
        self._kafka, self._connect = configuration.kafka, connect
        self._topics = topics_of_notices(configuration.topics)
        self._listener = ClientErrorListener()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="notices-relay", daemon=True)
        self.trouble: str | None = None
        self.failure: BaseException | None = None
        self.turned = time.monotonic()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Gives what is on its way some seconds to arrive."""
        self._stopping.set()
        self._thread.join(CLOSE_SECONDS * 2)

    def _producer(self, more: Mapping[str, Any]) -> Producer:
        return Producer(
            {**producer(self._kafka, "notices-send"), "error_cb": self._listener, **more}
        )

    def _live(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                self._relay()
                backoff.reset()
            except (psycopg.Error, KafkaException) as error:
                self.trouble = f"relay: {one_line(error)}"
                log().warning("relay_trouble", why=one_line(error))
                self._stopping.wait(backoff.next())
            except BaseException as error:  # noqa: BLE001 - the worker's own thread ends with it
                self.failure = error
                return

    def _relay(self) -> None:
        connection = self._connect()
        kinds = sorted({SHARD_OF_KIND[kind] for kind in (*self._topics, OutboxKind.REDRIVE)})
        lanes = [Lane(f"notices-{at}", [at], self._topics, self._producer) for at in kinds]
        try:
            while not self._stopping.is_set():
                self.turned = time.monotonic()
                if not housekeeping.takes_relay(raw(connection)):
                    self._stopping.wait(STANDBY_SECONDS)
                    continue
                self._own(connection, lanes)
        finally:
            for lane in lanes:
                lane.abandon()
            connection.close()

    def _own(self, connection: Database, lanes: list[Lane]) -> None:
        """The lock is ours for as long as the connection lives."""
        outbox.relax(raw(connection))
        while not self._stopping.wait(PACE_SECONDS):
            self.turned = time.monotonic()
            shards = [shard for lane in lanes for shard in lane.open_shards()]
            rows = outbox.head(raw(connection), shards) if shards else []
            for lane in lanes:
                mine = [row for row in rows if row.shard in lane.shards]
                if mine:
                    lane.send(mine)
            self._settle(connection, lanes, FLUSH_SECONDS)
            self.trouble = next(filter(None, (lane.trouble() for lane in lanes)), None)
        self._settle(connection, lanes, CLOSE_SECONDS)

    def _settle(self, connection: Database, lanes: list[Lane], seconds: float) -> None:
        for lane in lanes:
            if not lane.flying or not lane.wait(seconds):
                continue
            landed = lane.landed()
            landing.keep(connection, landed, remedies.refused_row(NOTICES))
            lane.close_flight()
            landing.count(landed)
