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

    `unmatched`: no order names their number. `ambiguous`: they fit several members' orders.
    `awaiting_order`: they name an order that is not known. `reasons`: how many records are parked,
    for each reason. `purged`: reports forgotten by kind, after 180 days or as they were too many.
    """

    unmatched: ParkedNumbers
    ambiguous: ParkedNumbers
    awaiting_order: ParkedReports
    reasons: dict[str, int]
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
    """An order id that reports name without a merchant, and that no order has."""

    order_id: str
    since: Instant
    reports: int


class ParkedRecordAnswer(AnswerModel):
    """A record that is parked, by its coordinates.

    `merchant_id` is the merchant that it names, if any. `reason`: see ParkedAnswer; `out_of_reach`:
    the order is younger than the report, or 180 days lie between them. `waits_for`: its tracking
    number, or the order id that it names.
    """

    topic: str
    partition: int
    offset: int
    merchant_id: str | None
    reason: str
    waits_for: str
    occurred_at: Instant
    since: Instant


class ParkedRecordsAnswer(ParkedAnswer):
    """The counts, and the parked records themselves (`--records`)."""

    records: tuple[ParkedRecordAnswer, ...]


class ParkedListAnswer(ParkedAnswer):
    """The counts, and the ambiguous numbers and awaited order ids themselves (`--ambiguous`)."""

    numbers: tuple[AmbiguousNumberAnswer, ...]
    orders: tuple[AwaitedOrderAnswer, ...]
