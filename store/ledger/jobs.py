"""Bulk jobs (account.md 7): what they keep giving, and to whom they have given."""

from collections.abc import Collection, Mapping
from typing import Final

from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.together import Writes

JobKey = tuple[int, bytes]
"""(merchant number, job id in UTF-8)."""
JobMember = tuple[int, bytes, bytes]
"""(merchant number, job id in UTF-8, packed member id)."""

_JOB: Final = Columns(tables.job, "merchant_no", "job_id", "terms")
_KEY: Final = Columns(tables.job, "merchant_no", "job_id")
_ROW: Final = Columns(tables.job_row, *tables.job_row.c.keys())
_MEMBER: Final = Columns(tables.job_row, "merchant_no", "job_id", "member")
_SQL: Final = queries("ledger/jobs", job=_JOB, key=_KEY, row=_ROW, member=_MEMBER)


def lock(cursor: Cursor, wanted: Mapping[JobKey, bytes]) -> dict[JobKey, bytes]:
    """Begin jobs that do not exist with the terms that are given, and lock all of them.

    Answers the terms that each has. Two parts of one job wait for each other.
    """
    if not wanted:
        return {}
    keys = sorted(wanted)
    cursor.execute(_SQL["begin"], _JOB.arrays([(*key, wanted[key]) for key in keys]))
    cursor.execute(_SQL["lock"], _KEY.arrays(keys), binary=True)
    return {(merchant_no, job_id): terms for merchant_no, job_id, terms in cursor.fetchall()}


def given(cursor: Cursor, members: Collection[JobMember]) -> dict[JobMember, int]:
    """To which of some members their jobs have given, and the sequence of the entry."""
    if not members:
        return {}
    cursor.execute(_SQL["given"], _MEMBER.arrays(members), binary=True)
    return {
        (merchant_no, job_id, member): sequence
        for merchant_no, job_id, member, sequence in cursor.fetchall()
    }


def give(cursor: Writes, entries: Mapping[JobMember, int]) -> None:
    """Remember for ever to whom jobs have given, and with which entry."""
    if entries:
        cursor.execute(_SQL["give"], _ROW.arrays([(*k, s) for k, s in sorted(entries.items())]))
