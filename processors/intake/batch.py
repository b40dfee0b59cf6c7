"""Intake: orders, deliveries and customers from Kafka, one transaction a batch.

See architecture.md 2.1.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processors.intake.customer_events import CustomerAndAppEvents
from processors.intake.decoding import DecodedBatch, OrderEvent, PoisonRecord, decode_batch
from processors.intake.order_folding import fold_orders
from processors.intake.rechecks import enqueue_rechecks
from processors.intake.report_matching import (
    CountsByPartition,
    MatchedBatch,
    ReportMatcher,
    ResolvedReport,
)
from processors.runtime.configuration import Configuration, TopicsConfiguration
from processors.runtime.kafka.feed import Feed, Record
from processors.runtime.kafka.records import headers_of, key_of, received_at
from processors.settlement import Tally, settle
from rules.poison import Limits
from schemas.ids import DAY, Micros
from schemas.upstream.envelope import RecordKind, Unreadable
from store.carriers import unknown_codes
from store.carriers.tracking import NewNumberRace
from store.carriers.unknown_codes import CodesChanged
from store.orders import orders
from store.orders.orders import NewOrderRace
from store.postgres.interning import InternedStrings, NotInterned
from store.postgres.session import Cursor, Database, raw, transaction
from store.settings.merchants import Merchants, UnknownMerchantId
from store.streams import cursors, parked_records, quarantine
from store.streams.cursors import Counts, CursorRefused, PartitionId
from store.streams.quarantine import Poison

PIPELINE = "intake"
CANNOT_APPLY = "cannot_apply"
"""The reason of a record that can be read, and that something fails over nevertheless."""
FUTURE = DAY
"""A version further ahead than this would block its order for ever (rules.md 7)."""


@dataclass(slots=True)
class IntakeResult:
    """What a committed batch did, for metrics."""

    counts: dict[PartitionId, tuple[int, Counts]]
    tally: Tally
    orders: Sequence[OrderEvent]
    reports: Sequence[ResolvedReport]
    matched: MatchedBatch
    committed_at: float = 0.0


class Intake:
    """Turns batches of records into one transaction each."""

    def __init__(self, configuration: Configuration, feed: Feed, connection: Database) -> None:
        """`feed` reads the topics; all effects go through `connection`."""
        self._feed = feed
        self._limits = Limits(**configuration.poison.model_dump())
        topics = configuration.topics
        self._likely: Mapping[str, RecordKind] = {
            topics.orders: "order",
            topics.deliveries: "delivery",
            topics.customers: "customer",
        }
        self._dead_letters = dead_letters_of(topics)
        self._customer_and_app_events = CustomerAndAppEvents(configuration.application_id)
        self._group = f"{configuration.kafka.group_id}.{PIPELINE}"
        self.use(connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        self._connection = connection
        self._words = InternedStrings(connection)
        self._merchants = Merchants(connection)
        self._matcher = ReportMatcher(connection, self._words, self._merchants)

    def process(self, records: Sequence[Record]) -> IntakeResult:
        """Applies a batch. Raises CursorRefused or quarantine.Paused when nothing was written."""
        # 1. From bytes to typed events. The other seven steps are in `_apply`.
        decoded = decode_batch(records, self._likely)
        # Tiers have ids, so that of all words these are new most often: found only when the batch
        # is written, every new one would have the whole batch done twice.
        self._words.learn({event.tier for event in decoded.orders})
        merchants = {event.merchant_id for event in decoded.orders}
        if unmet := merchants - self._merchants.numbers.keys():
            self._merchants.look_up(unmet)
        while True:
            try:
                with transaction(self._connection) as cursor:
                    result = self._apply(cursor, records, decoded)
            except (NewOrderRace, NewNumberRace, CodesChanged):
                continue
            except NotInterned:
                self._learn_words(decoded)
                continue
            except UnknownMerchantId:
                # Outside the transaction, so that no batch waits for another's merchants.
                self._merchants.learn(decoded.merchant_ids())
                continue
            result.committed_at = time.time()
            self._matcher.known_claims.committed(
                result.matched.numbers.values(), result.matched.claimed
            )
            self._feed.done({partition: end for partition, (end, _) in result.counts.items()})
            return result

    def _apply(
        self, cursor: Cursor, records: Sequence[Record], decoded: DecodedBatch
    ) -> IntakeResult:
        """Steps 2 to 8, one after the other.

        Locks are taken in the order that all workers keep: cursors, tracking numbers, orders,
        accounts, lots.
        """
        ends = {record.place: record.offset + 1 for record in records}

        # 2. The cursors, compared with where this worker believes to be (I6).
        opening, counts = self._open(cursor, ends, Counter([record.place for record in records]))
        if opening.epoch != self._merchants.epoch:
            self._merchants.refresh()
        now, epoch, numbers = opening.now, self._merchants.epoch, self._merchants.numbers
        latest = now + FUTURE
        batch = decoded if decoded.newest_at <= latest else decoded.until(latest)

        # 3. The tracking numbers, and whose the reports are.
        events = [((numbers[event.merchant_id], event.order_id), event) for event in batch.orders]
        reports = self._matcher.resolve_codes(batch.reports, self._merchants.codes)
        matched = self._matcher.match(cursor, events, reports, now, counts)

        # 4. The orders: locked, and everything folded into their facts.
        folded = fold_orders(cursor, events, matched, self._words, counts)

        # 5. Decide what changed, post the differences, bring the plan in step (I1).
        changed = [(folded.rows[key], folded.triggers[key]) for key in sorted(folded.triggers)]
        tally = settle(cursor, changed, self._merchants, now)

        # 6. The orders' rows.
        orders.write(cursor, [row for row, _ in changed], self._words)

        # 7. What concerns other orders than those of the batch.
        enqueue_rechecks(cursor, folded, matched)
        parked_records.settled(cursor, matched.settled)
        if matched.parked:
            parked_records.put(cursor, PIPELINE, matched.parked.values(), now)
        if batch.customers_and_apps:
            epoch += self._customer_and_app_events.apply(
                cursor, batch.customers_and_apps, self._merchants, counts
            )
        if matched.unknown_codes:
            unknown_codes.note(cursor, matched.unknown_codes, epoch, now)

        # 8. The cursors move, with the counts (I6, I7).
        if batch.ignored or batch.poison:
            self._count_ignored(batch, counts)
            self._quarantine(cursor, records, batch.poison, now, counts)
        done = {partition: (ends[partition], counts[partition]) for partition in ends}
        cursors.advance(cursor, PIPELINE, self._feed.cluster, done)
        return IntakeResult(done, tally, decoded.orders, reports, matched)

    def _learn_words(self, decoded: DecodedBatch) -> None:
        """Numbers for new words, outside the transaction: no batch waits for another's words."""
        words = {word for event in decoded.orders for word in event.words()}
        if decoded.reports:
            reports = self._matcher.resolve_codes(decoded.reports, self._merchants.codes)
            words |= self._matcher.words(reports)
        self._words.learn(words)

    def _open(
        self, cursor: Cursor, ends: Mapping[PartitionId, int], records: Mapping[PartitionId, int]
    ) -> tuple[cursors.Opening, dict[PartitionId, Counts]]:
        """Locks the cursors, and counts what lies between the records on the way to `ends`.

        Raises CursorRefused, or Paused.
        """
        expected = {partition: self._feed.positions[partition] for partition in ends}
        opening = cursors.open_batch(cursor, PIPELINE, self._feed.cluster, expected)
        if opening.paused:
            raise quarantine.Paused("the pipeline is paused; see `points status`")
        counts = {
            # I7: an offset that brought no record was a marker, an aborted record, or compacted.
            partition: Counts(control=end - expected[partition] - records.get(partition, 0))
            for partition, end in ends.items()
        }
        return opening, counts

    def move(self, ends: Mapping[PartitionId, int]) -> None:
        """Moves cursors over offsets behind the last record that hold none.

        Raises CursorRefused, or Paused.
        """
        with transaction(self._connection) as cursor:
            _, counts = self._open(cursor, ends, {})
            done = {partition: (end, counts[partition]) for partition, end in ends.items()}
            cursors.advance(cursor, PIPELINE, self._feed.cluster, done)
        self._feed.done(dict(ends))

    def set_aside(self, record: Record, why: str) -> IntakeResult:
        """Quarantines a record that cannot be applied, alone in a transaction.

        Raises CursorRefused, or Paused when there is too much of it.
        """
        poison = [(record, Unreadable(CANNOT_APPLY, why, self._merchant_of(record)))]
        with transaction(self._connection) as cursor:
            ends = {record.place: record.offset + 1}
            opening, counts = self._open(cursor, ends, {record.place: 1})
            self._quarantine(cursor, [record], poison, opening.now, counts)
            done = {record.place: (record.offset + 1, counts[record.place])}
            cursors.advance(cursor, PIPELINE, self._feed.cluster, done)
        self._feed.done(ends)
        return IntakeResult(done, Tally(), [], [], MatchedBatch(), time.time())

    def _merchant_of(self, record: Record) -> str | None:
        """The merchant that a record names, where that much of it can be read."""
        try:
            event = decode_batch([record], self._likely)
        except Exception:  # noqa: BLE001 - whatever made it fail may do so here
            return None
        return next(iter(event.merchant_ids()), None)

    def forget(self) -> None:
        """Reads again what a batch that failed may have left half remembered."""
        self.use(self._connection)

    @property
    def is_connected(self) -> bool:
        """Whether the database is there, as far as the connection knows."""
        return not self._connection.closed

    def _count_ignored(self, batch: DecodedBatch, counts: CountsByPartition) -> None:
        for record, reason in batch.ignored:
            counts[record.place].ignore(reason)

    def _quarantine(
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
        before = quarantine.consumed(cursor, PIPELINE, self._feed.cluster, counts)
        at, position = dict(before), dict[tuple[PartitionId, int], int]()
        for record in records:
            at[record.place] += 1
            position[record.place, record.offset] = at[record.place]
        poison = [_poison(each, position[each[0].place, each[0].offset]) for each in unreadable]
        for each in poison:
            counts[each.place].dead += 1
        by_topic: dict[str, list[Poison]] = {}
        for each in quarantine.within_share(cursor, PIPELINE, poison, self._limits, now):
            by_topic.setdefault(each.place.topic, []).append(each)
        for topic, of_topic in by_topic.items():
            dead_letters = self._dead_letters[topic]
            quarantine.put(cursor, PIPELINE, self._group, dead_letters, of_topic, now)
        quarantine.check(cursor, PIPELINE, self._limits, poison, before)


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


def dead_letters_of(topics: TopicsConfiguration) -> dict[str, quarantine.DeadLetters]:
    """Where the poison of each of intake's topics goes."""
    return {
        topics.orders: quarantine.DeadLetters(topics.dlq_orders, "orders"),
        topics.deliveries: quarantine.DeadLetters(topics.dlq_deliveries, "deliveries"),
        topics.customers: quarantine.DeadLetters(topics.dlq_customers, "customers"),
    }


def start_at(connection: Database, cluster: str, place: PartitionId, first: int) -> int:
    """Where to read a partition from: the database's cursor, else the beginning of the log."""
    return cursors.start(raw(connection), PIPELINE, cluster, place, first)


__all__ = ["CANNOT_APPLY", "PIPELINE", "CursorRefused", "Intake", "IntakeResult", "start_at"]
