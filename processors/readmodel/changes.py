"""Changes of balances as Kafka tells them: which members to read again.

The events are only a trigger: what is written comes from the database's rows, so that a repeated or
late event does no harm. Where to go on after a restart is the group's offset in Kafka, committed
after the model was written. Where that is lost, the worker compares all that the model holds.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from processors import metrics
from processors.readmodel.members import member_of_event
from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.failures import one_line
from processors.runtime.kafka.clients import ClientErrorListener, consumer
from processors.runtime.kafka.errors import (
    END_OF_LOG,
    NOT_ALLOWED,
    OUTSIDE_THE_LOG,
    UNKNOWN_TOPIC,
)
from processors.runtime.kafka.records import received_at
from schemas.ids import Micros
from store.valkey.keys import MemberKey

WORKER: Final = "readmodel"
BATCH: Final = 2000
"""Events at once; the members among them are read from the database together."""
WAIT_SECONDS: Final = 0.05
"""For a first event: less than the second within which the model follows, and few wake-ups."""
COMMIT_SECONDS: Final = 1.0
TIMEOUT: Final = 5.0
LOOK_SECONDS, LOOK_TIMEOUT = 5.0, 1.0
"""Between two looks whether Kafka is there again, and how long one may take."""

Place = tuple[str, int]
"""Topic and partition."""


class Changes:
    """A consumer of the changes, in the read model's group."""

    def __init__(self, kafka: KafkaConfiguration, topic: str) -> None:
        """Joins the group; nothing is waited for."""
        self._kafka, self._topic = kafka, topic
        self._listener = ClientErrorListener()
        self.missed = False
        self.oldest_at: Micros | None = None
        self._trouble: Exception | None = None
        self._met: Exception | None = None
        self._positions: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        self._paused = self._joined = False
        self._commit_at = self._look_at = 0.0
        self._why: str | None = None
        self._consumer = self._open()

    def _open(self) -> Consumer:
        opened = Consumer(consumer(self._kafka, WORKER) | {"error_cb": self._listener})
        opened.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        return opened

    def poll(self) -> set[MemberKey]:
        """Members whose balance changed, after a short wait when there are none.

        Raises KafkaException for what an operator has to mend, and whatever went wrong while
        partitions were assigned.
        """
        met, self._met = self._met, None
        if met is not None:
            raise met
        self._resume()
        return self._take(self._consumer.consume(BATCH, WAIT_SECONDS))

    def _take(self, messages: Iterable[Message]) -> set[MemberKey]:
        self._raise_trouble()
        members: set[MemberKey] = set()
        for message in messages:
            if self._is_record(message) and (member := self._noted(message)) is not None:
                members.add(member)
        return members

    def _raise_trouble(self) -> None:
        refused, self._listener.refused = self._listener.refused, None
        if refused is not None:
            raise KafkaException(refused)
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            self._consumer.close()
            self._positions.clear()
            self._joined = False
            self._consumer = self._open()
            raise trouble

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in OUTSIDE_THE_LOG:
            # Events were deleted before we read them: what they changed is found by comparing.
            self._go_to_the_end(message)
        elif error.code() in (*NOT_ALLOWED, *UNKNOWN_TOPIC) or error.fatal():
            raise KafkaException(error)
        elif error.code() != END_OF_LOG:
            self._listener.alarmed = True
        return False

    def _noted(self, message: Message) -> MemberKey | None:
        place = (str(message.topic()), int(message.partition() or 0))
        if place in self._positions:
            self._positions[place] = int(message.offset() or 0) + 1
        self.oldest_at = min(self.oldest_at or 2**63, received_at(message))
        return member_of_event(message.value())

    def _go_to_the_end(self, message: Message) -> None:
        self.missed = True
        part = TopicPartition(str(message.topic()), int(message.partition() or 0))
        _, part.offset = self._consumer.get_watermark_offsets(part, timeout=TIMEOUT)
        self._positions[part.topic, part.partition] = part.offset
        self._consumer.seek(part)

    def _assigned(self, reader: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            for part in reader.committed(partitions, timeout=TIMEOUT):
                low, high = reader.get_watermark_offsets(part, timeout=TIMEOUT)
                known = low <= part.offset <= high
                # The end is read before anything is compared: what comes later is in the log.
                self.missed |= not known
                self._positions[part.topic, part.partition] = part.offset if known else high
            for part in partitions:
                part.offset = self._positions[part.topic, part.partition]
        except Exception as error:  # noqa: BLE001 - librdkafka would swallow it; `poll` raises it
            self._trouble, self.missed = error, True
            for part in partitions:
                part.offset = OFFSET_END
        reader.incremental_assign(partitions)
        metrics.REBALANCES.labels("assigned").inc()
        self._joined = True

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels("revoked").inc()
        self._give_up(partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels("lost").inc()
        self._give_up(partitions)

    def _give_up(self, partitions: list[TopicPartition]) -> None:
        for part in partitions:
            self._positions.pop((part.topic, part.partition), None)

    def written(self, *, at_once: bool = False) -> None:
        """The model has all that was polled: now and then the group's offsets follow."""
        self.oldest_at = None
        if not at_once and time.monotonic() < self._commit_at:
            return
        self._commit_at = time.monotonic() + COMMIT_SECONDS
        moved = {p: at for p, at in self._positions.items() if self._committed.get(p) != at}
        if moved:
            parts = [TopicPartition(topic, number, at) for (topic, number), at in moved.items()]
            # A commit that fails is no loss: what is read twice is written once.
            with suppress(KafkaException):
                if at_once:
                    self._consumer.commit(offsets=parts, asynchronous=False)
                else:
                    self._consumer.commit(offsets=parts)
            self._committed |= moved

    def idle(self, seconds: float) -> set[MemberKey]:
        """Stays in the group without reading on; what still comes is for the caller to keep.

        Another server is waited for meanwhile: what Kafka says against us is raised by `poll`.
        """
        if not self._paused:
            self._paused = True
            self._each("pause")
        message = self._consumer.poll(seconds)
        try:
            return self._take([message]) if message is not None else set()
        except Exception as error:  # noqa: BLE001 - raised again, where the loop can judge it
            self._met = error
            return set()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._each("resume")

    def _each(self, what: str) -> None:
        parts = [TopicPartition(topic, number) for topic, number in self._positions]
        with suppress(KafkaException):
            getattr(self._consumer, what)(parts)

    def lag(self) -> int:
        """Records between our positions and the ends of the log, as far as the client knows."""
        behind = 0
        for (topic, number), position in self._positions.items():
            part = TopicPartition(topic, number)
            _, high = self._consumer.get_watermark_offsets(part, cached=True)
            behind += max(0, high - position) if high >= 0 else 0
        return behind

    def trouble(self) -> str | None:
        """Why changes are not read: no place in the group yet, or a broker that does not answer.

        That is asked now and then, once the client has complained.
        """
        if self._listener.alarmed and time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            try:
                self._consumer.list_topics(self._topic, timeout=LOOK_TIMEOUT)
            except KafkaException as error:
                self._why = f"kafka: {one_line(error)}"
            else:
                self._listener.alarmed, self._why = False, None
        if self._why is None and not self._joined:
            return "kafka: it has no place in its group yet"
        return self._why

    def close(self) -> None:
        """Leaves the group."""
        self._consumer.close()
