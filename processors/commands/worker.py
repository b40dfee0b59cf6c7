"""The commands worker: commands from Kafka, one batch a turn (architecture.md 2.1).

How a batch is read is in processors/pipeline/worker.py, whose turn it is in
processors/commands/turns.py, what becomes of it in processors/commands/batch.py.
"""

import time
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from processors.commands import commands_metrics
from processors.commands.batch import Commands, CommandsResult
from processors.commands.turns import turns_of
from processors.pipeline.pipeline import COMMANDS, Pipeline
from processors.pipeline.pipeline_metrics import Received
from processors.pipeline.worker import TopicWorker
from processors.runtime.configuration import Configuration, IntakeConfiguration
from processors.runtime.kafka.clients import GATHER_SOON_MS
from processors.runtime.kafka.feed import Record
from store.postgres.session import Database
from store.streams.cursors import PartitionId

LONGEST_WAIT_MS: Final = 5
"""For more commands, once there is one."""
PATIENCE_SECONDS: Final = 0.1
"""Of a turn that goes on with parts of jobs: what was sent meanwhile goes first."""
MOST_IN_HAND: Final = 20_000
MOST_BYTES_IN_HAND: Final = 64 << 20
"""Of what was read and waits, records and bytes: beyond that its partitions are read no further."""


class CommandsWorker(TopicWorker[CommandsResult]):
    """Reads commands from Kafka, a batch a turn.

    Parts of jobs, and what is behind them in their partitions, stay in hand from turn to turn: read
    once, while the commands that come meanwhile are answered.
    """

    pipeline = COMMANDS
    gather_ms = GATHER_SOON_MS
    _commands: Commands

    def sizes(self, configuration: Configuration) -> IntakeConfiguration:
        """Those of intake, but for the wait: for every command somebody awaits an answer."""
        intake = configuration.intake
        return intake.model_copy(update={"wait_ms": min(intake.wait_ms, LONGEST_WAIT_MS)})

    def batches(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> Commands:
        """Entries and answers."""
        self._in_hand: list[Record] = []
        self._commands = Commands(configuration, pipeline, connection)
        return self._commands

    @override
    def read(self, size: int, wait: float) -> Sequence[Record]:
        """What is in hand, and what has come; all is read again once partitions have moved."""
        before, in_hand = self._feed.generation, self._in_hand
        self._in_hand = []
        self._feed.hold_back({record.place for record in in_hand} if _is_much(in_hand) else set())
        new = self._feed.batch(size, 0.0 if in_hand else wait)
        if in_hand and self._feed.generation != before:
            self._feed.drop()
            return []
        return [*in_hand, *new]

    @override
    def work_off(self, records: Sequence[Record]) -> bool:
        """Parts of jobs last, and for a moment only: the next turn goes on with them."""
        turns, began = turns_of(records), time.monotonic()
        for part in turns.ordinary:
            if not self.process(part):
                return False
        for part in turns.ahead:
            self._answer_ahead(part)
        for number, part in enumerate(turns.behind):
            if number and time.monotonic() - began > PATIENCE_SECONDS:
                self._in_hand = [record for left in turns.behind[number:] for record in left]
                break
            if not self.process(part):
                return False
        return True

    def _answer_ahead(self, records: Sequence[Record]) -> None:
        began = time.perf_counter()
        done = self._commands.answer_ahead(records)
        if done is not None:
            received, seconds = Received.of(done.ahead), time.perf_counter() - began
            commands_metrics.batch_done(received, done, seconds)

    @override
    def drop(self) -> None:
        """Goes back to the database's cursors with the next batch."""
        self._in_hand = []
        super().drop()

    @override
    def use(self, connection: Database) -> None:
        """Drops what is in hand: whether it was committed, the database's cursor says."""
        self._in_hand = []
        super().use(connection)

    def count(
        self, received: Received, done: CommandsResult, seconds: float
    ) -> Sequence[PartitionId]:
        """Tells the metrics of a committed batch; of what went ahead they were told then."""
        if done.ahead:
            gone = {(record.place, record.offset) for record in done.ahead}
            received = Received.of(
                [each for each in received.records if (each.place, each.offset) not in gone]
            )
        commands_metrics.batch_done(received, done, seconds)
        return list(done.counts)


def _is_much(records: Sequence[Record]) -> bool:
    return (
        len(records) > MOST_IN_HAND
        or sum(len(record.message) for record in records) > MOST_BYTES_IN_HAND
    )
