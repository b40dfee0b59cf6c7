"""Expected failures: one family of exceptions, and the exit code with which each ends a process.

An exception of this family is for a person: it says what was wrong, where, and what to do. Signals
between our own functions (a race that was lost, a batch to do again) are no members.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    """The exit codes of every command and worker, with their meanings.

    Scripts rely on them: a number never gets another meaning.
    """

    meaning: str

    OK = 0, "done"
    UNEXPECTED = (
        1,
        (
            "unexpected error; or `doctor` found something wrong that has no code of its own, "
            "or a question was answered with no"
        ),
    )
    USAGE = 2, "wrong usage or configuration; a login that Kafka or PostgreSQL refuses"
    SCHEMA = 3, "the database's schema or version is not the one this version works with"
    CURSOR = 4, "a topic or a cursor is not as it must be"
    REFUSED = (
        5,
        (
            "refused: an invalid document or file, a command, another version in force, "
            "a campaign that overlaps, a dead letter already dealt with, missing rights"
        ),
    )
    NOT_FOUND = (
        6,
        (
            "not found: merchant, settings version, campaign, job, dead letter, pipeline, "
            "carrier's service or code"
        ),
    )
    UNREACHABLE = 7, "Kafka, PostgreSQL or Redis cannot be reached"

    def __new__(cls, number: int, meaning: str = "") -> Self:
        """A member is its number; `meaning` completes the sentence "it ended because"."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member


class PointsError(Exception):
    """The base of all expected failures.

    Each class has a code word of its own, which never changes: programs compare it, as they do the
    exit code.
    """

    code = "points_error"
    exit_code = Exit.UNEXPECTED

    def __init__(self, wrong: str | Sequence[str], remedy: str = "", *, where: str = "") -> None:
        """`wrong`: what is wrong, a line or several, without the word "error".

        `remedy`: what to do about it. `where`: the document, topic or row that is meant, for
        programs; the text of `wrong` names it already.
        """
        # A text is one line: a line feed in it came from outside, and would forge a line of ours.
        self.lines = (wrong,) if isinstance(wrong, str) else tuple(wrong)
        self.remedy = remedy
        self.where = where
        super().__init__("\n".join(self.lines))

    def __str__(self) -> str:
        """What is wrong and what to do, as one text for a log."""
        wrong = "\n".join(self.lines)
        return f"{wrong}: {self.remedy}" if self.remedy else wrong


class AccessRefused(PointsError):
    """Kafka or PostgreSQL does not let us in, or not do what we must."""

    code = "access_refused"
    exit_code = Exit.USAGE
