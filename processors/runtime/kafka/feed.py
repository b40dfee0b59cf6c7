"""Batches of records, read from where the database says, whatever Kafka's group offsets are (I6).

Each topic has a consumer of its own in the group. One consumer for all of them would let the sticky
assignor give one worker every partition of the busy topic and another every partition of a quiet
one.
"""

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import (
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from processors import metrics
from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.clients import GATHER_MS, consumer
from processors.runtime.kafka.errors import (
    END_OF_LOG,
    MAY_NOT_READ,
    NOT_ALLOWED,
    OUTSIDE_THE_LOG,
)
from processors.runtime.kafka.identity import METADATA_TIMEOUT, KnownTopics
from processors.runtime.logs import log
from schemas import remedies
from store.streams.cursors import PartitionId

MORE_WHEN_BEHIND = 4
"""So many times the usual batch while there is a backlog: records of one order that meet in a batch
cost one write.
"""
HINT_SECONDS = 5.0
FIRST_SECONDS = 0.1
"""Who lets records gather for less time than that waits so long for the first: with 5 ms, a quiet
worker looked 200 times a second.
"""
DENIED_SECONDS = 2.0
"""Between two tries of topics that we may not read. On a quiet one a client says nothing when it
may again, unless it begins anew at the end.
"""
LEFT_OUT_SECONDS = 10.0
"""Between two looks whether an operator has adopted a position for a partition that is left out."""
NOWHERE = 2**63
"""The position of a partition that is not ours: no offset reaches it."""


class Record(NamedTuple):
    """A record and where it stands."""

    place: PartitionId
    offset: int
    message: Message


class Feed:
    """Consumers in a group: they start where `start_at` says, and drop what was revoked."""

    def __init__(
        self,
        kafka: KafkaConfiguration,
        worker: str,
        topics: Sequence[str],
        start_at: Callable[[PartitionId, int], int],
        gather_ms: int = GATHER_MS,
    ) -> None:
        """`start_at(place, first)` gives the offset to start a partition at.

        `first` is where its log begins; the broker lets records gather for `gather_ms`.

        Asks for the topics' uuids, and joins no group before `subscribe`.
        """
        self._kafka, self._worker, self._start_at = kafka, worker, start_at
        self._gather_ms = gather_ms
        self._topics = list(topics)
        self._known = KnownTopics(kafka, worker, topics)
        self.listener = self._known.listener
        self.cluster, self._uuids = self._known.cluster, self._known.uuids
        self._consumers: dict[str, Consumer] = {}
        self.positions: dict[PartitionId, int] = {}
        self._given: dict[PartitionId, int] = {}
        self.left_out: dict[PartitionId, int] = {}
        self.denied: dict[str, str] = {}
        self._ends: dict[PartitionId, tuple[int, int]] = {}
        self._places: dict[tuple[str, int], PartitionId] = {}
        self._assigned_topics: set[str] = set()
        self._held: set[PartitionId] = set()
        self.generation = 0
        self._busiest = self._topics[0]
        self._full = self._must_rewind = self._must_reopen = False
        self._trouble: Exception | None = None
        self._hinted_at = self._gathered_at = self._left_out_at = time.monotonic()
        self._denied_at = 0.0

    def subscribe(self) -> None:
        """Joins the group."""
        for topic in self._topics:
            reader = self._consumers[topic] = Consumer(
                consumer(self._kafka, self._worker, self._gather_ms) | {"error_cb": self.listener}
            )
            reader.subscribe(
                [topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )

    def _place(self, topic: str, partition: int) -> PartitionId:
        found = self._places.get((topic, partition))
        if found is None:
            found = self._places[topic, partition] = PartitionId(
                topic, self._uuids[topic], partition
            )
        return found

    def uuid(self, topic: str) -> str:
        """The topic's uuid when this feed began."""
        return self._uuids[topic]

    @property
    def is_assigned(self) -> bool:
        """Whether the group has answered for every topic, if only that nothing is left for us."""
        return len(self._assigned_topics) == len(self._topics)

    def _assigned(self, reader: Consumer, partitions: list[TopicPartition]) -> None:
        self.generation += 1
        try:
            for part in partitions:
                place = self._place(part.topic, part.partition)
                first, _ = reader.get_watermark_offsets(part, timeout=METADATA_TIMEOUT)
                part.offset = self.positions[place] = self._start_at(place, first)
                self._given.pop(place, None)
        except Exception as error:  # noqa: BLE001 - librdkafka would swallow it; `batch` raises it
            self._trouble, self._must_reopen = error, True
            for part in partitions:
                self.positions.pop(self._place(part.topic, part.partition), None)
                part.offset = OFFSET_END
        reader.incremental_assign(partitions)
        metrics.REBALANCES.labels("assigned").inc()
        self._assigned_topics.update(
            topic for topic, mine in self._consumers.items() if mine is reader
        )

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels("revoked").inc()
        self._give_up(partitions)

    def _give_up(self, partitions: list[TopicPartition]) -> None:
        self.generation += 1
        for part in partitions:
            place = self._place(part.topic, part.partition)
            self.positions.pop(place, None)
            self._given.pop(place, None)
            self.left_out.pop(place, None)
            self._ends.pop(place, None)

    def _lost(self, reader: Consumer, partitions: list[TopicPartition]) -> None:
        """The group has taken us for dead: until it answers again, nothing is ours."""
        metrics.REBALANCES.labels("lost").inc()
        self._give_up(partitions)
        self._assigned_topics.difference_update(
            topic for topic, mine in self._consumers.items() if mine is reader
        )

    def batch(self, size: int, wait: float) -> list[Record]:
        """Up to `size` records of partitions that are still assigned, and more in a backlog.

        Raises TopicChanged, and whatever went wrong while partitions were assigned.
        """
        self._look_for_adopted()
        if self.denied and time.monotonic() >= self._denied_at:
            self._denied_at = time.monotonic() + DENIED_SECONDS
            self._must_rewind = True
        if self._must_rewind or self._must_reopen:
            self.rewind()
        messages = self._gather(size * MORE_WHEN_BEHIND if self._full else size, wait)
        # Only a whole batch is a backlog: a wait that grew with every half-full one would feed
        # itself.
        self._full = len(messages) >= size
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        self._known.raise_if_refused()
        return self._ours(messages)

    def _gather(self, size: int, wait: float) -> list[Message]:
        """Records gather while the batch before is worked on: that time counts as waiting."""
        since = time.monotonic() - self._gathered_at
        messages = self._read(size, max(0.0, wait - since)) or self._wait(size, wait)
        self._gathered_at = time.monotonic()
        return messages

    def _wait(self, size: int, wait: float) -> list[Message]:
        """Where one topic is read that is quiet, for its first record, and those right behind it.

        Of more than one topic only one can be waited for.
        """
        if len(self._consumers) > 1 or not 0 < wait < FIRST_SECONDS:
            return self._read(size, wait)
        (reader,) = self._consumers.values()
        first = list(reader.consume(1, FIRST_SECONDS))
        return first + self._read(size - 1, wait) if first and size > 1 else first

    def _read(self, size: int, wait: float) -> list[Message]:
        """The busiest topic is waited for, the others are looked into.

        A full one lets the next go first.
        """
        messages = self._consumers[self._busiest].consume(size, wait)
        most = len(messages)
        if most == size:
            self._busiest = self._topics[
                (self._topics.index(self._busiest) + 1) % len(self._topics)
            ]
            return messages
        for topic, reader in self._consumers.items():
            if topic != self._busiest and len(messages) < size:
                more = reader.consume(size - len(messages), 0)
                messages.extend(more)
                if len(more) > most:
                    self._busiest, most = topic, len(more)
        return messages

    def _ours(self, messages: Sequence[Message]) -> list[Record]:
        """The records of our partitions that come next: behind those that were given before.

        `consume` may return records of a partition that was revoked meanwhile, or that a seek has
        left behind.
        """
        given, places = self._given, self._places
        positions = {place: max(at, given.get(place, at)) for place, at in self.positions.items()}
        ours: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None and error.code() != END_OF_LOG:
                self._complain(message, error)
                continue
            # Without a call more: this is done for every record.
            source: Any = message.topic(), message.partition()
            place = places.get(source) or self._place(*source)
            if self.denied:
                self.denied.pop(place.topic, None)
            offset = message.offset() or 0
            if error is not None:
                if offset > positions.get(place, NOWHERE):
                    self._ends[place] = positions[place], offset
                continue
            if offset >= positions.get(place, NOWHERE):
                positions[place] = offset + 1
                ours.append(Record(place, offset, message))
        self._given = positions
        return ours

    def _complain(self, message: Message, error: KafkaError) -> None:
        if error.code() in OUTSIDE_THE_LOG:
            self._leave_out(str(message.topic()), int(message.partition() or 0))
            return
        if error.code() == MAY_NOT_READ:
            # The client tries again by itself; the other topics are read meanwhile.
            self.denied[str(message.topic())] = error.str()
            return
        if error.fatal() or error.code() in NOT_ALLOWED:
            raise KafkaException(error)
        self.listener.alarmed = True

    def _leave_out(self, topic: str, partition: int) -> None:
        """Goes on without a partition whose cursor lies outside its log: never past what is lost.

        Raises TopicChanged when no other partition of ours is left to read.
        """
        place = self._place(topic, partition)
        at = self.positions.pop(place, None)
        if at is None:
            return  # revoked meanwhile
        self._ends.pop(place, None)
        self.left_out[place] = at
        self.generation += 1
        wrong = (
            f"the cursor of {topic}/{partition} lies outside the log: records were lost to "
            "retention, or the topic was recreated"
        )
        remedy = remedies.adopt_cursor(self._worker)
        if self.is_assigned and not self.positions:
            raise TopicChanged(wrong, remedy, where=topic)
        log().error("partition_left_out", why=wrong, remedy=remedy, offset=at)

    def _look_for_adopted(self) -> None:
        """Begins again once an operator has moved the cursor of a partition that is left out.

        A consumer seeks in no partition that it has given up: it joins the group again.
        """
        if not self.left_out or time.monotonic() < self._left_out_at:
            return
        self._left_out_at = time.monotonic() + LEFT_OUT_SECONDS
        if any(self._start_at(place, at) != at for place, at in self.left_out.items()):
            log().info("partitions_taken_back")
            self._must_reopen = True

    def done(self, offsets: dict[PartitionId, int]) -> None:
        """Notes new positions after a commit; now and then gives them to Kafka as a hint."""
        for place, offset in offsets.items():
            if place in self.positions:
                self.positions[place] = offset
        if time.monotonic() - self._hinted_at > HINT_SECONDS:
            self.hint()

    def ahead(self) -> dict[PartitionId, int]:
        """The ends of logs that were read to where they end, with our position before.

        Nothing but markers and aborted records of transactional producers lies between: where a
        record that was given is still in hand, the position is not behind the last one (I6).
        """
        reached = self._ends.items()
        return {place: end for place, (at, end) in reached if self.positions.get(place) == at}

    def hint(self) -> None:
        """Commits the positions to the group, without waiting; a hint that fails is no loss."""
        self._hinted_at = time.monotonic()
        for topic, reader in self._consumers.items():
            parts = [
                TopicPartition(p.topic, p.partition, o)
                for p, o in self.positions.items()
                if p.topic == topic
            ]
            if parts:
                with suppress(KafkaException):
                    reader.commit(offsets=parts, asynchronous=True)

    def hold_back(self, places: AbstractSet[PartitionId]) -> None:
        """Reads these partitions no further, until they are held back no more."""
        places &= self.positions.keys()
        for what, some in (("pause", places - self._held), ("resume", self._held - places)):
            for place in some & self.positions.keys():
                part = TopicPartition(place.topic, place.partition)
                with suppress(KafkaException):
                    getattr(self._consumers[place.topic], what)([part])
        self._held = set(places)

    def drop(self) -> None:
        """Everything in hand is void: before the next batch, go back to where the database says."""
        self._must_rewind = True

    def rewind(self) -> None:
        """Goes back to where the database says; everything in hand is dropped."""
        self._must_rewind, self._full = True, False
        self.generation += 1
        self._given.clear()
        self._ends.clear()
        self._held.clear()
        if not self._must_reopen:
            try:
                for place in list(self.positions):
                    at = self.positions[place] = self._start_at(place, self.positions[place])
                    self._consumers[place.topic].seek(
                        TopicPartition(place.topic, place.partition, at)
                    )
                self._each("resume")
            except KafkaException:
                self._must_reopen = True
        if self._must_reopen:
            self._reopen()
        self._must_rewind = False

    def _reopen(self) -> None:
        self.close()
        self.subscribe()
        self._must_reopen = False

    def idle(self, seconds: float) -> None:
        """Stays in the group without reading, while something else is out of order."""
        self._must_rewind = True  # a record that slips through the pause is read again
        self._each("pause")
        for reader in self._consumers.values():
            reader.poll(seconds / len(self._consumers))

    def _each(self, what: str) -> None:
        for topic, reader in self._consumers.items():
            parts = [
                TopicPartition(p.topic, p.partition) for p in self.positions if p.topic == topic
            ]
            with suppress(KafkaException):
                getattr(reader, what)(parts)

    def check_topics(self) -> None:
        """As KnownTopics.check."""
        self._known.check()

    def lags(self) -> dict[PartitionId, int]:
        """Records between each position and the end of its log, computed from our own positions."""
        found = {}
        for place, position in self.positions.items():
            part = TopicPartition(place.topic, place.partition)
            _, high = self._consumers[place.topic].get_watermark_offsets(part, cached=True)
            found[place] = max(0, high - position) if high >= 0 else 0
        return found

    def lag(self) -> int:
        """Records not processed yet, over all partitions of this worker."""
        return sum(self.lags().values())

    def close(self) -> None:
        """Leaves the group."""
        for reader in self._consumers.values():
            reader.close()
        self._consumers.clear()
        self._assigned_topics.clear()
        self.positions.clear()
        self._given.clear()
        self.left_out.clear()
        self.denied.clear()
        self._ends.clear()
