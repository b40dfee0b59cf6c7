"""Answers of `points carriers unknown | set | reset | log | show`: what carriers' codes mean."""

from typing import Literal

from schemas.answers.base import AnswerModel, Instant
from schemas.carriers.meaning import Meaning

ReversalEffect = Literal["returning", "return"]


class CodeMeaning(AnswerModel):
    """What a code means (rules.md 6), and of a reversal what else it does."""

    word: str
    effect: ReversalEffect | None

    @classmethod
    def of(cls, meaning: Meaning) -> "CodeMeaning":
        """A meaning in the words of the tables."""
        return cls(word=meaning.word, effect=meaning.effect)


class UnknownCodeAnswer(AnswerModel):
    """A code that is in no table: its redacted text, how often it came, from when to when.

    `shipped` is its meaning in a table that was shipped after it came, else null.
    """

    carrier: str
    service: str
    code: str
    text: str
    reports: int
    first_at: Instant
    last_at: Instant
    shipped: CodeMeaning | None


class CodeChangeResult(AnswerModel):
    """What `set` or `reset` did. `rechecked`: orders and tracking numbers to be looked at again."""

    carrier: str
    service: str
    code: str
    word: str
    effect: ReversalEffect | None
    before: CodeMeaning
    version: int
    changed: bool
    rechecked: int


class CarrierCodeChange(AnswerModel):
    """One change in the log.

    `word` is null where the code was reset, `before` where the shipped table applied until then.
    """

    version: int
    carrier: str
    service: str
    code: str
    word: str | None
    effect: ReversalEffect | None
    before: CodeMeaning | None
    note: str
    applied_at: Instant
    applied_by: str


class CarrierCodeAnswer(AnswerModel):
    """A code with what it means now.

    `shipped` is its meaning in the shipped table, null for a code that is not in it; `set_by` and
    `version` are null where the shipped table applies.
    """

    carrier: str
    service: str
    code: str
    text: str
    word: str
    effect: ReversalEffect | None
    shipped: CodeMeaning | None
    set_by: str | None
    version: int | None
    note: str
