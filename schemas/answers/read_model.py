"""Answers about the read model in Redis: `points readmodel show` and `rebuild`."""

from schemas.answers.base import AnswerModel
from schemas.read_model import ReadModelBalance


class ReadModelAnswer(AnswerModel):
    """What the read model says of a member beside what the database says; null: nothing.

    `agree`: both say the same, or the read model nothing, as it may.
    """

    key: str
    model: ReadModelBalance | None
    database: ReadModelBalance | None
    agree: bool


class RebuildResult(AnswerModel):
    """Balances that were written from the database, and keys that were compared with it before."""

    accounts: int
    compared_keys: int
