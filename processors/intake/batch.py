"""Intake: orders, deliveries and customers from Kafka into facts, plans and postings, one transaction a batch (DESIGN 2.1)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from psycopg import Connection

from processors.intake.customer_events import CustomerAndAppEvents
from processors.intake.decoding import (
    AppInstallEvent,
    CarrierReportEvent,
    CustomerEvent,
    DecodedEvent,
    OrderEvent,
    decode,
)
from processors.intake.report_matching import MatchedBatch, ReportMatcher, ResolvedReport
from processors.intake.tracking_snapshot import snapshot_of
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Feed, Record
from processors.settlement import Tally, Trigger, settle
from rules.order.facts import OrderFacts
from rules.order.folding import APPLIED, DUPLICATE, Outcome, fold_report
from rules.poison import Limits
from schemas.ids import DAY, Micros
from schemas.upstream.envelope import Kind, Unreadable
from store.carriers import awaiting_order, unknown_codes
from store.carriers.tracking import NewNumberRace
from store.carriers.unknown_codes import CodesChanged
from store.ledger.ledger import CauseKind
from store.orders import orders
from store.orders.orders import NewOrderRace, OrderKey, OrderRow
from store.postgres.interning import InternedStrings, NotInterned
from store.postgres.session import Cursor, raw, transaction
from store.settings.merchants import Merchants, UnknownMerchantId
from store.streams import cursors, quarantine, recheck
from store.streams.cursors import Counts, CursorRefused, PartitionId
from store.streams.quarantine import Poison
from store.streams.recheck import RecheckRequest

PIPELINE = "intake"
FUTURE = DAY
"""A version further ahead than this would block its order for ever (SPEC 7)."""


_Poison = tuple[Record, Unreadable]


@dataclass(slots=True)
class _Read:
    """A batch as read: what it says, and what says nothing."""

    said: list[OrderEvent] = field(default_factory=list)
    reported: list[CarrierReportEvent] = field(default_factory=list)
    beside: list[CustomerEvent | AppInstallEvent] = field(default_factory=list)
    ignored: list[tuple[Record, str]] = field(default_factory=list)
    poison: list[_Poison] = field(default_factory=list)


@dataclass(slots=True)
class IntakeResult:
    """What a committed batch did, for metrics."""

    counts: dict[PartitionId, tuple[int, Counts]]
    tally: Tally
    said: Sequence[OrderEvent]
    told: Sequence[ResolvedReport]
    joined: MatchedBatch
    committed_at: float


class Intake:
    """Turns batches of records into one transaction each."""

    def __init__(
        self, configuration: Configuration, feed: Feed, connection: Connection[tuple[Any, ...]]
    ) -> None:
        """`feed` reads the topics; all effects go through `connection`."""
        self._feed = feed
        self._limits = Limits(**configuration.poison.model_dump())
        topics = configuration.topics
        self._likely: Mapping[str, Kind] = {
            topics.orders: "order",
            topics.deliveries: "delivery",
            topics.customers: "customer",
        }
        self._dead_letters = {
            topics.orders: quarantine.DeadLetters(topics.dlq_orders, "orders"),
            topics.deliveries: quarantine.DeadLetters(topics.dlq_deliveries, "deliveries"),
            topics.customers: quarantine.DeadLetters(topics.dlq_customers, "customers"),
        }
        self._customer_and_app_events = CustomerAndAppEvents(configuration.application_id)
        self._group = f"{configuration.kafka.group_id}.{PIPELINE}"
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        self._connection = connection
        self._words = InternedStrings(connection)
        self._merchants = Merchants(connection)
        self._matcher = ReportMatcher(connection, self._words, self._merchants)

    def process(self, records: Sequence[Record]) -> IntakeResult:
        """Applies a batch. Raises CursorRefused or quarantine.Paused when nothing was written."""
        read = self._read(records)
        # Tiers have ids, so that of all words these are new most often: found only when the batch
        # is written, every new one would have the whole batch done twice.
        self._words.learn({said.tier for said in read.said})
        while True:
            try:
                with transaction(self._connection) as cursor:
                    done = self._apply(cursor, records, read)
            except (NewOrderRace, NewNumberRace, CodesChanged):
                continue
            except (NotInterned, UnknownMerchantId):
                self._learn(read)
                continue
            done.committed_at = time.time()
            self._matcher.committed(done.joined)
            self._feed.done({place: offset for place, (offset, _) in done.counts.items()})
            return done

    def _read(self, records: Sequence[Record]) -> _Read:
        read = _Read()
        for record in records:
            try:
                said = decode(record, self._likely[record.place.topic])
            except Unreadable as error:
                read.poison.append((record, error))
                continue
            if isinstance(said, OrderEvent):
                read.said.append(said)
            elif isinstance(said, CarrierReportEvent):
                read.reported.append(said)
            elif isinstance(said, str):
                read.ignored.append((record, said))
            else:
                read.beside.append(said)
        return read

    def _learn(self, read: _Read) -> None:
        """Numbers for new words and merchants, outside the transaction, so that no batch waits for another's words."""
        told = self._matcher.resolve_codes(read.reported, self._merchants.codes)
        self._words.learn(
            {word for said in read.said for word in said.words()} | self._matcher.words(told)
        )
        everything: list[DecodedEvent] = [*read.said, *read.reported, *read.beside]
        self._merchants.learn(
            {said.merchant_id for said in everything if said.merchant_id is not None}
        )

    def _apply(self, cursor: Cursor, records: Sequence[Record], read: _Read) -> IntakeResult:
        ends = {record.place: record.offset + 1 for record in records}
        counts = {place: Counts() for place in ends}
        expected = {place: self._feed.positions[place] for place in ends}
        opening = cursors.open_batch(cursor, PIPELINE, self._feed.cluster, expected)
        if opening.paused:
            raise quarantine.Paused("the pipeline is paused; see `points status`")
        if opening.epoch != self._merchants.epoch:
            self._merchants.refresh()
        now, epoch = opening.now, self._merchants.epoch
        poison = list(read.poison)  # of this attempt: a batch that lost a race is folded again
        keyed = [
            ((self._merchants.number(s.merchant_id), s.order_id), s)
            for s in _in_time(read.said, now, poison)
        ]
        told = self._matcher.resolve_codes(
            _in_time(read.reported, now, poison), self._merchants.codes
        )
        joined = self._matcher.join(cursor, keyed, told, now, counts)
        rows, triggers = self._fold(cursor, keyed, joined, counts)
        tally = settle(
            cursor, [(rows[key], triggers[key]) for key in sorted(triggers)], self._merchants, now
        )
        orders.write(cursor, [rows[key] for key in sorted(triggers)], self._words)
        self._enqueue_rechecks(
            cursor, _in_time(read.beside, now, poison), joined, counts, now, epoch
        )
        for record, reason in read.ignored:
            counts[record.place].ignore(reason)
        if poison:
            self._quarantine(cursor, records, poison, now, counts)
        done = {place: (ends[place], counts[place]) for place in ends}
        cursors.advance(cursor, PIPELINE, self._feed.cluster, done)
        return IntakeResult(done, tally, read.said, told, joined, 0.0)

    def _fold(
        self,
        cursor: Cursor,
        keyed: Sequence[tuple[OrderKey, OrderEvent]],
        joined: MatchedBatch,
        counts: dict[PartitionId, Counts],
    ) -> tuple[dict[OrderKey, OrderRow], dict[OrderKey, Trigger]]:
        """Locks the orders of a batch and folds everything into them.

        Those that it changed, with the reason.
        """
        wanted = {key for key, _ in keyed}
        if joined.folds or joined.named:
            wanted.update(joined.folds, [key for key, _ in joined.named])
        rows = orders.lock(cursor, sorted(wanted), self._words)
        before = snapshot_of(rows.values())
        new = wanted - rows.keys()
        if new:
            rows |= {key: OrderRow(*key, OrderFacts(), new=True) for key in new}
            waited_for = awaiting_order.awaited(cursor, sorted({order_id for _, order_id in new}))
            joined.again.update(
                awaiting_order.ORDER_KEY_PREFIX + order_id for order_id in waited_for
            )
        newest: dict[OrderKey, OrderEvent] = {}
        for key, said in keyed:
            outcome = said.fold(rows[key].facts)
            _count(outcome, counts[said.record.place])
            if outcome is APPLIED:
                earlier = newest.get(key)
                if earlier is None or said.version.at >= earlier.version.at:
                    newest[key] = said
        triggers = {key: _trigger(said) for key, said in newest.items()}
        if joined.folds or joined.named:
            _fold_reports(rows, joined, triggers, counts)
        self._matcher.recheck_changed_numbers(cursor, rows, before, triggers, joined)
        return rows, triggers

    def _enqueue_rechecks(
        self,
        cursor: Cursor,
        beside: Sequence[CustomerEvent | AppInstallEvent],
        joined: MatchedBatch,
        counts: dict[PartitionId, Counts],
        now: Micros,
        epoch: int,
    ) -> None:
        """What concerns other orders than those of the batch, after all of its own locks."""
        recheck.add(
            cursor,
            [RecheckRequest(recheck.RecheckKind.NUMBER, 0, key) for key in sorted(joined.again)],
        )
        if beside:
            epoch += self._customer_and_app_events.apply(cursor, beside, self._merchants, counts)
        if joined.unknown:
            unknown_codes.note(cursor, joined.unknown, epoch, now)

    def _quarantine(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        poison: list[_Poison],
        now: int,
        counts: dict[PartitionId, Counts],
    ) -> None:
        before = quarantine.consumed(cursor, PIPELINE)
        position = {(r.place, r.offset): before + i + 1 for i, r in enumerate(records)}
        by_topic: dict[str, list[Poison]] = {}
        for record, error in poison:
            place, offset, message = record
            counts[place].dead += 1
            one = Poison(
                place, message, position[place, offset], error.merchant_id, error.reason, str(error)
            )
            by_topic.setdefault(place.topic, []).append(one)
        for topic, found in by_topic.items():
            quarantine.put(cursor, PIPELINE, self._group, self._dead_letters[topic], found, now)
        quarantine.check(cursor, PIPELINE, self._limits, before)


_Any = TypeVar("_Any", bound=DecodedEvent)


def _in_time(said: Sequence[_Any], now: Micros, poison: list[_Poison]) -> list[_Any]:
    """What is not too far ahead of its receipt; the rest joins the poison (SPEC 7)."""
    latest = now + FUTURE
    fine = [one for one in said if one.newest_at() <= latest]
    if len(fine) < len(said):
        for one in said:
            if one.newest_at() > latest:
                what = "occurred_at" if isinstance(one, CarrierReportEvent) else "updated_at"
                late = Unreadable(
                    "future_version", f"{what} lies more than 24 hours ahead", one.merchant_id
                )
                poison.append((one.record, late))
    return fine


def _count(outcome: Outcome, count: Counts) -> None:
    if outcome is APPLIED:
        count.applied += 1
    elif outcome is DUPLICATE:
        count.duplicate += 1
    else:
        count.ignore(outcome)


def _fold_reports(
    rows: Mapping[OrderKey, OrderRow],
    joined: MatchedBatch,
    triggers: dict[OrderKey, Trigger],
    counts: dict[PartitionId, Counts],
) -> None:
    """Folds what the numbers gave (counted there), and what names its order."""
    for key, found in joined.folds.items():
        facts = rows[key].facts
        if APPLIED in [fold_report(facts, one) for one in found]:
            _cause(key, joined.newest.get(key), max(one.at for one in found), triggers)
    for key, one in joined.named:
        outcome = fold_report(rows[key].facts, one.for_order(named=True))
        _count(outcome, counts[one.said.record.place])
        if outcome is APPLIED:
            _cause(key, one.said, one.said.at, triggers)
            joined.note(one, *key)


def _cause(
    key: OrderKey, said: CarrierReportEvent | None, at: Micros, triggers: dict[OrderKey, Trigger]
) -> None:
    """A report that is newer than the records of its batch is the cause of what follows."""
    before = triggers.get(key)
    if before is None or (said is not None and said.at >= before.occurred_at):
        triggers[key] = Trigger(
            at if said is None else said.at, message=None if said is None else said.record.message
        )


def _trigger(said: OrderEvent) -> Trigger:
    """The newest record that changed an order is the cause of what follows."""
    if said.returned is not None:
        return Trigger(
            said.version.at, CauseKind.return_, said.returned.return_id, said.record.message
        )
    return Trigger(said.version.at, message=said.record.message)


def start_at(
    connection: Connection[tuple[Any, ...]], cluster: str, place: PartitionId, first: int
) -> int:
    """Where to read a partition from: the database's cursor, else the beginning of the log."""
    return cursors.start(raw(connection), PIPELINE, cluster, place, first)


__all__ = ["PIPELINE", "CursorRefused", "Intake", "IntakeResult", "start_at"]
