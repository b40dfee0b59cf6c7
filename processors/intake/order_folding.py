"""Locking the orders of a batch, and folding everything into them that is about them (step 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from processors.intake.decoding import CarrierReportEvent, OrderEvent
from processors.intake.matched_batch import KeyedOrders, MatchedBatch, ResolvedReport
from processors.intake.tracking_snapshot import TrackingSnapshot, snapshot_of
from processors.pipeline.pipeline import CountsByPartition
from processors.trigger import Trigger
from rules.order.carrier_reports import is_younger
from rules.order.facts import OrderFacts
from rules.order.folding import (
    APPLIED,
    DUPLICATE,
    Outcome,
    fold_heard,
    fold_record,
    fold_report,
)
from schemas.events import CauseKind
from schemas.ids import Micros
from store.carriers.tracking import ANY_MERCHANT
from store.orders import orders
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor
from store.streams.cursors import Counts, PartitionId
from store.streams.parked_records import OUT_OF_REACH
from store.streams.recheck import RecheckKind

# Looked up once: an enumeration's member is an attribute that Python computes.
_OF_AN_ORDER: Final = CauseKind.order


@dataclass(slots=True)
class FoldedOrders:
    """The orders of a batch, locked.

    `triggers` names those that changed, with the reason. `before` is what their tracking numbers
    were when they were read.
    """

    rows: dict[OrderKey, OrderRow]
    triggers: dict[OrderKey, Trigger]
    before: Mapping[OrderKey, TrackingSnapshot]


def fold_orders(
    cursor: Cursor,
    events: KeyedOrders,
    matched: MatchedBatch,
    words: InternedStrings,
    counts: CountsByPartition,
) -> FoldedOrders:
    """Locks the orders that a batch is about, folds events and reports, counts what became of them.

    The caller has locked the tracking numbers: orders come after them, everywhere.
    """
    folded = _lock_orders(cursor, events, matched, words)
    rows = folded.rows
    newest: dict[OrderKey, OrderEvent] = {}
    for key, event in events:
        # At once, as asking for each field of each record costs more.
        record, _, _, version, _, heard_at, order, tier, parcel, returned, family = event
        facts = rows[key].facts
        origin = facts.origin
        outcome = fold_record(facts, version, order, tier, parcel, returned, family)
        if origin.heard_at is None or heard_at < origin.heard_at:
            fold_heard(facts, heard_at)
        count = counts[record.place]
        # As `_count` does; here without a call, as it is done for every record.
        if outcome is APPLIED:
            count.applied += 1
        elif outcome is DUPLICATE:
            count.duplicate += 1
        else:
            count.ignore(outcome)
        # A record that changes nothing else may show when the order was made or first heard of.
        if outcome is APPLIED or facts.origin is not origin:
            earlier = newest.get(key)
            if earlier is None or version.at >= earlier.version.at:
                newest[key] = event
    # The newest record that changed an order is the cause of what follows.
    for key, event in newest.items():
        at, message, goods_back = event.version.at, event.record.message, event.returned
        folded.triggers[key] = (
            Trigger(at, _OF_AN_ORDER, None, message)
            if goods_back is None
            else Trigger(at, CauseKind.return_, goods_back.return_id, message)
        )
    if matched.reports or matched.named or matched.settled:
        _fold_reports(folded, matched, counts)
    return folded


def _lock_orders(
    cursor: Cursor, events: KeyedOrders, matched: MatchedBatch, words: InternedStrings
) -> FoldedOrders:
    """The orders that events or reports are about, new ones among them, as yet unchanged."""
    wanted = {key for key, _ in events}
    if matched.reports or matched.named:
        wanted.update(matched.reports, [named.key for named in matched.named])
    rows = orders.lock(cursor, sorted(wanted), words)
    before = snapshot_of(rows.values())
    for key in wanted - rows.keys():
        rows[key] = OrderRow(*key, OrderFacts(), new=True)
    return FoldedOrders(rows, {}, before)


def _fold_reports(folded: FoldedOrders, matched: MatchedBatch, counts: CountsByPartition) -> None:
    """Folds the reports found by their number (counted there), and those that name their order."""
    rows, triggers = folded.rows, folded.triggers
    for key, reports in matched.reports.items():
        facts = rows[key].facts
        outcomes = [fold_report(facts, report) for report in reports]
        fresh = matched.fresh.get(key, ())
        if APPLIED in outcomes:
            newest = max((report.event for report in fresh), key=attrgetter("at"), default=None)
            newest_at = max(report.at for report in reports)
            _note_cause(key, newest, newest_at, triggers)
    for report in _before_their_orders(folded, matched):
        # Kept with its order, which may turn out to be older; it counts for nothing.
        counts[report.event.record.place].applied -= 1
        matched.park(report, report.wait, OUT_OF_REACH, counts)
    for wait, came in list(matched.settled.items()):
        # Orders of several merchants may have come: one that is meant is enough.
        if all(is_younger(rows[key].facts.record, wait[2]) for key in came):
            del matched.settled[wait]
            matched.out_of_reach.add(wait)
    for key, report, is_counted in matched.named:
        outcome = fold_report(rows[key].facts, report.for_order(named=True))
        if is_counted:
            _count(outcome, counts[report.event.record.place])
        if outcome is APPLIED:
            _note_cause(key, report.event, report.event.at, triggers)
            # One that names no merchant was noted where it waits for orders with its id.
            if report.merchant_no != ANY_MERCHANT:
                matched.note_if_unknown(report, RecheckKind.ORDER, *key)


def _before_their_orders(folded: FoldedOrders, matched: MatchedBatch) -> list[ResolvedReport]:
    """New reports that are older than every order that they were found for (rules.md 6, D18)."""
    younger: dict[tuple[PartitionId, int], list[bool]] = {}
    reports: dict[tuple[PartitionId, int], ResolvedReport] = {}
    for key, fresh in matched.fresh.items():
        record = folded.rows[key].facts.record
        for report in fresh:
            source = report.event.record
            place = source.place, source.offset
            reports[place] = report
            younger.setdefault(place, []).append(is_younger(record, report.event.at))
    return [report for place, report in reports.items() if all(younger[place])]


def _count(outcome: Outcome, count: Counts) -> None:
    """Every record is counted as one of five things (I7)."""
    if outcome is APPLIED:
        count.applied += 1
    elif outcome is DUPLICATE:
        count.duplicate += 1
    else:
        count.ignore(outcome)


def _note_cause(
    key: OrderKey,
    event: CarrierReportEvent | None,
    at: Micros,
    triggers: dict[OrderKey, Trigger],
) -> None:
    """A report that is newer than the records of its batch is the cause of what follows.

    `event` is None for reports that were kept before; then `at` is the newest of them.
    """
    before = triggers.get(key)
    if event is None:
        if before is None:
            triggers[key] = Trigger(at)
    elif before is None or event.at >= before.occurred_at:
        triggers[key] = Trigger(event.at, message=event.record.message)
