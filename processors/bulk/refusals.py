"""Why something about a job is refused; nothing was done then."""

from typing import Final

from schemas.commands.bodies import MOST_ASSIGNED, is_name, reason_of
from schemas.commands.codes import SENTENCES, Code
from schemas.errors import Exit, PointsError

_POINTS: Final = f"The points must be a whole number from 1 to {MOST_ASSIGNED:,}."
_OWN: Final = {
    "invalid_points": _POINTS,
    "over_limit": _POINTS,
    "invalid_reason": SENTENCES[Code.invalid_reason],
    "job_changed": "There is a job of that id with other rows, points or reason.",
    "approval_required": "The job waits for the approval of a second person:"
    " `points bulk approve`.",
    "same_person": "A job is approved by another person than the one who made it.",
    "no_approval_needed": "The job does not wait for an approval.",
    "job_cancelled": "The job was cancelled.",
    "not_cancellable": "All rows of the job are applied.",
    "job_not_done": "The job is not applied to its end: let it end, or cancel it.",
    "not_allowed": "The merchant's settings do not allow it: `assign.bulk_undo` is off.",
}


class BulkRefused(PointsError):
    """Refused, with the code word of why."""

    code = "job_refused"
    exit_code = Exit.REFUSED

    def __init__(self, code: str, job_id: str = "", *, sentence: str | None = None) -> None:
        """`code`: one of commands, or of those that only jobs have, with its usual sentence."""
        self.code = code
        usual = _OWN.get(code) or SENTENCES[Code(code)] or ""
        super().__init__(sentence or usual, where=job_id)


def named(**names: str) -> None:
    """Refuses what no id can be, as commands do: `by` is who performs, `job_id` the job."""
    for field, value in names.items():
        if not is_name(value):
            raise BulkRefused(
                "invalid_command",
                sentence=f"{field}: must be 1 to 100 characters without control characters or "
                "white space at an end",
            )


def trimmed(reason: str) -> str:
    """A reason without the white space around it. Raises BulkRefused for none."""
    try:
        return reason_of(reason)
    except ValueError:
        raise BulkRefused("invalid_reason") from None
