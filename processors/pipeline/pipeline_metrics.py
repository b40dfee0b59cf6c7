"""What a committed batch of any pipeline tells the metrics: once a batch, never once a record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from processors import metrics
from processors.runtime.kafka.feed import Record
from processors.runtime.kafka.records import received_ms, traceparent_of
from store.streams.cursors import OUTCOMES, Counts, PartitionId


class Received(NamedTuple):
    """The records of a batch, and when they were written, in seconds since 1970."""

    records: Sequence[Record]
    times: Sequence[float]

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """The records with their own times."""
        return cls(records, [received_ms(record.message) / 1000 for record in records])

    def trace_of(self, n: int) -> bytes | None:
        """The trace of one of them: few are asked for theirs."""
        return traceparent_of(self.records[n].message)


def begin(topics: Iterable[str]) -> None:
    """A worker is to read these topics: its counts of them begin with 0, so that all are seen."""
    for topic in topics:
        metrics.CONSUMED.labels(topic)
        for outcome in OUTCOMES:
            metrics.PROCESSED.labels(topic, outcome)


def batch_done(
    received: Received,
    counts: Mapping[PartitionId, tuple[int, Counts]],
    committed_at: float,
    seconds: float,
) -> None:
    """A batch was committed, `seconds` after its records were in hand."""
    metrics.BATCH_RECORDS.observe(len(received.times))
    metrics.BATCH_SECONDS.observe(seconds)
    metrics.EVENT_TO_COMMIT.observe_all(
        [committed_at - at if at < committed_at else 0.0 for at in received.times],
        received.trace_of,
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
