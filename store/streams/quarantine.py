"""Poison: kept byte for byte, sent to its dead-letter topic, counted (architecture.md 2.6, I7)."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from rules.poison import Limits, Poisoned, too_much
from schemas.errors import Exit, PointsError
from schemas.ids import DAY, Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams import outbox
from store.streams.cursors import PartitionId
from store.streams.outbox import OutboxKind, headers_bytes

KEPT = 14 * DAY
"""How long raw bytes are kept (rules.md 7): the dead-letter topics' retention is the same."""
MERCHANT_LETTERS = 100
"""As many as a merchant's id may have; a record that is poison may claim any."""
_RECORD: Final = Columns(
    tables.quarantine,
    "topic", "topic_uuid", "partition", "offset", "key", "value", "headers", "timestamp_us",
    "merchant_id", "reason", "message", "position",
)  # fmt: skip
_SQL: Final = queries("streams/quarantine", record=_RECORD)


class Paused(PointsError):
    """The pipeline is paused, or must pause now: nothing of the batch was written."""

    code = "paused"
    exit_code = Exit.CURSOR


class MustPause(Paused):
    """This batch holds too much poison: pause the pipeline, in a transaction of its own."""

    code = "must_pause"


class DeadLetters(NamedTuple):
    """Where the poison of a topic goes: the dead-letter topic, and what it is called in short."""

    topic: str
    short: str

    @property
    def kind(self) -> OutboxKind:
        """The outbox kind of these dead letters."""
        return OutboxKind[f"DEAD_{self.short.upper()}"]


class QuarantinedRecord(Protocol):
    """A Kafka record, as far as quarantine keeps it."""

    def key(self) -> Any:
        """The record's key."""

    def value(self) -> Any:
        """Its bytes."""

    def offset(self) -> Any:
        """Where it stands."""

    def headers(self) -> Any:
        """Its headers, or None."""

    def timestamp(self) -> Any:
        """(kind, milliseconds)."""


class Poison(NamedTuple):
    """One unreadable record: its partition, its place in the pipeline's count, what is wrong."""

    place: PartitionId
    record: QuarantinedRecord
    position: int
    merchant_id: str | None
    reason: str
    message: str


def consumed(cursor: Cursor, pipeline: str) -> int:
    """How many records the pipeline has consumed, over all partitions."""
    row = cursor.execute(_SQL["consumed"], [pipeline]).fetchone()
    return int(row[0]) if row else 0


def put(
    cursor: Cursor,
    pipeline: str,
    group: str,
    letters: DeadLetters,
    poison: Sequence[Poison],
    now: Micros,
) -> None:
    """Keeps the records and queues their dead letters.

    Bytes and headers stay untouched; our headers are added behind theirs.
    """
    rows, out = [], []
    for p in poison:
        key, value, offset = p.record.key(), p.record.value(), int(p.record.offset())
        headers = list(p.record.headers() or [])
        merchant = p.merchant_id[:MERCHANT_LETTERS].encode() if p.merchant_id is not None else None
        rows.append((
            p.place.topic.encode(),
            p.place.topic_uuid.encode(),
            p.place.partition,
            offset,
            key,
            value,
            headers_bytes(headers),
            p.record.timestamp()[1] * 1000,
            merchant,
            p.reason.encode(),
            p.message.encode(),
            p.position,
        ))  # fmt: skip
        packed = headers_bytes([*headers, *_error_headers(p, offset, group)])
        out.append((letters.kind, key, value, packed))
    cursor.execute(_SQL["put"], [pipeline, now, *_RECORD.arrays(rows)])
    outbox.add(cursor, out)


def _error_headers(poison: Poison, offset: int, group: str) -> list[tuple[str, bytes]]:
    errors = {
        "topic": poison.place.topic,
        "partition": str(poison.place.partition),
        "offset": str(offset),
        "group": group,
        "message": f"{poison.reason}: {poison.message}",
    }
    return [(f"__dlq.errors.{name}", text.encode()) for name, text in errors.items()]


def check(cursor: Cursor, pipeline: str, limits: Limits, since: int) -> None:
    """Raises MustPause when there is too much poison around the records behind position `since`."""
    reach = max(limits.window, limits.in_a_row)
    cursor.execute(_SQL["recent"], [pipeline, since - reach])
    why = too_much([Poisoned(*row) for row in cursor.fetchall()], limits)
    if why is not None:
        raise MustPause(
            f"{why}: nothing of this batch was written; "
            "look with `points dlq list`, then `points resume`"
        )


def pause(cursor: Cursor, pipeline: str, reason: str) -> None:
    """Pauses the pipeline for all its workers, until `resume`."""
    cursor.execute(_SQL["pause"], [pipeline, reason])


def resume(cursor: Cursor, pipeline: str, grace: int) -> bool:
    """Lets the pipeline go on; the next `grace` records do not count against it.

    False when it was not paused.
    """
    cursor.execute(_SQL["resume"], [pipeline, consumed(cursor, pipeline) + grace])
    return cursor.rowcount > 0


def paused(cursor: Cursor, pipeline: str) -> tuple[Micros, str] | None:
    """Since when and why the pipeline is paused."""
    row = cursor.execute(_SQL["paused"], [pipeline]).fetchone()
    return (row[0], row[1]) if row is not None else None


def purge(cursor: Cursor, limit: int) -> int:
    """Forgets the bytes of records that have been kept for KEPT; their rows stay.

    Returns how many.
    """
    cursor.execute(_SQL["purge"], [KEPT, limit])
    return cursor.rowcount
