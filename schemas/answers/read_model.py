"""What the read model in Redis says of a member (account.md 9), and answers about it.

`ReadModelBalance` is a contract with its readers. The key is `points:v1:{merchant:member}`; in ids,
`:` is `%3A` and `%` is `%25`. The answers are those of `points readmodel show` and `rebuild`.
"""

from pydantic import Field

from schemas.answers.base import AnswerModel, Instant


class FreeLots(AnswerModel):
    """Free points that expire at one instant, exclusive; null: those that never do.

    They do not count from that instant on, whether their lapse is posted or not.
    """

    expires_at: Instant | None
    points: int = Field(gt=0)


class HeldPoints(AnswerModel):
    """A hold whose end is not posted; its points are in no lot, also after `expires_at`."""

    hold_id: str
    points: int = Field(gt=0)
    expires_at: Instant


class ReadModelBalance(AnswerModel):
    """A member's points after the ledger's entry `sequence`.

    `lots` are sorted by expiry, null last. What can be spent at an instant is the sum of the lots
    that expire later. A missing key says nothing: ask the database.
    """

    sequence: int = Field(ge=0)
    held: int = Field(ge=0)
    debt: int = Field(ge=0)
    lots: tuple[FreeLots, ...]
    holds: tuple[HeldPoints, ...]


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
