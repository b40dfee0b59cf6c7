"""One line of `points doctor`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from cli.support.errors import Exit

if TYPE_CHECKING:
    from schemas.answers.operations import DoctorFinding

Verdict = Literal["ok", "warning", "wrong"]
MOST_SHOWN = 5
"""Names on a line: enough to begin with."""


class Finding(NamedTuple):
    """One line. `code` is how doctor ends when this is the first thing that is wrong."""

    verdict: Verdict
    what: str
    remedy: str = ""
    code: Exit = Exit.UNEXPECTED

    def answer(self) -> "DoctorFinding":
        """The line for programs."""
        from schemas.answers.operations import DoctorFinding

        return DoctorFinding(verdict=self.verdict, what=self.what, remedy=self.remedy or None)


def some_of(names: Sequence[str]) -> str:
    """The first of some names, for a line."""
    return ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
