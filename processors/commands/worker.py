"""The commands worker: commands from Kafka, one batch a turn (architecture.md 2.1).

How a batch is read is in processors/pipeline/worker.py, what becomes of it in
processors/commands/batch.py.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from processors.commands import commands_metrics
from processors.commands.batch import Commands, CommandsResult
from processors.pipeline.pipeline import COMMANDS, Pipeline
from processors.pipeline.pipeline_metrics import Received
from processors.pipeline.worker import TopicWorker
from processors.runtime.configuration import Configuration, IntakeConfiguration
from processors.runtime.kafka.feed import Record
from store.postgres.session import Database
from store.streams.cursors import PartitionId

BYTES_AT_ONCE: Final = 512 << 10
"""Of one transaction: two thousand ordinary commands."""
LARGE: Final = 4 << 10
"""Bytes of a command that changes many accounts: no other has so many."""
LARGE_AT_ONCE: Final = 64 << 10
"""Of one transaction with such commands: some two thousand members, whose accounts are locked for
a few tenths of a second, as long as a shopper may have to wait.
"""


class CommandsWorker(TopicWorker[CommandsResult]):
    """Reads commands from Kafka, a batch a turn."""

    pipeline = COMMANDS

    def sizes(self, configuration: Configuration) -> IntakeConfiguration:
        """Those of intake."""
        return configuration.intake

    def batches(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> Commands:
        """Entries and answers."""
        return Commands(configuration, pipeline, connection)

    def transactions(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """See `transactions_of`."""
        return transactions_of(records)

    def can_wait(self, _records: Sequence[Record]) -> bool:
        """Parts of a job: holds in other partitions, just sent, go before them."""
        return any(_size(record) > LARGE for record in _records)

    def count(
        self, received: Received, done: CommandsResult, seconds: float
    ) -> Sequence[PartitionId]:
        """Tells the metrics of a committed batch."""
        commands_metrics.batch_done(received, done, seconds)
        return list(done.counts)


def transactions_of(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """So many records at once that no account stays locked for long.

    Partitions with a part of a job come last, so that they hold up no other.
    """
    slow = {record.place for record in records if _size(record) > LARGE}
    quick = [record for record in records if record.place not in slow]
    yield from _slices(quick, BYTES_AT_ONCE)
    yield from _slices([record for record in records if record.place in slow], LARGE_AT_ONCE)


def _size(record: Record) -> int:
    return len(record.message.value() or b"")


def _slices(records: Sequence[Record], most: int) -> Iterator[Sequence[Record]]:
    """Records in their order, so many at once that they have at most `most` bytes, or one."""
    first, size = 0, 0
    for number, record in enumerate(records):
        weight = _size(record)
        if size and size + weight > most:
            yield records[first:number]
            first, size = number, 0
        size += weight
    if records:
        yield records[first:]
