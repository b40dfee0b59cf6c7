"""What a committed batch of intake tells the metrics: once a batch, never once a record."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from processors import batch_metrics, metrics
from processors.intake.batch import IntakeResult
from processors.intake.decoding import OrderEvent
from processors.intake.matched_batch import ResolvedReport
from processors.pipeline import pipeline_metrics
from processors.pipeline.pipeline_metrics import Received
from rules.earning.earning import ONLINE_CHANNELS, RETAIL_CHANNELS
from rules.order.options import is_known
from schemas.carriers import is_known_service

KNOWN_CREATED_BY = ONLINE_CHANNELS | RETAIL_CHANNELS | {None}
"""rules.md 1.4; all others count as `ec`, and are counted here."""


def batch_done(received: Received, done: IntakeResult, seconds: float) -> None:
    """A batch of intake was committed, `seconds` after its records were in hand."""
    pipeline_metrics.batch_done(received, done.counts, done.committed_at, seconds)
    batch_metrics.posted(done.tally)
    _options_and_channels(done.orders)
    _carrier_reports(done.reports)


def _options_and_channels(events: Sequence[OrderEvent]) -> None:
    options = Counter([event.parcel.option for event in events if event.parcel is not None])
    for option, count in options.items():
        if option is not None:
            metrics.DELIVERY_OPTIONS.labels(option_bucket(option)).inc(count)
    channels = Counter([event.order.created_by for event in events if event.order is not None])
    unknown = sum(count for word, count in channels.items() if word not in KNOWN_CREATED_BY)
    if unknown:
        metrics.UNKNOWN_CREATED_BY.inc(unknown)


def _carrier_reports(reports: Sequence[ResolvedReport]) -> None:
    words = Counter([(service_label(report), report.meaning.word) for report in reports])
    for (service, word), count in words.items():
        metrics.CARRIER_REPORTS.labels(service, word).inc(count)


def option_bucket(option: str) -> str:
    """`known` for options of our table, else one of sixteen buckets.

    Shops make up names, and labels must stay few.
    """
    return "known" if is_known(option) else f"unknown_{sha256(option.encode()).hexdigest()[0]}"


def service_label(report: ResolvedReport) -> str:
    """Carrier and service when a table has them, else `unknown`: labels must stay few."""
    carrier, service, _ = report.code
    return report.service if is_known_service(carrier, service) else metrics.UNKNOWN
