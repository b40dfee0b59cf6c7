"""A lane: rows on their way to Kafka through a producer of their own, and what became of them.

See architecture.md 2.5, I4. One lane has the members' events, each other kind of record one of its
own, so that what holds up one does not hold up the others.

Delivered or refused is known when nothing is in the producer's queue any more: only failures are
reported, since a call for every record costs more than producing it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from processors.relay.records import Outgoing, event_records, events_of, records_of, trace_of
from processors.runtime.logs import log
from processors.tracing.context import trace_id
from store.streams.outbox import TRACEPARENT, OutboxKind, Row
from store.streams.refused import Refusal

NO_PROGRESS_SECONDS = 15.0
"""Without one record less in the queue: then the relay says that it is not ready, and waits on."""
CAREFUL_SECONDS = 300.0
"""How long records are sent in batches of one, after one was refused. The broker refuses a whole
batch for one record of it, and one by one is slower.
"""
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0
"""Seconds between two tries of an event that is refused."""
FIRST_LOOK, LONGEST_LOOK = 0.001, 0.01
"""Seconds between two looks whether a flight has landed, growing from the first to the longest.
librdkafka wakes nobody who waits for it, as only failures are reported, and looks by itself every
ten milliseconds.
"""
PURGE_SECONDS = 1.0
FULL_HEAD = 1_000
"""Records of a flight that cost next to nothing each; fewer cost both servers the most."""
NOT_WAITED_FOR: Final = {"enable.idempotence": False, "message.timeout.ms": 10_000}
"""Of the producer of heartbeats: one that does not arrive soon is missed, as it should be."""

# What a topic is or lacks: no other record of it fares better.
OF_THE_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own codes begin so
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
# What is wrong with a record, or with another one of its batch.
OF_THE_RECORD: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._INVALID_ARG,  # noqa: SLF001
        KafkaError._INVALID_DIFFERENT_RECORD,  # noqa: SLF001
    }
)
FOR_GOOD: Final = OF_THE_TOPIC | OF_THE_RECORD

Rest: TypeAlias = tuple[int, float]
"""After fewer records than the first more come together for so many seconds."""


@dataclass(slots=True)
class Sent:
    """A row in flight. `skipped` of its events were delivered before.

    `recorded`: when each event was. `traces`: of those that have one, with the same instants.
    """

    row: Row
    topic: str
    records: int = 0
    skipped: int = 0
    whole: bool = True
    size: int = 0
    recorded: list[str] = field(default_factory=list)
    traces: list[tuple[str, bytes]] = field(default_factory=list)
    failures: list[tuple[KafkaError, bytes | None]] = field(default_factory=list)

    def reported(self, error: KafkaError | None, message: Message) -> None:
        """The producer's report of one record of the row."""
        if error is not None:
            self.failures.append((error, message.value()))

    @property
    def error(self) -> KafkaError | None:
        """Why it was not delivered: what is for good before what passes."""
        errors = [error for error, _ in self.failures]
        return next((e for e in errors if e.code() in FOR_GOOD), errors[0] if errors else None)

    def refused_for_good(self, *, careful: bool) -> bool:
        """Whether no further try helps; with a record's own faults only if it was alone."""
        error = self.error
        if error is None:
            return False
        return error.code() in OF_THE_TOPIC or (careful and error.code() in OF_THE_RECORD)


@dataclass(slots=True)
class Held:
    """An event that is refused holds its shard, since those behind it may be the same member's."""

    reason: str
    wait: float = FIRST_RETRY
    again_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a flight: rows to delete, rows to set aside, and what was delivered.

    `traces` are those of delivered events, with when each was recorded, sent at `sent_ns`.
    """

    delivered: Sequence[Row]
    refused: Sequence[Refusal]
    records: Mapping[OutboxKind, int]
    recorded: Mapping[str, int]
    traces: Sequence[tuple[str, bytes]]
    sent_ns: int


class Lane:
    """Sends heads of its shards, one flight at a time."""

    def __init__(
        self,
        name: str,
        shards: Sequence[int],
        topics: Mapping[OutboxKind, str],
        make: Callable[[dict[str, Any]], Producer],
        rests: Sequence[Rest] = (),
    ) -> None:
        """`make` makes a producer with further settings; it is called when there is work.

        After a flight more may gather, as the first of `rests` says that is for so few records.
        """
        self.name, self.shards, self._topics, self._make = name, tuple(shards), topics, make
        self._rests, self._rested_at = rests, 0.0
        self._producers: dict[bool, Producer] = {}
        self._beats: Producer | None = None
        self._flight: list[Sent] = []
        self._careful = False
        self._careful_until = 0.0
        self._reached: dict[int, tuple[int, int]] = {}
        self._held: dict[int, Held] = {}
        self._left, self._since, self._sent_ns = 0, 0.0, 0
        self._failed: str | None = None
        self._again_at, self._wait = 0.0, FIRST_RETRY

    @property
    def flying(self) -> bool:
        """Whether rows are on their way."""
        return bool(self._flight)

    def resting(self) -> float:
        """For how many seconds it lets more come together still."""
        return max(0.0, self._rested_at - time.monotonic())

    def open_shards(self) -> list[int]:
        """The shards whose heads may be sent now."""
        now = time.monotonic()
        if self._flight or now < max(self._again_at, self._rested_at):
            return []
        return [s for s in self.shards if s not in self._held or now >= self._held[s].again_at]

    def send(self, rows: Sequence[Row]) -> None:
        """Produces the rows. Of a shard that is held only the one event that was refused."""
        self._careful = time.monotonic() < self._careful_until
        self._sent_ns = time.time_ns()
        producer = self._producer()
        tried: set[int] = set()
        for row in rows:
            if row.shard in tried:
                continue
            if row.kind is OutboxKind.CHANGED:
                sent = self._events(producer, row)
            elif row.kind is OutboxKind.HEARTBEAT:
                sent = Sent(row, self._topics[row.kind], records=1)
            else:
                records = records_of(row, self._topics)
                sent = Sent(row, records[0].topic, size=sum(record.size for record in records))
                for record in records:
                    self._produce(producer, sent, record)
            if not sent.whole or (sent.failures and row.kind is OutboxKind.CHANGED):
                tried.add(row.shard)
            self._flight.append(sent)
        self._left, self._since = len(producer), time.monotonic()

    def connect(self) -> Producer:
        """The producer, made now: the first rows need not wait for its connections."""
        return self._producer()

    def _producer(self) -> Producer:
        if self._careful not in self._producers:
            alone = {"batch.num.messages": 1} if self._careful else {}
            self._producers[self._careful] = self._make(alone)
        return self._producers[self._careful]

    def _events(self, producer: Producer, row: Row) -> Sent:
        events, topic = events_of(row), self._topics[OutboxKind.CHANGED]
        number, reached = self._reached.get(row.shard, (0, 0))
        sent = Sent(row, topic, skipped=reached if number == row.id else 0)
        left = events[sent.skipped :]
        if row.shard in self._held:
            left = left[:1]
        sent.whole = sent.skipped + len(left) == len(events)
        for recorded, record in event_records(left, topic):
            sent.recorded.append(recorded)
            if (trace := trace_of(record)) is not None:
                sent.traces.append((recorded, trace))
            self._produce(producer, sent, record)
        return sent

    def _produce(self, producer: Producer, sent: Sent, record: Outgoing) -> None:
        sent.records += 1
        topic, key, value, headers, timestamp = record
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    key,
                    headers=headers,
                    timestamp=timestamp,
                    on_delivery=sent.reported,
                )
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                sent.failures.append((error.args[0], value))
                return
            except (TypeError, ValueError, OverflowError) as error:
                # What the client cannot even take, the broker never will.
                invalid = KafkaError(KafkaError._INVALID_ARG, str(error))  # noqa: SLF001
                sent.failures.append((invalid, value))
                return
            else:
                return

    def wait(self, seconds: float) -> bool:
        """Waits for deliveries; whether the flight has landed."""
        if not self._flight:
            return False
        left = self._producers[self._careful].flush(seconds)
        if left < self._left:
            self._left, self._since = left, time.monotonic()
        return left == 0

    def landed(self) -> Landed:
        """What became of the flight. Changes nothing: the database is to know it first.

        Raises KafkaException when the producer is of no use any more.
        """
        for sent in self._flight:
            for error, _ in sent.failures:
                if error.fatal():
                    raise KafkaException(error)
        delivered: list[Row] = []
        refused: list[Refusal] = []
        records: Counter[OutboxKind] = Counter()
        recorded: Counter[str] = Counter()
        traces: list[tuple[str, bytes]] = []
        behind: set[int] = set()
        for sent in self._flight:
            events = sent.row.kind is OutboxKind.CHANGED
            done = sent.error is None and sent.whole
            if not events and sent.refused_for_good(careful=self._careful):
                refused.append(_refusal(sent))
            elif done and sent.row.shard not in behind:
                delivered.append(sent.row)
                records[sent.row.kind] += sent.records
                recorded.update(sent.recorded)
                traces += sent.traces
            elif events:
                # Only the delivered beginning goes: events of one member stay in their order.
                behind.add(sent.row.shard)
        return Landed(delivered, refused, records, recorded, traces, self._sent_ns)

    def close_flight(self) -> None:
        """The database knows what became of it; what was not delivered is sent again.

        Heartbeats go now, since what was before them has arrived.
        """
        self._beat()
        now = time.monotonic()
        flight, self._flight = self._flight, []
        self._failed = None
        for sent in flight:
            error = sent.error
            if error is not None and error.code() in OF_THE_RECORD:
                self._careful_until = now + CAREFUL_SECONDS
            elif error is not None and error.code() not in FOR_GOOD:
                self._failed = f"kafka: {error.name()}: {error.str()} ({sent.topic})"
        self._again_at = now + self._wait if self._failed else 0.0
        records = sum(sent.records for sent in flight)
        self._rested_at = now + next((rest for few, rest in self._rests if records < few), 0.0)
        self._wait = min(LONGEST_RETRY, self._wait * 2) if self._failed else FIRST_RETRY
        seen: set[int] = set()
        for sent in flight:
            if sent.row.kind is OutboxKind.CHANGED and sent.row.shard not in seen:
                self._note(sent, now)
                if sent.failures or not sent.whole:
                    seen.add(sent.row.shard)

    def _beat(self) -> None:
        """Sends heartbeats and does not wait: their topic must hold up no event, whatever it lacks.

        Those that could not be sent are missed by whoever awaits them.
        """
        if not any(sent.row.kind is OutboxKind.HEARTBEAT for sent in self._flight):
            return
        if self._beats is None:
            self._beats = self._make(NOT_WAITED_FOR)
        for row in self.landed().delivered:
            if row.kind is OutboxKind.HEARTBEAT:
                with suppress(BufferError, KafkaException):
                    self._beats.produce(self._topics[row.kind], row.value, key=row.key)
        self._beats.poll(0)

    def _note(self, sent: Sent, now: float) -> None:
        """How far a row of events has come, and whether one of them holds the shard."""
        shard = sent.row.shard
        if sent.error is None:
            self._held.pop(shard, None)
            self._reached[shard] = sent.row.id, sent.skipped + sent.records
            return
        values = [value for value, _ in events_of(sent.row)]
        failed = {value for _, value in sent.failures}
        at = next((n for n, v in enumerate(values) if v in failed), sent.skipped)
        self._reached[shard] = sent.row.id, at
        if not sent.refused_for_good(careful=self._careful):
            return
        if shard not in self._held:
            _log_refused(sent, at)
        held = self._held.setdefault(shard, Held(""))
        held.reason = (
            f"shard {shard} is held: {sent.topic} refuses an event of outbox row {sent.row.id}, "
            f"{len(values[at]):,} bytes: {_named(sent.error)}"
        )
        held.again_at = now + held.wait
        held.wait = min(LONGEST_RETRY, held.wait * 2)
        if sent.error.code() in OF_THE_RECORD:
            self._careful_until = max(self._careful_until, now + CAREFUL_SECONDS)

    def trouble(self) -> str | None:
        """Why records wait that should not; None when none do."""
        for shard in sorted(self._held):
            return self._held[shard].reason
        if self._flight and self.stalled:
            return (
                f"kafka: {self._left:,} records for {', '.join(self._awaited())} wait, "
                f"none was delivered for {time.monotonic() - self._since:.0f} s"
            )
        return self._failed

    @property
    def stalled(self) -> bool:
        """Whether deliveries are awaited and none came for long."""
        return self.flying and time.monotonic() - self._since > NO_PROGRESS_SECONDS

    def _awaited(self) -> list[str]:
        return sorted({sent.topic for sent in self._flight})

    def forget(self, shard: int) -> None:
        """The shard goes to another relay."""
        self._held.pop(shard, None)
        self._reached.pop(shard, None)

    def abandon(self) -> None:
        """Gives up a flight: what is not delivered yet is not any more.

        What was is sent again by whoever has the shard then: receivers know the sequence.
        """
        if self._flight:
            producer = self._producers[self._careful]
            producer.purge()
            producer.flush(PURGE_SECONDS)
        if self._beats is not None:
            self._beats.purge()
            self._beats.flush(0)
        self._flight = []
        self._held.clear()
        self._reached.clear()


def any_lands(lanes: Sequence[Lane], seconds: float) -> bool:
    """Waits until one of some flights has landed; False when none has within so many seconds."""
    until, look = time.monotonic() + seconds, FIRST_LOOK
    while (left := until - time.monotonic()) > 0:
        if any(lane.wait(min(left, look)) for lane in lanes):
            return True
        look = min(LONGEST_LOOK, look * 1.5)
    return False


def _named(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"


def _log_refused(sent: Sent, at: int) -> None:
    """The event that holds its shard, by what its receivers would look for."""
    value, more = events_of(sent.row)[at]
    event = orjson.loads(value)
    log().error(
        "event_refused",
        why=_named(sent.error) if sent.error is not None else "",
        topic=sent.topic,
        row=sent.row.id,
        event_id=event["event_id"],
        trace_id=trace_id(dict(more).get(TRACEPARENT)),
    )


def _refusal(sent: Sent) -> Refusal:
    reason = _named(sent.error) if sent.error is not None else ""
    return Refusal(sent.row.shard, sent.row.id, sent.topic, sent.size, reason)
