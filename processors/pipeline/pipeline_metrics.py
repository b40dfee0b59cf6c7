"""What a committed batch of any pipeline tells the metrics: once a batch, never once a record."""

from collections.abc import Mapping, Sequence

from processors import metrics
from store.streams.cursors import OUTCOMES, Counts, PartitionId


def batch_done(
    received: Sequence[float],
    counts: Mapping[PartitionId, tuple[int, Counts]],
    committed_at: float,
    seconds: float,
) -> None:
    """A batch was committed, `seconds` after its records were in hand.

    `received` are the records' own times, in seconds since 1970.
    """
    metrics.BATCH_RECORDS.observe(len(received))
    metrics.BATCH_SECONDS.observe(seconds)
    metrics.EVENT_TO_COMMIT.observe_all(
        [committed_at - at if at < committed_at else 0.0 for at in received]
    )
    for topic, of_topic in by_topic(counts).items():
        metrics.CONSUMED.labels(topic).inc(sum(getattr(of_topic, outcome) for outcome in OUTCOMES))
        for outcome in OUTCOMES:
            metrics.PROCESSED.labels(topic, outcome).inc(getattr(of_topic, outcome))
        for reason, count in of_topic.reasons.items():
            metrics.IGNORED.labels(reason).inc(count)


def by_topic(counts: Mapping[PartitionId, tuple[int, Counts]]) -> dict[str, Counts]:
    """The counts of a batch, summed over partitions."""
    sums: dict[str, Counts] = {}
    for partition, (_, of_partition) in counts.items():
        total = sums.setdefault(partition.topic, Counts())
        for outcome in OUTCOMES:
            setattr(total, outcome, getattr(total, outcome) + getattr(of_partition, outcome))
        for reason, count in of_partition.reasons.items():
            total.reasons[reason] = total.reasons.get(reason, 0) + count
    return sums
