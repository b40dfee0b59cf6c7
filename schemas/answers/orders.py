"""Answers about orders: `points explain` and `points compare-upstream`."""

from typing import Literal

from schemas.answers.base import AnswerModel, Expiry, Instant

OrderStateWord = Literal["none", "waiting", "planned", "granted", "withdrawn"]


class RedeemedAnswer(AnswerModel):
    """The points redeemed on an order.

    `captured`: by captures of holds, whatever came back since; `returned`: what came back of them.
    `debited`: what the order itself took, less what came back of it. `order_points`: what it
    redeemed upstream, by its newest record; null when the order is not known.
    """

    captured: int
    debited: int
    returned: int
    order_points: int | None


class ExplainAnswer(AnswerModel):
    """What an order earns and when, and why, in sentences.

    `state`: `none` cannot earn, or is unknown; `waiting` would earn and is not final; `planned` is
    final and not granted yet; `granted` is in the ledger; `withdrawn` was cancelled, removed or
    wholly returned. `base` is in minor units, `granted` the sum of the order's ledger entries.
    """

    order_id: str
    member_id: str | None
    settings_version: int | None
    base: int
    points: int
    final_at: Instant | None
    due_at: Instant | None
    expires_at: Expiry | None
    state: OrderStateWord
    granted: int
    redeemed: RedeemedAnswer
    steps: tuple[str, ...]


class ComparedOrder(AnswerModel):
    """One order with both figures.

    Days are null where the platform gave none or no settings bind the order.
    """

    merchant_id: str
    order_id: str
    upstream_points: int
    our_points: int
    upstream_days: int | None
    our_days: int | None


class ComparisonOutcome(AnswerModel):
    """The orders with one outcome: how many, the sums of both sides, and some of them."""

    outcome: str
    orders: int
    upstream_points: int
    our_points: int
    examples: tuple[ComparedOrder, ...]


class UpstreamComparison(AnswerModel):
    """The platform's figures (member_point_summary) and ours: both sums, in all and by outcome."""

    orders: int
    upstream_points: int
    our_points: int
    outcomes: tuple[ComparisonOutcome, ...]
