"""What a committed batch says to the metrics: once a batch, never once a record."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from processors import metrics
from processors.intake.batch import IntakeResult
from processors.intake.decoding import OrderEvent
from processors.intake.report_matching import ResolvedReport
from processors.relay import RelayResult
from processors.runtime.kafka.feed import Record
from processors.settlement import Tally
from rules.earning.earning import ONLINE_CHANNELS, RETAIL_CHANNELS
from rules.order.options import is_known
from schemas.carriers import is_known_service
from store.streams.cursors import Counts, PartitionId
from store.streams.outbox import OutboxKind

OUTCOMES = ("applied", "duplicate", "ignored", "parked", "dead")
KNOWN_CREATED_BY = ONLINE_CHANNELS | RETAIL_CHANNELS | {None}
"""SPEC 1.4; whatever is not among them counts as `ec`, and is counted here."""
DEAD = frozenset(
    {
        OutboxKind.DEAD_ORDERS,
        OutboxKind.DEAD_DELIVERIES,
        OutboxKind.DEAD_CUSTOMERS,
        OutboxKind.DEAD_COMMANDS,
    }
)


def batch_done(records: Sequence[Record], done: IntakeResult, seconds: float) -> None:
    """A batch of intake was committed, `seconds` after its records were in hand."""
    metrics.BATCH_RECORDS.observe(len(records))
    metrics.BATCH_SECONDS.observe(seconds)
    committed = done.committed_at
    metrics.EVENT_TO_COMMIT.observe_all(
        [max(0.0, committed - record.message.timestamp()[1] / 1000) for record in records]
    )
    for topic, counts in by_topic(done.counts).items():
        metrics.CONSUMED.labels(topic).inc(sum(getattr(counts, outcome) for outcome in OUTCOMES))
        for outcome in OUTCOMES:
            metrics.PROCESSED.labels(topic, outcome).inc(getattr(counts, outcome))
        for reason, count in counts.reasons.items():
            metrics.IGNORED.labels(reason).inc(count)
    posted(done.tally)
    _words(done.orders)
    for (service, word), count in Counter(
        [(service_label(one), one.meaning.word) for one in done.reports]
    ).items():
        metrics.CARRIER_REPORTS.labels(service, word).inc(count)


def by_topic(counts: Mapping[PartitionId, tuple[int, Counts]]) -> dict[str, Counts]:
    """The counts of a batch, summed over partitions."""
    sums: dict[str, Counts] = {}
    for place, (_, one) in counts.items():
        total = sums.setdefault(place.topic, Counts())
        for outcome in OUTCOMES:
            setattr(total, outcome, getattr(total, outcome) + getattr(one, outcome))
        for reason, count in one.reasons.items():
            total.reasons[reason] = total.reasons.get(reason, 0) + count
    return sums


def posted(tally: Tally) -> None:
    """Entries were posted. What the tally does not name are lots that lapsed on the way."""
    for outcome, count in tally.figures.items():
        metrics.UPSTREAM_SUMMARY.labels(outcome).inc(count)
    for entry_type, count in tally.by_type.items():
        metrics.ENTRIES.labels(entry_type).inc(count)
    expired = tally.entries - sum(tally.by_type.values())
    if expired:
        metrics.ENTRIES.labels("expired").inc(expired)


def _words(said: Sequence[OrderEvent]) -> None:
    options = Counter([one.parcel.option for one in said if one.parcel is not None])
    for option, count in options.items():
        if option is not None:
            metrics.DELIVERY_OPTIONS.labels(option_bucket(option)).inc(count)
    created = Counter([one.order.created_by for one in said if one.order is not None])
    strange = sum(count for word, count in created.items() if word not in KNOWN_CREATED_BY)
    if strange:
        metrics.UNKNOWN_CREATED_BY.inc(strange)


def option_bucket(option: str) -> str:
    """`known` for options of our table, else one of sixteen buckets: shops make up names, labels must stay few."""
    return "known" if is_known(option) else f"unknown_{sha256(option.encode()).hexdigest()[0]}"


def service_label(told: ResolvedReport) -> str:
    """Carrier and service when a table has them.

    Anybody may make up others, and labels must stay few.
    """
    carrier, service, _ = told.code
    return told.service if is_known_service(carrier, service) else "unknown"


def relayed(done: RelayResult) -> None:
    """Outbox rows were delivered just now."""
    for kind, count in done.rows.items():
        metrics.RELAYED.labels(kind.name.lower()).inc(count)
        if kind in DEAD:
            metrics.DEAD_LETTERS.labels(kind.name.lower()).inc(count)
    now = time.time()
    ages = {text: now - datetime.fromisoformat(text).timestamp() for text in done.recorded}
    metrics.END_TO_END.observe_all(
        [max(0.0, ages[text]) for text, count in done.recorded.items() for _ in range(count)]
    )
