"""The cursors and dead letters of a pipeline, around what it does with a batch (architecture.md 2).

opening, counts = pipeline.open(cursor, records)      locks the cursors, compares them (I6)
…the pipeline's own work, in the same transaction…
pipeline.quarantine(cursor, records, poison, now, counts)
pipeline.advance(cursor, ends, counts)                moves them, with the counts (I7)
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from processors.runtime.configuration import Configuration, TopicsConfiguration
from processors.runtime.kafka.feed import Record
from processors.runtime.kafka.records import headers_of, key_of, received_at, traceparent_of
from processors.runtime.logs import log
from processors.tracing.context import trace_id
from rules.poison import Limits
from schemas import remedies
from schemas.ids import Micros
from schemas.upstream.envelope import Unreadable
from store.postgres.session import Cursor, Database, transaction
from store.streams import cursors, quarantine
from store.streams.cursors import Counts, PartitionId
from store.streams.quarantine import DeadLetters, Poison

INTAKE, COMMANDS = "intake", "commands"
"""The pipelines of the engine."""
NOTICES = "notices"
"""That of the notices lane, whose cursors are in a schema of its own."""
CANNOT_APPLY = "cannot_apply"
"""The reason of a record that can be read, and that something fails over nevertheless."""

LOGGED_OF_A_BATCH = 20
"""Dead letters of a batch that are logged one by one: a flood of them is counted."""

PoisonRecord: TypeAlias = tuple[Record, Unreadable]
CountsByPartition: TypeAlias = Mapping[PartitionId, Counts]
Done: TypeAlias = dict[PartitionId, tuple[int, Counts]]
"""The next offset of each partition, and what became of the records before it."""


def topics_read(topics: TopicsConfiguration) -> dict[str, list[str]]:
    """The topics that each pipeline reads."""
    return {
        INTAKE: [topics.orders, topics.deliveries, topics.customers],
        COMMANDS: [topics.commands],
    }


def topics_of_notices(topics: TopicsConfiguration) -> list[str]:
    """The topics that the notices lane reads."""
    return [topics.points_changed, topics.settings, topics.customers, topics.notices_feedback]


def dead_letters_of(topics: TopicsConfiguration) -> dict[str, DeadLetters]:
    """Where the poison of each topic goes that a pipeline reads."""
    return {
        topics.orders: DeadLetters(topics.dlq_orders, "orders"),
        topics.deliveries: DeadLetters(topics.dlq_deliveries, "deliveries"),
        topics.customers: DeadLetters(topics.dlq_customers, "customers"),
        topics.commands: DeadLetters(topics.dlq_commands, "commands"),
    }


def dead_letters_of_notices(topics: TopicsConfiguration) -> dict[str, DeadLetters]:
    """The same of the notices lane, which has one topic of dead letters for all that it reads."""
    letters = DeadLetters(topics.dlq_notices, "notices")
    return dict.fromkeys(topics_of_notices(topics), letters)


class Places(Protocol):
    """What a pipeline knows of where its records come from: the partitions that it has."""

    @property
    def cluster(self) -> str:
        """The id of the cluster."""

    @property
    def positions(self) -> Mapping[PartitionId, int]:
        """The next offset of each partition, as we believe the database's cursor to be."""

    @property
    def generation(self) -> int:
        """Another number each time that partitions came or went."""

    def done(self, offsets: dict[PartitionId, int]) -> None:
        """Notes new positions after a commit."""


class Pipeline:
    """One pipeline's cursors in the partitions that its feed has, and its dead letters."""

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        feed: Places,
        dead_letters: Mapping[str, DeadLetters] | None = None,
    ) -> None:
        """`name` is that of the pipeline: its cursors, its pause and its group bear it.

        `dead_letters` by topic, unless they are those of the engine.
        """
        self.name, self.feed = name, feed
        self._limits = Limits(**configuration.poison.model_dump())
        self._dead_letters = dead_letters or dead_letters_of(configuration.topics)
        self._group = configuration.kafka.group_of(name)

    def open(
        self, cursor: Cursor, ends: Mapping[PartitionId, int], records: Mapping[PartitionId, int]
    ) -> tuple[cursors.Opening, dict[PartitionId, Counts]]:
        """Locks the cursors, and counts what lies between the records on the way to `ends`.

        Raises CursorRefused, or Paused.
        """
        expected = self._positions(ends)
        opening = cursors.open_batch(cursor, self.name, self.feed.cluster, expected)
        if opening.paused:
            raise quarantine.Paused(f"the pipeline is paused; {remedies.status(self.name)}")
        counts = {
            # I7: an offset that brought no record was a marker, an aborted record, or compacted.
            partition: Counts(control=end - expected[partition] - records.get(partition, 0))
            for partition, end in ends.items()
        }
        return opening, counts

    def _positions(self, places: Collection[PartitionId]) -> dict[PartitionId, int]:
        """Where we believe the cursors to be.

        Raises CursorRefused where the group took a partition away while its records were in hand:
        that is no record's doing, and whoever has the partition now reads them.
        """
        positions = self.feed.positions
        expected = {place: at for place in places if (at := positions.get(place)) is not None}
        gone = [f"{place.topic}/{place.partition}" for place in places if place not in expected]
        if gone:
            raise cursors.CursorRefused(f"{', '.join(gone)} went to another worker meanwhile")
        return expected

    def advance(
        self, cursor: Cursor, ends: Mapping[PartitionId, int], counts: CountsByPartition
    ) -> Done:
        """Moves the cursors to `ends`, with the counts (I6, I7)."""
        done = {partition: (ends[partition], counts[partition]) for partition in ends}
        cursors.advance(cursor, self.name, self.feed.cluster, done)
        return done

    def committed(self, done: Done) -> None:
        """Tells the feed where the cursors are now."""
        self.feed.done({partition: end for partition, (end, _) in done.items()})

    def move(self, connection: Database, ends: Mapping[PartitionId, int]) -> None:
        """Moves cursors over offsets behind the last record that hold none.

        Raises CursorRefused, or Paused.
        """
        with transaction(connection) as cursor:
            _, counts = self.open(cursor, ends, {})
            done = self.advance(cursor, ends, counts)
        self.committed(done)

    def set_aside(
        self, connection: Database, record: Record, why: str, merchant_id: str | None
    ) -> Done:
        """Quarantines a record that cannot be applied, alone in a transaction.

        Raises CursorRefused, or Paused when there is too much of it.
        """
        poison = [(record, Unreadable(CANNOT_APPLY, why, merchant_id))]
        with transaction(connection) as cursor:
            ends = ends_of([record])
            opening, counts = self.open(cursor, ends, {record.place: 1})
            self.quarantine(cursor, [record], poison, opening.now, counts)
            done = self.advance(cursor, ends, counts)
        self.committed(done)
        return done

    def quarantine(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        unreadable: Sequence[PoisonRecord],
        now: Micros,
        counts: CountsByPartition,
    ) -> None:
        """Keeps poison, and stops where there is too much of it."""
        if not unreadable:
            return
        before = quarantine.consumed(cursor, self.name, self.feed.cluster, counts)
        at, position = dict(before), dict[tuple[PartitionId, int], int]()
        for record in records:
            at[record.place] += 1
            position[record.place, record.offset] = at[record.place]
        poison = [_poison(each, position[each[0].place, each[0].offset]) for each in unreadable]
        for each in poison:
            counts[each.place].dead += 1
        by_topic: dict[str, list[Poison]] = {}
        for each in quarantine.within_share(cursor, self.name, poison, self._limits, now):
            by_topic.setdefault(each.place.topic, []).append(each)
        for topic, of_topic in by_topic.items():
            dead_letters = self._dead_letters[topic]
            quarantine.put(cursor, self.name, self._group, dead_letters, of_topic, now)
        quarantine.check(cursor, self.name, self._limits, poison, before)
        _log_dead(unreadable)


def _log_dead(unreadable: Sequence[PoisonRecord]) -> None:
    """Where the records lie that become dead letters, the first of them each by itself."""
    for record, error in unreadable[:LOGGED_OF_A_BATCH]:
        log().warning(
            "dead_letter",
            topic=record.place.topic,
            partition=record.place.partition,
            offset=record.offset,
            reason=error.reason,
            trace_id=trace_id(traceparent_of(record.message)),
        )
    if len(unreadable) > LOGGED_OF_A_BATCH:
        log().warning("dead_letters", more=len(unreadable) - LOGGED_OF_A_BATCH)


def ends_of(records: Sequence[Record]) -> dict[PartitionId, int]:
    """The offset behind the last record of each partition."""
    return {record.place: record.offset + 1 for record in records}


def records_of(records: Sequence[Record]) -> Mapping[PartitionId, int]:
    """How many records there are of each partition."""
    return Counter([record.place for record in records])


def _poison(unreadable: PoisonRecord, position: int) -> Poison:
    record, error = unreadable
    return Poison(
        place=record.place,
        offset=record.offset,
        position=position,
        key=key_of(record.message),
        value=record.message.value(),
        headers=headers_of(record.message),
        timestamp=received_at(record.message),
        merchant_id=error.merchant_id,
        reason=error.reason,
        message=str(error),
    )
