"""The pieces of a job: claimed by one transaction, which applies their rows and marks them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.bulk.states import JobRowCode
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.bulk.jobs import Job
from store.ledger.jobs import JobKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_RESULT: Final = Columns(
    tables.job_line, "merchant_no", "job_id", "number", "code", "sequence", "missing"
)
_SQL: Final = queries("bulk/pieces", result=_RESULT)


class Piece(NamedTuple):
    """The rows from `first` to `last` of a job."""

    job: Job
    first: int
    last: int


class Row(NamedTuple):
    """A row of a piece; `points` are negative in an undo, and `reason` is the job's if not its own.

    Of an undo, `given_until` is when the points expire that it takes back, and `is_of_commands`
    tells whether a `bulk_assign` gave them.
    """

    number: int
    member_id: str
    points: int
    reason: str
    given_until: Micros | None = None
    is_of_commands: bool = False


class Result(NamedTuple):
    """What became of a row: the entry's sequence if there is one, and what an undo did not find."""

    code: JobRowCode
    sequence: int | None
    missing: int = 0


def claim(cursor: Cursor, job: Job) -> Piece | None:
    """The next piece that is not done, and that nobody has in hand."""
    return _claim(cursor, "claim", job)


def wait_for(cursor: Cursor, job: Job) -> Piece | None:
    """As `claim`, but waits for whoever has it in hand; None when it is done afterwards."""
    return _claim(cursor, "wait_for", job)


def _claim(cursor: Cursor, statement: str, job: Job) -> Piece | None:
    row = cursor.execute(_SQL[statement], list(job.key)).fetchone()
    return Piece(job, *row) if row is not None else None


def rows(cursor: Cursor, piece: Piece) -> list[Row]:
    """The rows of a piece in their order."""
    job = piece.job
    statement, more = ("rows", []) if job.undoes is None else ("undo_rows", [job.undoes])
    cursor.execute(_SQL[statement], [*job.key, piece.first, piece.last, *more], binary=True)
    return [
        Row(
            number,
            unpack_id(member),
            points,
            reason.decode() if reason is not None else job.reason,
            *given,
        )
        for number, member, points, reason, *given in cursor.fetchall()
    ]


def mark(cursor: Cursor, piece: Piece, numbers: Sequence[int], results: Sequence[Result]) -> None:
    """Marks the rows of a piece as done with."""
    if results:
        cursor.execute(
            _SQL["mark_rows"],
            _RESULT.arrays(
                [
                    (*piece.job.key, number, *result)
                    for number, result in zip(numbers, results, strict=True)
                ]
            ),
        )
    applied = sum(result.code is JobRowCode.ok for result in results)
    cursor.execute(
        _SQL["mark_piece"], [*piece.job.key, piece.first, applied, len(results) - applied]
    )


def progress(cursor: Cursor, key: JobKey) -> tuple[int, int]:
    """How many rows of a job are done with, and how many pieces are not."""
    row = cursor.execute(_SQL["progress"], list(key)).fetchone()
    return (row[0], row[1]) if row is not None else (0, 0)
