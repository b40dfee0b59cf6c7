"""Topics' logs as the brokers know them, without joining a group."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka import logs
from processors.runtime.kafka.clients import ClientErrorListener, common
from processors.runtime.kafka.logs import LogEnds
from processors.runtime.kafka.records import received_ms
from processors.runtime.kafka.topics import describe
from store.streams.cursors import PartitionId

TIMEOUT: Final = 3.0
"""Seconds: a broker that is up answers in milliseconds, and the tables' gauges wait for this."""
READ_SECONDS: Final = 2.0
"""For the records that are looked at for their time, all together."""
FETCHED: Final = {
    "fetch.message.max.bytes": 65_536,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1024,
    "fetch.wait.max.ms": 50,
    # Also what an open transaction of a producer hides: it waits in the log all the same.
    "isolation.level": "read_uncommitted",
}
"""One record of a partition is wanted, and a fetch brings at least one, whatever its size."""


class Logs:
    """Clients of Kafka that look at logs."""

    def __init__(self, kafka: KafkaConfiguration) -> None:
        """Connects to nothing that is waited for."""
        self._kafka = kafka
        self._listener = ClientErrorListener()
        quiet: dict[str, Any] = {"error_cb": self._listener}
        self._admin = AdminClient(common(kafka, name="points-watch") | quiet)
        self._reader = self.reader("watch", FETCHED)
        self._groups: dict[str, Consumer] = {}

    def reader(self, group: str, more: dict[str, Any]) -> Consumer:
        """A consumer that is assigned its partitions: the group only names it."""
        return Consumer(
            common(self._kafka, name="points-watch")
            | {
                "group.id": self._kafka.group_of(group),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "error_cb": self._listener,
            }
            | more
        )

    def partitions(self, topics: Collection[str]) -> tuple[str, dict[str, list[PartitionId]]]:
        """The cluster, and the partitions of those of the topics that exist.

        Raises KafkaException when no broker answers.
        """
        metadata = self._admin.list_topics(timeout=TIMEOUT)
        known = [topic for topic in topics if topic in metadata.topics]
        described = describe(self._admin, metadata, known, TIMEOUT, lenient=True)
        return str(metadata.cluster_id), {
            topic: [PartitionId(topic, one.uuid, number) for number in range(one.partitions)]
            for topic, one in described.items()
        }

    def ends(
        self, places: Iterable[PartitionId]
    ) -> tuple[dict[PartitionId, LogEnds], dict[str, KafkaException]]:
        """Where the logs begin and end, and why that is not known of some topics."""
        asked = {(place.topic, place.partition): place for place in places}
        found, failed = logs.ends(self._admin, asked, TIMEOUT)
        return {asked[place]: ends for place, ends in found.items()}, failed

    def times(self, offsets: Mapping[PartitionId, int]) -> dict[PartitionId, float]:
        """The time of the first record at each offset or behind it, in seconds since 1970.

        Those that are not read in time, or have no time, are left out.
        """
        by_place = {(place.topic, place.partition): place for place in offsets}
        found: dict[PartitionId, float] = {}
        self._reader.assign([TopicPartition(p.topic, p.partition, at) for p, at in offsets.items()])
        try:
            deadline, open_ = time.monotonic() + READ_SECONDS, set(offsets)
            while open_ and (left := deadline - time.monotonic()) > 0:
                for message in self._reader.consume(len(open_), left):
                    place = by_place.get((str(message.topic()), int(message.partition() or 0)))
                    if place in open_:
                        open_.discard(place)
                        if message.error() is None and (moment := received_ms(message)) > 0:
                            found[place] = moment / 1000
        finally:
            self._reader.unassign()
        return found

    def committed(self, group: str, places: Sequence[PartitionId]) -> dict[PartitionId, int]:
        """The offsets that a group has committed; none where it has not. Raises KafkaException."""
        if group not in self._groups:
            self._groups[group] = self.reader(group, {})
        asked = {(place.topic, place.partition): place for place in places}
        found = logs.committed(self._groups[group], asked, TIMEOUT)
        return {asked[place]: offset for place, offset in found.items()}

    def refused(self) -> KafkaException | None:
        """What a broker refused us, which no call tells."""
        self._admin.poll(0)
        refused, self._listener.refused = self._listener.refused, None
        return KafkaException(refused) if refused is not None else None

    def close(self) -> None:
        """Ends the consumers."""
        for consumer in (self._reader, *self._groups.values()):
            consumer.close()
