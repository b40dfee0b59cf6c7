"""Batches of commands from Kafka: read, applied and answered in one transaction each."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from processors.commands.applying import Applied, apply_commands
from processors.pipeline.pipeline import COMMANDS, Done, Pipeline, PoisonRecord, ends_of, records_of
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record
from processors.tracing.spans import spans
from schemas.commands.reading import Command, read
from schemas.upstream.envelope import Unreadable
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres.session import Cursor, Database, transaction
from store.settings.merchants import Merchants
from store.streams.cursors import Counts, PartitionId


@dataclass(slots=True)
class CommandsResult:
    """What a committed batch did, for metrics: `answers` counts (type, code)."""

    counts: Done
    answers: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    committed_at: float = 0.0


@dataclass(slots=True)
class _Decoded:
    commands: list[Command] = field(default_factory=list)
    places: list[PartitionId] = field(default_factory=list)
    ignored: list[PartitionId] = field(default_factory=list)
    poison: list[PoisonRecord] = field(default_factory=list)


class Commands:
    """Turns batches of records into one transaction each."""

    def __init__(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> None:
        """`pipeline` has the cursors; all effects go through `connection`."""
        self._pipeline = pipeline
        self._quote_keys = configuration.quotes.signing()
        self.use(connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        self._connection = connection
        self._merchants = Merchants(connection)

    def process(self, records: Sequence[Record]) -> CommandsResult:
        """Applies a batch. Raises CursorRefused or quarantine.Paused when nothing was written."""
        with spans().batch(COMMANDS, len(records)):
            return self._process(records)

    def _process(self, records: Sequence[Record]) -> CommandsResult:
        decoded = _decode(records)
        while True:
            try:
                with transaction(self._connection) as cursor:
                    result = self._apply(cursor, records, decoded)
            except (CommandRace, HoldRace):
                continue
            result.committed_at = time.time()
            self._pipeline.committed(result.counts)
            return result

    def _apply(
        self, cursor: Cursor, records: Sequence[Record], decoded: _Decoded
    ) -> CommandsResult:
        ends = ends_of(records)
        opening, counts = self._pipeline.open(cursor, ends, records_of(records))
        if opening.epoch != self._merchants.epoch:
            self._merchants.refresh()
        now, keys = opening.now, self._quote_keys
        applied = apply_commands(cursor, self._merchants, decoded.commands, now, keys)
        _count(decoded, applied, counts)
        self._pipeline.quarantine(cursor, records, decoded.poison, now, counts)
        done = self._pipeline.advance(cursor, ends, counts)
        answers = Counter((result["type"], result["code"]) for result in applied.results)
        return CommandsResult(done, answers, applied.by_type)

    def set_aside(self, record: Record, why: str) -> CommandsResult:
        """Quarantines a record that cannot be applied, alone in a transaction.

        Raises CursorRefused, or Paused when there is too much of it.
        """
        decoded = _decode([record])
        merchant_id = decoded.commands[0].merchant_id if decoded.commands else None
        done = self._pipeline.set_aside(self._connection, record, why, merchant_id)
        return CommandsResult(done, committed_at=time.time())

    def forget(self) -> None:
        """Reads again what a batch that failed may have left half remembered."""
        self.use(self._connection)

    @property
    def is_connected(self) -> bool:
        """Whether the database is there, as far as the connection knows."""
        return not self._connection.closed


def _decode(records: Sequence[Record]) -> _Decoded:
    """The commands in some records, in their order; of the others, why they are none."""
    decoded = _Decoded()
    for record in records:
        value = record.message.value()
        if value is None:
            decoded.ignored.append(record.place)
            continue
        try:
            decoded.commands.append(read(value, spans().of_record(record.message)))
        except Unreadable as error:
            decoded.poison.append((record, error))
        else:
            decoded.places.append(record.place)
    return decoded


def _count(decoded: _Decoded, applied: Applied, counts: dict[PartitionId, Counts]) -> None:
    """What became of each record (I7): a command is applied with its answer, a repeat is not."""
    for place, result in zip(decoded.places, applied.results, strict=True):
        if result["repeated"]:
            counts[place].duplicate += 1
        else:
            counts[place].applied += 1
    for place in decoded.ignored:
        counts[place].ignore("null_value")
