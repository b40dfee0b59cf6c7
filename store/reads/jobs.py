"""Bulk jobs and their rows, as people ask for them (account.md 7)."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from schemas.answers.bulk import JobAnswer, JobRowAnswer
from schemas.bulk.states import Gate, JobRowCode, state_of
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.bulk.jobs import UnknownJob
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.reads.snapshot import merchant_number

_SQL: Final = queries("reads/jobs")
_PAGE: Final = 10_000
"""Rows in memory at once, however many a job has."""


class ShownJob(NamedTuple):
    """A job as it stands, and what only people are shown: who made and approved it, when and why.

    A job of commands has no such.
    """

    answer: JobAnswer
    reason: str | None
    made_by: str | None
    made_at: Micros | None
    approved_by: str | None


def shown_jobs(cursor: Cursor, merchant_id: str) -> list[ShownJob]:
    """A merchant's jobs, newest first; those of commands behind. Raises UnknownMerchant."""
    number = merchant_number(cursor, merchant_id)
    found = [_shown(*row) for row in cursor.execute(_SQL["jobs"], [number, None]).fetchall()]
    return sorted(found, key=lambda job: (-(job.made_at or 0), job.answer.job_id))


def shown_job(cursor: Cursor, merchant_id: str, job_id: str) -> ShownJob:
    """One job. Raises UnknownMerchant, UnknownJob."""
    number = merchant_number(cursor, merchant_id)
    row = cursor.execute(_SQL["jobs"], [number, job_id.encode()]).fetchone()
    if row is None:
        raise UnknownJob(job_id)
    return _shown(*row)


def _shown(
    job_id: bytes,
    gate: int,
    made_at: Micros | None,
    figures: list[int],
    given: list[int],
    *texts: bytes | None,
) -> ShownJob:
    total, points, pieces, done, applied, refused = figures
    if made_at is None:
        total, points = applied, _ = given
    reason, made_by, approved_by = (text.decode() if text is not None else None for text in texts)
    answer = JobAnswer(
        job_id=job_id.decode(),
        state=state_of(Gate(gate), pieces, done),
        total_count=total,
        successful_count=applied,
        failed_count=refused,
        points=points,
    )
    return ShownJob(answer, reason, made_by, made_at, approved_by)


def job_rows(
    cursor: Cursor,
    merchant_id: str,
    job_id: str,
    *,
    after: int = 0,
    limit: int | None = None,
    refused_only: bool = False,
) -> Iterator[JobRowAnswer]:
    """The rows of a job in their order, behind a line of its file, at most `limit`.

    Rows of a job of commands have no line, and come in the order of the members' ids. Raises
    UnknownMerchant and UnknownJob, before the first row.
    """
    number = merchant_number(cursor, merchant_id)
    job = shown_job(cursor, merchant_id, job_id)
    of_commands = job.made_at is None
    if of_commands and refused_only:
        return iter(())
    statement = "command_rows" if of_commands else "file_rows"
    where = [number, job_id.encode()] + ([] if of_commands else [after, refused_only])
    return _rows(cursor, statement, where, limit)


def _rows(
    cursor: Cursor, statement: str, where: list[object], limit: int | None
) -> Iterator[JobRowAnswer]:
    behind, left = b"" if statement == "command_rows" else 0, limit
    while left is None or left > 0:
        page = _PAGE if left is None else min(left, _PAGE)
        found = cursor.execute(_SQL[statement], [*where, behind, page]).fetchall()
        for place, line, member, points, code, sequence, missing in found:
            behind = place
            yield _row(line, member, points, code, sequence, missing)
        if len(found) < page:
            return
        left = None if left is None else left - page


def _row(
    line: int | None,
    member: bytes,
    points: int,
    code: int | None,
    sequence: int | None,
    missing: int | None,
) -> JobRowAnswer:
    outcome: Literal["applied", "refused"] | None = None
    if code is not None:
        outcome = "applied" if code == JobRowCode.ok else "refused"
    return JobRowAnswer(
        row=line,
        member_id=unpack_id(member),
        points=points,
        outcome=outcome,
        code=JobRowCode(code) if code is not None else None,
        sequence=sequence,
        missing=missing,
    )
