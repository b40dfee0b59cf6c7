"""Intake: orders, deliveries and customers from Kafka, one transaction a batch.

See architecture.md 2.1.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processors.intake.customer_events import CustomerAndAppEvents
from processors.intake.decoding import DecodedBatch, OrderEvent, decode_batch
from processors.intake.matched_batch import MatchedBatch, ResolvedReport
from processors.intake.order_folding import fold_orders
from processors.intake.rechecks import enqueue_rechecks
from processors.intake.report_matching import ReportMatcher
from processors.pipeline.pipeline import (
    INTAKE,
    CountsByPartition,
    Done,
    Pipeline,
    ends_of,
    records_of,
)
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record
from processors.runtime.worker import StillTurning
from processors.settlement import Tally, settle
from schemas.ids import DAY
from schemas.upstream.envelope import RecordKind
from store.carriers import unknown_codes
from store.carriers.tracking import NewNumberRace
from store.carriers.unknown_codes import CodesChanged
from store.orders import orders
from store.orders.orders import NewOrderRace
from store.postgres.interning import InternedStrings, NotInterned
from store.postgres.session import Cursor, Database, transaction
from store.settings.merchants import Merchants, UnknownMerchantId
from store.streams import cursors, parked_records

FUTURE = DAY
"""A version further ahead than this would block its order for ever (rules.md 7)."""


@dataclass(slots=True)
class IntakeResult:
    """What a committed batch did, for metrics."""

    counts: Done
    tally: Tally
    orders: Sequence[OrderEvent]
    reports: Sequence[ResolvedReport]
    matched: MatchedBatch
    committed_at: float = 0.0


class Intake:
    """Turns batches of records into one transaction each."""

    pipeline_name = INTAKE

    def __init__(
        self,
        configuration: Configuration,
        pipeline: Pipeline,
        connection: Database,
        still_turning: StillTurning = lambda: False,
    ) -> None:
        """`pipeline` has the cursors; all effects go through `connection`."""
        self._pipeline, self._still_turning = pipeline, still_turning
        topics = configuration.topics
        self._likely: Mapping[str, RecordKind] = {
            topics.orders: "order",
            topics.deliveries: "delivery",
            topics.customers: "customer",
        }
        self._customer_and_app_events = CustomerAndAppEvents(configuration.application_id)
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
        decoded = decode_batch(records, self._likely, self._still_turning)
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
            feed = self._pipeline.feed
            feed.done({partition: end for partition, (end, _) in result.counts.items()})
            return result

    def _apply(
        self, cursor: Cursor, records: Sequence[Record], decoded: DecodedBatch
    ) -> IntakeResult:
        """Steps 2 to 8, one after the other.

        Locks are taken in the order that all workers keep: cursors, tracking numbers, orders,
        accounts, lots.
        """
        ends = ends_of(records)

        # 2. The cursors, compared with where this worker believes to be (I6).
        opening, counts = self._pipeline.open(cursor, ends, records_of(records))
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
        self._still_turning()
        folded = fold_orders(cursor, events, matched, self._words, counts)

        # 5. Decide what changed, post the differences, bring the plan in step (I1).
        self._still_turning()
        changed = [(folded.rows[key], folded.triggers[key]) for key in sorted(folded.triggers)]
        tally = settle(cursor, changed, self._merchants, now)

        # 6. The orders' rows.
        self._still_turning()
        orders.write(cursor, [row for row, _ in changed], self._words)

        # 7. What concerns other orders than those of the batch.
        enqueue_rechecks(cursor, folded, matched)
        parked_records.settled(cursor, matched.settled, matched.out_of_reach)
        if matched.parked:
            parked_records.put(cursor, INTAKE, matched.parked.values(), now)
        if batch.customers_and_apps:
            epoch += self._customer_and_app_events.apply(
                cursor, batch.customers_and_apps, self._merchants, counts
            )
        if matched.unknown_codes:
            unknown_codes.note(cursor, matched.unknown_codes, epoch, now)

        # 8. The cursors move, with the counts (I6, I7).
        if batch.ignored or batch.poison:
            self._count_ignored(batch, counts)
            self._pipeline.quarantine(cursor, records, batch.poison, now, counts)
        done = {partition: (ends[partition], counts[partition]) for partition in ends}
        cursors.advance(cursor, INTAKE, self._pipeline.feed.cluster, done)
        return IntakeResult(done, tally, decoded.orders, reports, matched)

    def _learn_words(self, decoded: DecodedBatch) -> None:
        """Numbers for new words, outside the transaction: no batch waits for another's words."""
        words = {word for event in decoded.orders for word in event.words()}
        if decoded.reports:
            reports = self._matcher.resolve_codes(decoded.reports, self._merchants.codes)
            words |= self._matcher.words(reports)
        self._words.learn(words)

    def set_aside(self, record: Record, why: str) -> IntakeResult:
        """Quarantines a record that cannot be applied, alone in a transaction.

        Raises CursorRefused, or Paused when there is too much of it.
        """
        merchant_id = self._merchant_of(record)
        done = self._pipeline.set_aside(self._connection, record, why, merchant_id)
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
