"""What a record does wrong stays with it: a batch that fails is halved until it fails alone.

See architecture.md 2.9.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import psycopg
from confluent_kafka import KafkaException

from processors.runtime.kafka.feed import Record
from processors.runtime.kafka.records import traceparent_of
from processors.runtime.logs import log
from processors.runtime.worker import StillTurning
from processors.tracing.context import trace_id
from processors.tracing.spans import spans
from schemas.errors import PointsError
from store.postgres.tables import metadata

_HERE = Path(__file__).resolve().parents[2]
_OF_THE_DATA = (
    psycopg.DataError,
    psycopg.IntegrityError,
    # An index entry or a row that is too large; psycopg counts them among the server's troubles.
    psycopg.errors.ProgramLimitExceeded,
)
_NUMBERED = {"account_pkey"} | {
    f"{table.name}_pkey"
    for table in metadata.tables.values()
    if any(column.identity is not None for column in table.primary_key)
}
"""Keys that a sequence gives. One that stayed behind, as where a copy was made by logical
replication, makes a row collide whose record is right.
"""
_OF_THE_MACHINE = (KafkaException, MemoryError, OSError, ImportError)
"""Not the record's doing, whatever the record is."""
_ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)


Result = TypeVar("Result")
"""What a pipeline tells of a committed batch."""
Result_co = TypeVar("Result_co", covariant=True)


class Batches(Protocol[Result_co]):
    """What a pipeline does with its batches; `pipeline_name` is for traces."""

    pipeline_name: str

    def process(self, records: Sequence[Record]) -> Result_co:
        """Applies a batch in one transaction. Raises CursorRefused, or Paused."""

    def set_aside(self, record: Record, why: str) -> Result_co:
        """Quarantines a record that cannot be applied, alone in a transaction."""

    def forget(self) -> None:
        """Reads again what a batch that failed may have left half remembered."""

    @property
    def is_connected(self) -> bool:
        """Whether the database is there, as far as the connection knows."""


def process_in_parts(
    batches: Batches[Result], records: Sequence[Record], still_turning: StillTurning
) -> Iterator[tuple[Sequence[Record], Result]]:
    """The batch in one transaction, or the parts of it that go well, each as it is committed.

    A record that fails alone is quarantined. One such record costs as many rollbacks as the batch
    can be halved. Raises what is no record's doing, Paused when too many records fail, and
    Interrupted when the worker is to stop.
    """
    try:
        with spans().batch(batches.pipeline_name, len(records)):
            done = batches.process(records)
    except BaseException as error:
        if not is_of_the_records(error) or not batches.is_connected:
            raise
        failed = error
    else:
        yield records, done
        return
    batches.forget()
    if len(records) == 1:
        yield records, _set_aside(batches, records[0], failed)
        return
    middle = len(records) // 2
    for part in (records[:middle], records[middle:]):
        if still_turning():
            raise Interrupted
        yield from process_in_parts(batches, part, still_turning)


class Interrupted(Exception):
    """The worker is to stop: what is left of the batch is not processed."""


def is_of_the_records(error: BaseException) -> bool:
    """Whether some record may be the cause: neither a server's trouble nor a refusal of ours."""
    if isinstance(error, psycopg.Error):
        return isinstance(error, _OF_THE_DATA) and error.diag.constraint_name not in _NUMBERED
    # What else is no Exception: a library in Rust that fails an assertion.
    return not isinstance(error, (PointsError, *_OF_THE_MACHINE, *_ENDS))


def _set_aside(batches: Batches[Result], record: Record, error: BaseException) -> Result:
    why = described(error)
    topic, _, partition = record.place
    log().error(
        "cannot_apply",
        topic=topic,
        partition=partition,
        offset=record.offset,
        trace_id=trace_id(traceparent_of(record.message)),
        why=why,
    )
    return batches.set_aside(record, why)


def described(error: BaseException) -> str:
    """The kind of error and where it came from, without the values that its text may hold."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, psycopg.Error) and error.sqlstate:
        kind = f"{kind} ({error.sqlstate})"
    place, traceback = "", error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        path = Path(code.co_filename)
        if path.is_relative_to(_HERE) and "site-packages" not in path.parts:
            shown = path.relative_to(_HERE)
            place = f" in {shown}:{traceback.tb_lineno} ({code.co_name})"
        traceback = traceback.tb_next
    return f"{kind}{place}"
