"""What a committed batch of commands tells the metrics: once a batch, never once a command."""

from processors import metrics
from processors.commands.batch import CommandsResult
from processors.pipeline import pipeline_metrics
from processors.pipeline.pipeline_metrics import Received
from schemas.commands.reading import TYPES


def batch_done(received: Received, done: CommandsResult, seconds: float) -> None:
    """A batch of commands was committed, `seconds` after its records were in hand."""
    pipeline_metrics.batch_done(received, done.counts, done.committed_at, seconds)
    for (type_, code), count in done.answers.items():
        # Whatever a sender calls a type: labels must stay few.
        metrics.COMMANDS.labels(type_ if type_ in TYPES else metrics.UNKNOWN, code).inc(count)
    for entry_type, count in done.by_type.items():
        metrics.ENTRIES.labels(entry_type).inc(count)
