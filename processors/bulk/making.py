"""Jobs made from files (account.md 7): the whole file is validated, and stored as it is read.

Rows go into the database while the file is still being read, in one transaction that ends well only
when the whole file is right. So a file of a million rows takes little memory, and one with a
problem leaves nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

import orjson

from processors.bulk.refusals import BulkRefused, named, trimmed
from processors.bulk.shops import Shop
from rules.account.commands import Situation
from schemas.bulk.file import JobRow, Problems, rows_of
from schemas.bulk.states import UNDO, Gate
from schemas.commands.bodies import MOST_ASSIGNED
from schemas.ids import Micros
from store.bulk import jobs
from store.bulk.jobs import Job
from store.ledger.jobs import JobKey
from store.postgres.session import Cursor, transaction
from store.settings import turns


class Wanted(NamedTuple):
    """What staff want: the file, its name for people, and what holds for all rows.

    `points` are for rows that do not say how many, text where none were typed.
    """

    source: BinaryIO
    name: str
    job_id: str
    reason: str
    by: str
    points: int | str | None = None

    def checked(self) -> "Wanted":
        """With the reason trimmed. Raises BulkRefused for what no job may have."""
        named(job_id=self.job_id, by=self.by)
        if self.job_id.endswith(UNDO):
            raise BulkRefused("invalid_command", sentence=f"job_id: {UNDO} ends that of an undoing")
        self.points_each()
        return self._replace(reason=trimmed(self.reason))

    def points_each(self) -> int | None:
        """The points of rows that do not say how many. Raises BulkRefused."""
        points = self.points
        if isinstance(points, str) or (points is not None and points <= 0):
            raise BulkRefused("invalid_points")
        if points is not None and points > MOST_ASSIGNED:
            raise BulkRefused("over_limit")
        return points


class Trial(NamedTuple):
    """What a job would do, without doing it: `new_members` have no account yet."""

    rows: int
    new_members: int
    points: int
    expires_at: Micros


@dataclass(slots=True)
class _Reading:
    """The rows of a file on their way, and what they come to."""

    wanted: Wanted
    problems: Problems = field(default_factory=Problems)
    count: int = 0
    points: int = 0
    digest: Any = None

    def rows(self) -> Iterator[JobRow]:
        self.digest = sha256(orjson.dumps(["file", self.wanted.reason]))
        for row in rows_of(self.wanted.source, self.problems, self.wanted.points_each()):
            self.count += 1
            self.points += row.points
            self.digest.update(orjson.dumps(row[1:]))
            yield row

    def read(self) -> None:
        """Only reads."""
        for _ in self.rows():
            pass

    def terms(self) -> bytes:
        """SHA-256 of what the job keeps. Raises InvalidFile when the file is not right."""
        self.problems.refuse(self.wanted.name)
        return bytes(self.digest.digest())


def make_job(shop: Shop, wanted: Wanted) -> JobKey:
    """Keeps a job with all its rows; the same file under the same id is the same job.

    Raises InvalidFile and BulkRefused.
    """
    wanted, key = wanted.checked(), shop.key(wanted.job_id)
    with transaction(shop.connection) as cursor:
        jobs.serialise(cursor, key)
        known, reading = jobs.find(cursor, key), _Reading(wanted)
        if known is not None:
            reading.read()
            _refuse_other(known, reading.terms())
            return key
        jobs.add_rows(cursor, key, reading.rows())
        terms, situation = reading.terms(), _open(shop, cursor)
        job = Job(
            key,
            terms,
            _gate(situation, reading.points),
            reading.count,
            reading.points,
            wanted.reason,
            wanted.by,
            situation.now,
        )
        if not jobs.add(cursor, job):
            raise BulkRefused("job_changed", wanted.job_id)
    return key


def _open(shop: Shop, cursor: Cursor) -> Situation:
    """What holds now, where points may be assigned. Raises BulkRefused."""
    turns.decide(shop.connection, [shop.merchant_id])
    situation = shop.situation(cursor)
    if not situation.in_force.feature:
        raise BulkRefused("feature_off")
    return situation


def _refuse_other(known: Job, terms: bytes) -> None:
    if known.terms != terms:
        raise BulkRefused("job_changed", known.job_id)


def _gate(situation: Situation, points: int) -> Gate:
    """A job of more points than the merchant lets one person give waits for a second one."""
    rules = situation.in_force.rules
    above = rules.account.approval_above if rules is not None else None
    return Gate.waiting_approval if above is not None and points > above else Gate.open


def try_out(shop: Shop, wanted: Wanted) -> Trial:
    """What `make_job` and the job would do. Raises as it does."""
    wanted, key = wanted.checked(), shop.key(wanted.job_id)
    with transaction(shop.connection) as cursor:
        jobs.patience(cursor)
        reading = _Reading(wanted)
        members = (row.member_id for row in reading.rows())
        new = jobs.without_account(cursor, shop.number, members)
        terms, situation = reading.terms(), _open(shop, cursor)
        known = jobs.find(cursor, key)
        if known is not None:
            _refuse_other(known, terms)
        return Trial(reading.count, new, reading.points, situation.assigned_expires_at)
