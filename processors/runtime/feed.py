"""Batches of records, read from where the database says, whatever Kafka's group offsets are (I6).

Each topic has a consumer of its own in the group. One consumer for all of them would let the sticky assignor give one
worker every partition of the busy topic and another every partition of a quiet one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka import common, consumer
from store.cursors import Place

METADATA_TIMEOUT = 10.0
BEHIND_WAIT = 0.1
"""Seconds to wait for a full batch while there is a backlog: full batches are what throughput is made of."""
HINT_SECONDS = 5.0


NOWHERE = 2**63
"""The position in a partition that this worker does not have: no offset reaches it."""


class Record(NamedTuple):
    """A record and where it stands."""

    place: Place
    offset: int
    message: Message


class TopicChanged(Exception):
    """The topic behind a name is another one than the cursor knows, or the cursor lies outside its log."""


class Feed:
    """Consumers in a group, whose positions come from `start_at` and which drops what was revoked."""

    def __init__(
        self, kafka: KafkaConfiguration, worker: str, topics: Sequence[str], start_at: Callable[[Place, int], int]
    ) -> None:
        """`start_at(place, first)` gives the offset to start a partition at; `first` is where its log begins."""
        self._start_at = start_at
        self._topics = list(topics)
        self._admin = AdminClient(common(kafka, name=f"points-{worker}"))
        self.cluster, self._uuids = self._identify()
        self._consumers = {topic: Consumer(consumer(kafka, worker)) for topic in self._topics}
        self._busiest = self._topics[0]
        self.positions: dict[Place, int] = {}
        self._places: dict[tuple[str | None, int | None], Place] = {}
        self._hinted_at = time.monotonic()
        self._full = False
        for topic, reader in self._consumers.items():
            reader.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def _identify(self) -> tuple[str, dict[str, str]]:
        metadata = self._admin.list_topics(timeout=METADATA_TIMEOUT)
        missing = [t for t in self._topics if t not in metadata.topics]
        if missing:
            raise TopicChanged(f"topics {', '.join(missing)} do not exist: create them with `points topics apply`")
        described = self._admin.describe_topics(TopicCollection(self._topics), request_timeout=METADATA_TIMEOUT)
        return str(metadata.cluster_id), {t: str(f.result().topic_id) for t, f in described.items()}

    def _place(self, message: Message) -> Place:
        at = (message.topic(), message.partition())
        place = self._places.get(at)
        if place is None:
            topic = str(at[0])
            place = self._places[at] = Place(topic, self._uuids[topic], int(at[1] or 0))
        return place

    def uuid(self, topic: str) -> str:
        """The topic's uuid when this feed began."""
        return self._uuids[topic]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for part in partitions:
            place = Place(part.topic, self._uuids[part.topic], part.partition)
            first, _ = consumer.get_watermark_offsets(part, timeout=METADATA_TIMEOUT)
            part.offset = self.positions[place] = self._start_at(place, first)
        consumer.incremental_assign(partitions)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for part in partitions:
            self.positions.pop(Place(part.topic, self._uuids[part.topic], part.partition), None)

    def batch(self, size: int, wait: float) -> list[Record]:
        """Up to `size` records of partitions that are still assigned; waits longer while there is a backlog."""
        messages = self._consumers[self._busiest].consume(size, BEHIND_WAIT if self._full else wait)
        most = len(messages)
        for topic, reader in self._consumers.items():
            if topic != self._busiest and len(messages) < size:
                more = reader.consume(size - len(messages), 0)
                messages.extend(more)
                if len(more) > most:
                    self._busiest, most = topic, len(more)
        self._full = len(messages) >= size // 2
        return self._good(messages)

    def _good(self, messages: Sequence[Message]) -> list[Record]:
        good: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._complain(message, error)
                continue
            place, offset = self._place(message), int(message.offset() or 0)
            # `consume` may return records of a partition that was revoked meanwhile, or that a seek has left behind.
            if offset >= self.positions.get(place, NOWHERE):
                good.append(Record(place, offset, message))
        return good

    def _complain(self, message: Message, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001 - its name
            raise TopicChanged(
                f"the cursor of {message.topic()}/{message.partition()} lies outside the log: records were lost to retention "
                "or the topic was recreated; look with `points cursor show`, go on with `points cursor adopt`"
            )
        if error.fatal() or error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            raise KafkaException(error)

    def done(self, offsets: dict[Place, int]) -> None:
        """Takes note of new positions after a commit, and now and then tells Kafka, as a hint for people's tools."""
        for place, offset in offsets.items():
            if place in self.positions:
                self.positions[place] = offset
        if time.monotonic() - self._hinted_at > HINT_SECONDS:
            self.hint()

    def hint(self) -> None:
        """Commits the positions to the group, without waiting."""
        self._hinted_at = time.monotonic()
        for topic, reader in self._consumers.items():
            parts = [TopicPartition(p.topic, p.partition, o) for p, o in self.positions.items() if p.topic == topic]
            if parts:
                reader.commit(offsets=parts, asynchronous=True)

    def rewind(self) -> None:
        """Goes back to where the database says; everything in hand is dropped."""
        for place in list(self.positions):
            self.positions[place] = self._start_at(place, self.positions[place])
            part = TopicPartition(place.topic, place.partition, self.positions[place])
            self._consumers[place.topic].seek(part)
        self._full = False

    def idle(self, seconds: float) -> None:
        """Stays in the group without reading, while something else is out of order."""
        for topic, reader in self._consumers.items():
            reader.pause(self._parts(topic))
            reader.poll(seconds / len(self._consumers))
            reader.resume(self._parts(topic))

    def _parts(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition) for p in self.positions if p.topic == topic]

    def check_topics(self) -> None:
        """Raises TopicChanged when a topic of the feed was recreated under its name."""
        described: dict[str, Any] = self._admin.describe_topics(TopicCollection(self._topics), request_timeout=METADATA_TIMEOUT)
        for topic, future in described.items():
            now = str(future.result().topic_id)
            if now != self._uuids[topic]:
                raise TopicChanged(
                    f"topic {topic} was recreated (it was {self._uuids[topic]}, it is {now}): its cursor means nothing there; "
                    "look with `points cursor show`, go on with `points cursor adopt`"
                )

    def lag(self) -> int:
        """Records between the positions and the ends of the logs, computed from our own positions."""
        total = 0
        for place, position in self.positions.items():
            part = TopicPartition(place.topic, place.partition)
            _, high = self._consumers[place.topic].get_watermark_offsets(part, cached=True)
            total += max(0, high - position) if high >= 0 else 0
        return total

    def close(self) -> None:
        """Leaves the group."""
        for reader in self._consumers.values():
            reader.close()
