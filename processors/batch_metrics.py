"""What every worker that posts tells the metrics: once a batch, never once a record."""

from processors import metrics
from processors.settlement import Tally


def posted(tally: Tally) -> None:
    """Entries were posted."""
    if tally.mismatched:
        metrics.REDEEMED_MISMATCHES.inc(tally.mismatched)
    for outcome, count in tally.figures.items():
        metrics.UPSTREAM_SUMMARY.labels(outcome).inc(count)
    for entry_type, count in tally.by_type.items():
        metrics.ENTRIES.labels(entry_type).inc(count)
