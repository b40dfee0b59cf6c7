"""Batches of commands from Kafka: read, applied and answered in one transaction each.

A command that went ahead of a part of a job (processors/commands/turns.py) is answered before its
cursor comes to it: then it is only counted, also by a worker that takes over in between.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from processors.commands.applying import Applied, apply_commands
from processors.pipeline.bisection import is_of_the_records
from processors.pipeline.pipeline import COMMANDS, Done, Pipeline, PoisonRecord, ends_of, records_of
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import NOWHERE, Record
from processors.tracing.spans import spans
from schemas.commands.reading import Command, read
from schemas.upstream.envelope import Unreadable
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres.session import Cursor, Database, raw, sent_together, transaction
from store.settings import turns
from store.settings.merchants import Merchants
from store.streams import answered_ahead
from store.streams.answered_ahead import Offset
from store.streams.cursors import Counts, Opening, PartitionId


@dataclass(slots=True)
class CommandsResult:
    """What a committed batch did, for metrics: `answers` counts (type, code).

    `ahead`: those of its records that went, or had gone, ahead of their turn.
    """

    counts: Done
    answers: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    committed_at: float = 0.0
    ahead: Sequence[Record] = ()


@dataclass(slots=True)
class _Decoded:
    commands: list[Command] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    ignored: list[PartitionId] = field(default_factory=list)
    poison: list[PoisonRecord] = field(default_factory=list)
    answered: list[Record] = field(default_factory=list)


class Commands:
    """Turns batches of records into one transaction each."""

    pipeline_name = COMMANDS

    def __init__(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> None:
        """`pipeline` has the cursors; all effects go through `connection`."""
        self._pipeline = pipeline
        self._quote_keys = configuration.quotes.signing()
        self._ahead: dict[Offset, bool] = {}
        """Whether it was a repeat, of each command that went ahead of its turn."""
        self._in_turn: dict[Offset, object] = {}
        """What failed when it was to go ahead, and waits for its turn, with its key."""
        self._generation = -1
        self.use(connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        self._connection = connection
        self._merchants = Merchants(connection)

    def process(self, records: Sequence[Record]) -> CommandsResult:
        """Applies a batch. Raises CursorRefused or quarantine.Paused when nothing was written."""
        self._recall()
        decoded = _decode(records, self._ahead)
        while True:
            try:
                with transaction(self._connection) as cursor:
                    result = self._apply(cursor, records, decoded)
            except (CommandRace, HoldRace):
                continue
            result.committed_at = time.time()
            self._pipeline.committed(result.counts)
            return result

    def answer_ahead(self, records: Sequence[Record]) -> CommandsResult | None:
        """Applies what lies behind a part of a job, and leaves the cursors where they are.

        None when nothing of it is new. What cannot be read or applied waits for its turn. Raises
        CursorRefused or quarantine.Paused when nothing was written.
        """
        self._recall()
        self._forget_passed()
        waiting = {(place, key) for (place, _), key in self._in_turn.items()}
        new = [
            record
            for record in records
            if _offset(record) not in self._ahead
            and (record.place, record.message.key()) not in waiting
        ]
        try:
            with spans().batch(COMMANDS, len(new)):
                decoded = _decode(new)
                if not decoded.commands:
                    return None
                result = self._apply_ahead(decoded)
        except BaseException as error:
            if not is_of_the_records(error) or not self.is_connected:
                raise
            self.forget()
            self._in_turn |= {_offset(record): record.message.key() for record in new}
            return None
        result.committed_at = time.time()
        return result

    def _apply_ahead(self, decoded: _Decoded) -> CommandsResult:
        positions = self._pipeline.feed.positions
        ends = {record.place: positions[record.place] for record in decoded.records}
        while True:
            try:
                with transaction(self._connection) as cursor:
                    opening, _ = self._open(cursor, decoded, ends, {})
                    applied = self._apply_commands(cursor, decoded, opening)
                    answered = {
                        _offset(record): bool(result["repeated"])
                        for record, result in zip(decoded.records, applied.results, strict=True)
                    }
                    answered_ahead.note(cursor, self._pipeline.feed.cluster, answered)
            except (CommandRace, HoldRace):
                continue
            break
        self._ahead |= answered
        return CommandsResult({}, _answers(applied), applied.by_type, ahead=decoded.records)

    def _recall(self) -> None:
        """Learns what was answered ahead in partitions that have come to us, or are read again."""
        feed = self._pipeline.feed
        if feed.generation != self._generation:
            found = answered_ahead.read(raw(self._connection), feed.cluster, feed.positions)
            self._ahead, self._generation = found, feed.generation

    def _forget_passed(self) -> None:
        """Forgets what the cursors have come to, and what is another worker's now."""
        positions = self._pipeline.feed.positions

        def is_before_us(at: Offset) -> bool:
            return at[1] >= positions.get(at[0], NOWHERE)

        self._ahead = {at: was for at, was in self._ahead.items() if is_before_us(at)}
        self._in_turn = {at: key for at, key in self._in_turn.items() if is_before_us(at)}

    def _apply(
        self, cursor: Cursor, records: Sequence[Record], decoded: _Decoded
    ) -> CommandsResult:
        ends = ends_of(records)
        opening, counts = self._open(cursor, decoded, ends, records_of(records))
        applied = self._apply_commands(cursor, decoded, opening)
        self._count(decoded, applied, counts)
        self._pipeline.quarantine(cursor, records, decoded.poison, opening.now, counts)
        if decoded.answered:
            answered_ahead.forget(cursor, self._pipeline.feed.cluster, ends)
        done = self._pipeline.advance(cursor, ends, counts)
        return CommandsResult(done, _answers(applied), applied.by_type, ahead=decoded.answered)

    def _open(
        self,
        cursor: Cursor,
        decoded: _Decoded,
        ends: Mapping[PartitionId, int],
        records: Mapping[PartitionId, int],
    ) -> tuple[Opening, dict[PartitionId, Counts]]:
        with sent_together(self._connection):
            turns.decide(self._connection, {each.merchant_id for each in decoded.commands})
            opening, counts = self._pipeline.open(cursor, ends, records)
        if opening.epoch != self._merchants.epoch:
            self._merchants.refresh()
        return opening, counts

    def _apply_commands(self, cursor: Cursor, decoded: _Decoded, opening: Opening) -> Applied:
        keys = self._quote_keys
        return apply_commands(cursor, self._merchants, decoded.commands, opening.now, keys)

    def _count(
        self, decoded: _Decoded, applied: Applied, counts: dict[PartitionId, Counts]
    ) -> None:
        """What became of each record (I7): repeats change nothing, all else is applied."""
        repeated = [result["repeated"] for result in applied.results]
        outcomes = list(zip(decoded.records, repeated, strict=True))
        outcomes += [(record, self._ahead[_offset(record)]) for record in decoded.answered]
        for record, was_there in outcomes:
            if was_there:
                counts[record.place].duplicate += 1
            else:
                counts[record.place].applied += 1
        for place in decoded.ignored:
            counts[place].ignore("null_value")

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


def _offset(record: Record) -> Offset:
    return record.place, record.offset


def _answers(applied: Applied) -> Counter[tuple[str | None, str]]:
    return Counter((result["type"], result["code"]) for result in applied.results)


def _decode(records: Sequence[Record], ahead: Collection[Offset] = ()) -> _Decoded:
    """The commands in some records, in their order; of the others, why they are none.

    Those in `ahead` were answered before.
    """
    decoded = _Decoded()
    for record in records:
        if ahead and _offset(record) in ahead:
            decoded.answered.append(record)
            continue
        value = record.message.value()
        if value is None:
            decoded.ignored.append(record.place)
            continue
        try:
            decoded.commands.append(read(value, spans().of_record(record.message)))
        except Unreadable as error:
            decoded.poison.append((record, error))
        else:
            decoded.records.append(record)
    return decoded
