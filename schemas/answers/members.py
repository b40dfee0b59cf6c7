"""Answers about members: `points balance`, `points member …` and `points expiring`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.answers.base import AnswerModel, Expiry, Instant, is_missing
from schemas.events import EntryTypeWord

PurposeWord = Literal["cash", "gift"]


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


class LiveHold(AnswerModel):
    """Points that are set aside for an order, until an exclusive instant (account.md 4)."""

    hold_id: str
    points: int
    purpose: PurposeWord
    expires_at: Instant


class PlannedOrder(AnswerModel):
    """An order that is final, the points that it will bring, and when."""

    order_id: str
    points: int
    due_at: Instant


class MemberAnswer(BalanceAnswer):
    """A member's balance and what it is made of (account.md 9).

    `holds` are the live ones, the first to end first. `upcoming` are free points that lapse within
    the days asked for. The points of all `plans` are `pending`.
    """

    holds: tuple[LiveHold, ...]
    upcoming: tuple[ExpiringPoints, ...]
    plans: tuple[PlannedOrder, ...]


class ErasedNotes(AnswerModel):
    """How many texts about a member were erased: of entries, and of rows of bulk jobs."""

    merchant_id: str
    member_id: str
    entries: int
    job_rows: int


class ExpiringOfMember(AnswerModel):
    """Free points of a member that lapse at one instant."""

    member_id: str
    expires_at: Instant
    points: int


class HistoryEntry(AnswerModel):
    """One ledger entry as a member may see it. `balance_after` = available + held - debt.

    `expires_at` is null where nothing expires: points without expiry, or an entry without a lot.
    `held_points`, the change of what is held, and `hold_id` are there where they apply.
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
    held_points: Annotated[int | None, Field(exclude_if=is_missing)] = None
    hold_id: Annotated[str | None, Field(exclude_if=is_missing)] = None
