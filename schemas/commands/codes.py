"""The codes of answers (account.md 3): a closed list, each with the sentence that explains it."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """What became of a command. The order is that in which refusals are looked for."""

    ok = "ok"
    partial = "partial"
    unknown_merchant = "unknown_merchant"
    key_reused = "key_reused"
    unknown_type = "unknown_type"
    invalid_command = "invalid_command"
    invalid_points = "invalid_points"
    over_limit = "over_limit"
    invalid_reason = "invalid_reason"
    not_allowed = "not_allowed"
    feature_off = "feature_off"
    not_a_member = "not_a_member"
    too_late = "too_late"
    hold_exists = "hold_exists"
    not_offered = "not_offered"
    below_minimum = "below_minimum"
    not_a_unit = "not_a_unit"
    quote_invalid = "quote_invalid"
    quote_expired = "quote_expired"
    quote_changed = "quote_changed"
    campaign_closed = "campaign_closed"
    unknown_gift = "unknown_gift"
    price_changed = "price_changed"
    insufficient_points = "insufficient_points"
    unknown_hold = "unknown_hold"
    already_captured = "already_captured"
    already_released = "already_released"
    hold_expired = "hold_expired"
    exceeds_hold = "exceeds_hold"
    nothing_to_return = "nothing_to_return"
    exceeds_redeemed = "exceeds_redeemed"
    approval_required = "approval_required"
    job_changed = "job_changed"


class RowCode(StrEnum):
    """What became of one member of a `bulk_assign`."""

    ok = "ok"
    already_done = "already_done"
    not_a_member = "not_a_member"


SENTENCES: Final[dict[Code, str | None]] = {
    Code.ok: None,
    Code.partial: "Some members were refused; `rows` says which.",
    Code.unknown_merchant: "The merchant has no settings yet.",
    Code.key_reused: "The command_id was used before with other content; send a new one.",
    Code.unknown_type: "`type` must be one of assign, hold, capture, release, return_redeemed,"
    " bulk_assign.",
    Code.invalid_command: "The command is not of the form that its type has.",
    Code.invalid_points: "`points` must be a whole number above 0.",
    Code.over_limit: "More than one command may move.",
    Code.invalid_reason: "`reason` must be 1 to 50 characters without control characters.",
    Code.not_allowed: "Members may not do this; a performer of kind staff or system may.",
    Code.feature_off: "The merchant's points are switched off, or the plan does not include them.",
    Code.not_a_member: "The customer is no member now.",
    Code.too_late: "The command came after the time that it asked for was over.",
    Code.hold_exists: "The hold_id was used before at this merchant.",
    Code.not_offered: "The merchant does not let points be redeemed for cash on this channel.",
    Code.below_minimum: None,
    Code.not_a_unit: "The points are not a multiple of the unit.",
    Code.quote_invalid: "The quote was not made by us for this merchant, member and number of"
    " points.",
    Code.quote_expired: "The quote is no longer valid; ask for a new one.",
    Code.quote_changed: "The merchant's rules have changed since the quote; ask for a new one.",
    Code.campaign_closed: "There is no such campaign, or it has not begun or is over.",
    Code.unknown_gift: "A gift is not in the campaign, or is there twice in the list.",
    Code.price_changed: "The points are not the price of the gifts now.",
    Code.insufficient_points: "The member has fewer points available.",
    Code.unknown_hold: "The member has no hold of that id.",
    Code.already_captured: "The hold was captured before; `order_id` says for which order.",
    Code.already_released: "The hold was released before.",
    Code.hold_expired: "The time of the hold is over; its points are free again.",
    Code.exceeds_hold: "The hold has fewer points.",
    Code.nothing_to_return: "Nothing that this member redeemed on the order is left to return.",
    Code.exceeds_redeemed: "Fewer points are left to return on the order.",
    Code.approval_required: "So many points need the approval of a second person; use a job.",
    Code.job_changed: "The job was begun with other points, reason or notify.",
}
"""The usual sentence of each code; None where there is none, or where it has numbers in it."""
