"""Jobs from files: made with all their rows in one transaction, and what may be done with them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from schemas.bulk.file import JobRow
from schemas.bulk.states import Gate
from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from schemas.packing import pack_id
from store.ledger.jobs import JobKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

PIECE: Final = 1_000
"""Rows applied in one transaction: their accounts stay locked for a tenth of a second."""
_AT_ONCE: Final = 10_000
"""Members asked for at once."""

_JOB: Final = Columns(
    tables.job, "merchant_no", "job_id", "terms", "gate", "total", "points", "reason", "made_by",
    "made_us", "undoes",
)  # fmt: skip
_LINE: Final = Columns(
    tables.job_line, "merchant_no", "job_id", "number", "line", "member", "points", "reason"
)
_LINE_TYPES: Final = ("int4", "bytea", "int4", "int4", "bytea", "int4", "bytea")
_MEMBER: Final = Columns(tables.account, "merchant_no", "member")
_SQL: Final = queries("bulk/jobs", job=_JOB, line=_LINE, member=_MEMBER)


class UnknownJob(PointsError):
    """The merchant has no job of that id."""

    code = "unknown_job"
    exit_code = Exit.NOT_FOUND

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"there is no job {job_id}", "`points bulk list MERCHANT` lists all", where=job_id
        )


class Job(NamedTuple):
    """A job: what it keeps giving, and to whose orders.

    A job of commands has neither `made_by` nor `made_at`. `undoes` is the job whose points this one
    takes back.
    """

    key: JobKey
    terms: bytes
    gate: Gate = Gate.open
    total: int = 0
    points: int = 0
    reason: str = ""
    made_by: str | None = None
    made_at: Micros | None = None
    undoes: bytes | None = None

    @property
    def job_id(self) -> str:
        """Its id as text."""
        return self.key[1].decode()

    @property
    def is_of_commands(self) -> bool:
        """Whether `bulk_assign` commands began it: then it is done with each of them."""
        return self.made_at is None


def serialise(cursor: Cursor, key: JobKey) -> None:
    """Waits for others that make this job; the file of a million rows takes them some seconds."""
    patience(cursor)
    cursor.execute(_SQL["serialise"], list(key))


def patience(cursor: Cursor) -> None:
    """Lets this transaction's statements take as long as a file does, which is stored as read."""
    cursor.execute(_SQL["patience"], ["600s", "1800s", True])


def patience_of_session(cursor: Cursor, lock: str, statement: str) -> None:
    """How long a session's statements wait for a lock, and last, such as `60s`."""
    cursor.execute(_SQL["patience"], [lock, statement, False])


def find(cursor: Cursor, key: JobKey) -> Job | None:
    """A job, if there is one."""
    return _job(cursor, "find", key)


def share(cursor: Cursor, key: JobKey) -> Job:
    """A job that stays as it is until this transaction ends. Raises UnknownJob."""
    cursor.execute(_SQL["take_turn"], list(key))
    return _known(_job(cursor, "share", key), key)


def lock(cursor: Cursor, key: JobKey) -> Job:
    """A job that only this transaction may change. Raises UnknownJob.

    Waits for those that share it, and not for others that come to share it meanwhile.
    """
    patience(cursor)
    cursor.execute(_SQL["take_turn_alone"], list(key))
    return _known(_job(cursor, "lock", key), key)


def _known(job: Job | None, key: JobKey) -> Job:
    if job is None:
        raise UnknownJob(key[1].decode())
    return job


def _job(cursor: Cursor, statement: str, key: JobKey) -> Job | None:
    row = cursor.execute(_SQL[statement], list(key), binary=True).fetchone()
    if row is None:
        return None
    merchant_no, job_id, terms, gate, total, points, reason, made_by, made_us, undoes = row
    return Job(
        (merchant_no, job_id),
        terms,
        Gate(gate),
        total,
        points,
        (reason or b"").decode(),
        made_by.decode() if made_by is not None else None,
        made_us,
        undoes,
    )


def add_rows(cursor: Cursor, key: JobKey, rows: Iterable[JobRow]) -> None:
    """Keeps the rows of a job, as fast as they are read."""
    with cursor.copy(_SQL["add_rows"]) as copy:
        copy.set_types(_LINE_TYPES)
        for number, row in enumerate(rows, 1):
            reason = row.reason.encode() if row.reason is not None else None
            copy.write_row((*key, number, row.line, pack_id(row.member_id), row.points, reason))


def add(cursor: Cursor, job: Job) -> bool:
    """Keeps a job whose rows are there, ready to be applied; False when its id is taken."""
    cursor.execute(
        _SQL["add"],
        _JOB.arrays(
            [
                (
                    *job.key,
                    job.terms,
                    job.gate,
                    job.total,
                    job.points,
                    job.reason.encode(),
                    job.made_by.encode() if job.made_by is not None else None,
                    job.made_at,
                    job.undoes,
                )
            ]
        ),
    )
    if not cursor.rowcount:
        return False
    cursor.execute(_SQL["add_pieces"], [*job.key, PIECE])
    return True


def change_gate(cursor: Cursor, key: JobKey, gate: Gate, approved_by: str | None = None) -> None:
    """Lets a locked job go on, or ends it."""
    who = approved_by.encode() if approved_by is not None else None
    cursor.execute(_SQL["change_gate"], [*key, gate, who])


def without_account(cursor: Cursor, merchant_no: int, members: Iterable[str]) -> int:
    """How many of some members, each named once, have no account yet."""
    return sum(
        row[0]
        for some in _in_parts(members)
        for row in cursor.execute(
            _SQL["without_account"], _MEMBER.arrays([(merchant_no, member) for member in some])
        )
    )


def _in_parts(members: Iterable[str]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    for member in members:
        some.append(pack_id(member))
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def grow(cursor: Cursor, job: Job) -> None:
    """Adds `total` rows, which are there, and their points to a locked job of the same id.

    What is not applied yet is `made_by` whoever does this, with his reason, and may be applied.
    """
    made_by = job.made_by.encode() if job.made_by is not None else None
    cursor.execute(
        _SQL["grow"],
        [*job.key, job.total, job.points, job.reason.encode(), made_by, job.made_at, job.gate],
    )
    cursor.execute(_SQL["add_pieces"], [*job.key, PIECE])


def undo_rows(cursor: Cursor, key: JobKey, job: Job) -> tuple[int, int]:
    """Keeps as rows of `key` what a job gave, to be taken; how many, and their points (negative).

    A file's have the numbers of the job's own rows, by which they find the entries. Of commands,
    which may come later, they are those of the members that `key` does not have yet.
    """
    statement = "undo_commands" if job.is_of_commands else "undo_file"
    row = cursor.execute(_SQL[statement], [*job.key, key[1]]).fetchone()
    count, points = row if row is not None else (0, 0)
    return count, int(points)
