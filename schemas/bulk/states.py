"""What a job and its rows can be (account.md 7)."""

from enum import IntEnum, StrEnum
from typing import Final

UNDO: Final = ":undo"
"""Ends the id of the job that undoes another."""


class JobState(StrEnum):
    """Where a job stands. Only one that waits for approval or is cancelled is not worked on."""

    waiting_approval = "waiting_approval"
    pending = "pending"
    in_progress = "in_progress"
    done = "done"
    cancelled = "cancelled"


class Gate(IntEnum):
    """Whether a job's rows may be applied; the numbers are stored."""

    open = 1
    waiting_approval = 2
    cancelled = 3


class JobRowCode(IntEnum):
    """What became of a row, by the codes of commands; the numbers are stored.

    `insufficient_points` is a row of an undo that found nothing to take; `key_reused` one whose id
    a sender had used for something else.
    """

    ok = 1
    not_a_member = 2
    insufficient_points = 3
    key_reused = 4


def state_of(gate: Gate, pieces: int, pieces_done: int) -> JobState:
    """The state of a job that is applied in so many pieces."""
    if gate is Gate.waiting_approval:
        return JobState.waiting_approval
    if gate is Gate.cancelled:
        return JobState.cancelled
    if pieces_done == pieces:
        return JobState.done
    return JobState.in_progress if pieces_done else JobState.pending
