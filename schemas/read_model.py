"""What the read model in Redis says of a member (account.md 9): a contract with its readers.

The key is `points:v1:{merchant:member}`; in ids, `:` is `%3A` and `%` is `%25`.
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
