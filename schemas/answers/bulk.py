"""Answers of `points bulk …` and `points member assign` (account.md 3, 7)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from schemas.answers.base import AnswerModel, Expiry, Instant, is_missing
from schemas.bulk.states import JobRowCode, JobState
from schemas.commands.codes import Code
from schemas.events import Balance

JobRowWord = Annotated[
    JobRowCode,
    BeforeValidator(lambda value: JobRowCode[value] if isinstance(value, str) else value),
    PlainSerializer(lambda code: code.name, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "enum": [code.name for code in JobRowCode]}),
]


class JobAnswer(AnswerModel):
    """A job as it stands: its rows, those applied and refused so far, and the points of all rows.

    Of a job of commands, the rows are the members that it has given points to.
    """

    job_id: str
    state: JobState
    total_count: int
    successful_count: int
    failed_count: int
    points: int


class JobRowAnswer(AnswerModel):
    """A row of a job: its line in the file, and what became of it; null where nothing did yet.

    `row` is null in a job of commands. `missing` is there in an undo: what could not be taken.
    """

    row: int | None
    member_id: str
    points: int
    outcome: Literal["applied", "refused"] | None
    code: JobRowWord | None
    sequence: int | None
    missing: Annotated[int | None, Field(exclude_if=is_missing)] = None


class TrialAnswer(AnswerModel):
    """What a job would do; `new_members` have no account yet, `expires_at` is null for never."""

    rows: int
    new_members: int
    points: int
    expires_at: Expiry


class AssignAnswer(AnswerModel):
    """The answer to an assignment, as the results topic has it."""

    command_id: str
    type: Literal["assign"]
    merchant_id: str
    member_id: str
    outcome: Literal["applied", "refused"]
    repeated: bool
    code: Code
    message: str | None
    entries: tuple[int, ...]
    balance: Balance
    decided_at: Instant
