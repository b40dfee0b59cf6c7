"""Heartbeats: through the outbox, the relay and Kafka, and back.

One goes to each shard of members' events, behind what waits there: where they come back, events get
through. A shard never holds more than one that was not sent.
"""

import time
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import OFFSET_END, TopicPartition
from pydantic import ValidationError

from processors import metrics
from processors.watch.logs import Logs
from schemas.heartbeat import Heartbeat
from store.postgres.session import Cursor
from store.streams import outbox
from store.streams.cursors import PartitionId
from store.streams.outbox import EVENT_SHARDS

AT_ONCE: Final = 100
"""Records that are taken at once: there are a few every ten seconds."""


class Heartbeats:
    """Writes heartbeats and reads them back."""

    def __init__(self, logs: Logs, topic: str, instance: str) -> None:
        """`instance` tells this watch's heartbeats from those of the one before."""
        self.topic, self._instance = topic, instance
        self._reader = logs.reader("watch", {"auto.offset.reset": "latest"})
        self._places: set[PartitionId] = set()
        self._newest: dict[int, float] = {}

    def begin(self) -> None:
        """From now on heartbeats are missed."""
        self._newest = dict.fromkeys(range(EVENT_SHARDS), time.time())

    def listen(self, places: set[PartitionId]) -> None:
        """Reads these partitions of the topic from now on."""
        if places != self._places:
            self._reader.assign([TopicPartition(p.topic, p.partition, OFFSET_END) for p in places])
            self._places = places

    def write(self, cursor: Cursor) -> None:
        """Puts one into each shard that holds none, if there is a topic for them.

        A producer waits long for a topic that does not exist, and members' events with it.
        """
        if self._places:
            now = datetime.now(UTC)
            outbox.add_heartbeats(
                cursor,
                [
                    Heartbeat(shard=shard, instance=self._instance, written_at=now).to_json()
                    for shard in range(EVENT_SHARDS)
                ],
            )

    def read(self, seconds: float) -> None:
        """Takes what has come back, after a wait for the first."""
        messages = self._reader.consume(1, seconds)
        if messages:
            messages += self._reader.consume(AT_ONCE, 0)
        now = time.time()
        for message in messages:
            if message.error() is None:
                self._came_back(message.value() or b"", now)
        if self._newest:
            metrics.HEARTBEAT.set(min(self._newest.values()))

    def _came_back(self, value: bytes, now: float) -> None:
        try:
            beat = Heartbeat.read(value)
        except ValidationError:
            return  # whoever else writes there
        # Of a watch whose clock is ahead, or of whoever else writes there: none is from the future.
        written = min(beat.written_at.timestamp(), now)
        if beat.shard in self._newest:
            self._newest[beat.shard] = max(self._newest[beat.shard], written)
        if beat.instance == self._instance:
            metrics.HEARTBEAT_SECONDS.observe(now - written)

    def close(self) -> None:
        """Ends the consumer."""
        self._reader.close()
