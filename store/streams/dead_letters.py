"""What became of poison: listed, shown, sent back to where it came from, or given up.

See architecture.md 2.6.

A redrive goes through the outbox like everything that is sent: bytes, key and headers as they came,
the topic and the record's own time in headers that the relay takes off again. The time matters,
since some records take their version from it (rules.md 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.answers.streams import DeadLetterState
from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import outbox
from store.streams.outbox import Headers, OutboxKind, headers_bytes, headers_of

TOPIC, TIME, REDRIVE = "__points.topic", "__points.timestamp", "__points.redrive"
CHUNK = 200
"""Rows whose bytes are held at once: 200 records of 1 MB fit anywhere."""

_SUMMARY: Final = Columns(
    tables.quarantine,
    "id", "topic", "partition", "offset", "reason", "message", "received_us", "redriven_us",
    "discarded_us",
)  # fmt: skip
"""The fields of a DeadLetterState."""
_SQL: Final = queries("streams/dead_letters", summary=_SUMMARY)


@dataclass(frozen=True, slots=True)
class Letter:
    """One row with its bytes. They may hold personal data: never print them as they are."""

    summary: DeadLetterState
    pipeline: str
    merchant_id: str | None
    timestamp: Micros
    key: bytes | None
    value: bytes | None
    headers: Headers


class UnknownLetters(PointsError):
    """No dead letters have these ids."""

    code = "unknown_dead_letters"
    exit_code = Exit.NOT_FOUND


class AlreadyDone(PointsError):
    """Some of the dead letters were redriven or discarded before, or are too old to be."""

    code = "already_done"
    exit_code = Exit.REFUSED


def listed(connection: Database) -> list[DeadLetterState]:
    """All dead letters, oldest first."""
    return [DeadLetterState.of_row(row) for row in raw(connection).execute(_SQL["list"]).fetchall()]


def letter(connection: Database, number: int) -> Letter:
    """One dead letter, whole. Raises UnknownLetters."""
    row = raw(connection).execute(_SQL["show"], [number]).fetchone()
    if row is None:
        raise _unknown([number])
    *summary, pipeline, merchant_id, timestamp, key, value, headers = row
    return Letter(
        summary=DeadLetterState.of_row(summary),
        pipeline=pipeline,
        merchant_id=merchant_id,
        timestamp=timestamp,
        key=key,
        value=value,
        headers=headers_of(headers),
    )


def waiting(connection: Database) -> list[int]:
    """The ids of those that were neither redriven nor discarded."""
    return [number for (number,) in raw(connection).execute(_SQL["waiting"]).fetchall()]


def topics_of(connection: Database, ids: Sequence[int]) -> set[str]:
    """The source topics of some dead letters."""
    return {topic for (topic,) in raw(connection).execute(_SQL["topics"], [list(ids)]).fetchall()}


def redrive(connection: Database, ids: Sequence[int], *, again: bool) -> int:
    """Queues the records for their source topics, all or none; returns how many.

    Raises UnknownLetters, and AlreadyDone for those dealt with before, unless `again`.
    """
    wanted = sorted(set(ids))
    with transaction(connection) as cursor:
        check(cursor, wanted, again=again)
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            rows = cursor.execute(_SQL["bytes"], [part]).fetchall()
            outbox.add(cursor, [_addressed_row(*row) for row in rows])
            mark_redriven(cursor, part)
    return len(wanted)


def mark_redriven(cursor: Cursor, ids: Sequence[int]) -> None:
    """Notes that the records come again."""
    cursor.execute(_SQL["redriven"], [list(ids)])


def discard(connection: Database, ids: Sequence[int]) -> int:
    """Gives the records up, all or none: they stay listed. Raises UnknownLetters, AlreadyDone."""
    wanted = sorted(set(ids))
    with transaction(connection) as cursor:
        check(cursor, wanted, again=False)
        cursor.execute(_SQL["discarded"], [wanted])
    return len(wanted)


def check(cursor: Cursor, wanted: list[int], *, again: bool) -> None:
    """Locks dead letters. Raises UnknownLetters, and AlreadyDone as `redrive` does."""
    rows = cursor.execute(_SQL["state"], [wanted]).fetchall()
    states = {number: (redriven, discarded) for number, redriven, discarded, _ in rows}
    purged = [number for number, _, _, purged_at in rows if purged_at is not None]
    missing = [number for number in wanted if number not in states]
    if missing:
        raise _unknown(missing)
    if purged:
        raise AlreadyDone(
            f"{_named(purged)} older than 14 days and without bytes",
            "take them from the dead-letter topic",
        )
    done = [number for number, state in states.items() if any(at is not None for at in state)]
    if done and not again:
        raise AlreadyDone(
            f"{_named(done)} redriven or discarded already: nothing was done",
            "look at the list of dead letters",
        )


def _unknown(numbers: list[int]) -> UnknownLetters:
    return UnknownLetters(f"{_named(numbers)} not known", "look at the list of dead letters")


def _named(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"dead letter {numbers[0]} is"
    shown = ", ".join(str(n) for n in numbers[:10])
    return f"dead letters {shown}{', …' if len(numbers) > 10 else ''} are"  # noqa: PLR2004 - enough to see which


def _addressed_row(
    number: int,
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: bytes | None,
    timestamp: Micros,
) -> tuple[OutboxKind, bytes | None, bytes | None, bytes]:
    ours = [
        (TOPIC, topic.encode()),
        (TIME, str(timestamp // 1000).encode()),
        (REDRIVE, str(number).encode()),
    ]
    return OutboxKind.REDRIVE, key, value, headers_bytes([*headers_of(headers), *ours])


class Addressed(NamedTuple):
    """Where a redriven record goes, with which time (milliseconds.

    0: the present), and its headers.
    """

    topic: str
    timestamp: int
    headers: list[tuple[str, bytes | None]]


def addressed(headers: Headers) -> Addressed:
    """What `redrive` put into the headers, and the headers without topic and time.

    The last ones are ours.
    """
    topic, time = headers[-3][1], headers[-2][1]
    return Addressed((topic or b"").decode(), int(time or 0), [*headers[:-3], headers[-1]])
