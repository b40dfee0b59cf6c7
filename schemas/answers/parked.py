"""Answers of `points carriers parked`: carriers' reports without an order (rules.md 6)."""

from schemas.answers.base import AnswerModel, Instant


class ParkedNumbers(AnswerModel):
    """How many tracking numbers, and since when the oldest waits (null: there are none)."""

    numbers: int
    oldest: Instant | None


class ParkedReports(AnswerModel):
    """How many reports, and since when the oldest waits (null: there are none)."""

    reports: int
    oldest: Instant | None


class ParkedAnswer(AnswerModel):
    """Reports without an order, by reason.

    `unmatched`: no order names their number. `ambiguous`: they fit several orders.
    `awaiting_order`: they name an order that is not known, or known of several merchants. `purged`:
    reports forgotten after 180 days, by kind.
    """

    unmatched: ParkedNumbers
    ambiguous: ParkedNumbers
    awaiting_order: ParkedReports
    purged: dict[str, int]


class ClaimingOrder(AnswerModel):
    """An order that named an ambiguous number, and whether it still does."""

    merchant_id: str
    order_id: str
    names_it: bool
    created_at: Instant | None
    status: str


class ParkedReport(AnswerModel):
    """One report that came for an ambiguous number."""

    occurred_at: Instant
    service: str
    code: str
    word: str
    return_leg: bool


class AmbiguousNumberAnswer(AnswerModel):
    """A tracking number whose reports fit several orders.

    `crowded`: so many orders named it that it counts for none of them.
    """

    tracking_number: str
    since: Instant
    crowded: bool
    orders: tuple[ClaimingOrder, ...]
    reports: tuple[ParkedReport, ...]


class AwaitedOrderAnswer(AnswerModel):
    """An order id that reports name without a merchant, and the merchants with such an order."""

    order_id: str
    since: Instant
    reports: int
    merchants: tuple[str, ...]


class ParkedListAnswer(ParkedAnswer):
    """The counts, and the ambiguous numbers and order ids themselves (`--ambiguous`)."""

    numbers: tuple[AmbiguousNumberAnswer, ...]
    orders: tuple[AwaitedOrderAnswer, ...]
