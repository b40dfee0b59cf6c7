"""Answers about a member: `points balance` and `points history`."""

from schemas.answers.base import AnswerModel, Expiry, Instant
from schemas.events import EntryTypeWord


class ExpiringPoints(AnswerModel):
    """Points that can be used until an exclusive instant."""

    expires_at: Instant
    points: int


class BalanceAnswer(AnswerModel):
    """A member's points at the moment of asking (rules.md 3.4).

    Lapsed lots do not count, whether their lapse is posted or not. `available` = `never_expire` +
    the sum of `expiring`. `pending` is planned and not yet granted (rules.md 2.7). All zeros for a
    member we have no record of.
    """

    available: int
    held: int
    debt: int
    pending: int
    never_expire: int
    expiring: tuple[ExpiringPoints, ...]
    sequence: int


class HistoryEntry(AnswerModel):
    """One ledger entry as a member may see it. `balance_after` = available + held - debt.

    `expires_at` is null where nothing expires: points without expiry, or an entry without a lot.
    """

    sequence: int
    type: EntryTypeWord
    points: int
    balance_after: int
    order_id: str | None
    reason: str | None
    performer: str | None
    expires_at: Expiry | None
    occurred_at: Instant
    recorded_at: Instant
