"""The commands worker: commands from Kafka, one batch a turn (architecture.md 2.1).

How a batch is read is in processors/pipeline/worker.py, what becomes of it in
processors/commands/batch.py.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from processors.commands import commands_metrics
from processors.commands.batch import PIPELINE, Commands, CommandsResult
from processors.pipeline.pipeline import Pipeline
from processors.pipeline.worker import TopicWorker
from processors.runtime.configuration import Configuration, IntakeConfiguration
from processors.runtime.kafka.feed import Record
from store.postgres.session import Database
from store.streams.cursors import PartitionId

BYTES_AT_ONCE: Final = 512 << 10
"""Of one transaction: two thousand ordinary commands, or twenty thousand members of jobs, which
would keep their accounts locked for longer than a shopper waits.
"""


class CommandsWorker(TopicWorker[CommandsResult]):
    """Reads commands from Kafka, a batch a turn."""

    pipeline = PIPELINE

    def topics(self, configuration: Configuration) -> list[str]:
        """The commands."""
        return [configuration.topics.commands]

    def sizes(self, configuration: Configuration) -> IntakeConfiguration:
        """Those of intake."""
        return configuration.intake

    def batches(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> Commands:
        """Entries and answers."""
        return Commands(configuration, pipeline, connection)

    def transactions(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """So many records at once that no account stays locked for long."""
        first, size = 0, 0
        for number, record in enumerate(records):
            weight = len(record.message.value() or b"")
            if size and size + weight > BYTES_AT_ONCE:
                yield records[first:number]
                first, size = number, 0
            size += weight
        yield records[first:]

    def count(
        self, received: Sequence[float], done: CommandsResult, seconds: float
    ) -> Sequence[PartitionId]:
        """Tells the metrics of a committed batch."""
        commands_metrics.batch_done(received, done, seconds)
        return list(done.counts)
