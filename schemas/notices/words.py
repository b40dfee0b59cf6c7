"""The closed lists of the notices lane: kinds, channels, states, and why a notice is not sent."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a notice is about (docs/notices.md). The first two are upstream's, the others ours."""

    earned = "earned"
    assigned = "assigned"
    returned = "returned"
    earned_more = "earned_more"
    corrected = "corrected"
    expired = "expired"
    expiring = "expiring"


ALL_KINDS: Final = "*"
"""What a member writes who wants to hear of no kind on a channel."""


class Channel(StrEnum):
    """How a member is told."""

    email = "email"
    sms = "sms"


class Provider(StrEnum):
    """Who delivers: mail by SMTP, SMS by the others."""

    smtp = "smtp"
    twilio = "twilio"
    mitake = "mitake"
    webhook = "webhook"


class State(StrEnum):
    """Where a notice stands.

    parked: its shop's settings are not heard of yet. waiting, claimed (a sender has it in hand, and
    nothing was sent), sending (a request may have been made). Ends: sent, failed (wrong for good),
    unknown (written and never answered), expired (not sent in time), skipped (not to be sent),
    withdrawn (taken back before it was sent).
    """

    parked = "parked"
    waiting = "waiting"
    claimed = "claimed"
    sending = "sending"
    sent = "sent"
    failed = "failed"
    unknown = "unknown"
    expired = "expired"
    skipped = "skipped"
    withdrawn = "withdrawn"


class Why(StrEnum):
    """Why a notice is skipped or failed: the closed list of reasons.

    Skipped, as decided or found at the moment of sending: too_old, off (by the shop), no_plan,
    feature_off, no_address, opted_out, unusable_number, unusable_address, limit, spent (points that
    would have lapsed are gone). Failed: render, too_long, refused (by the provider, for good),
    no_provider. Withdrawn: taken_back.
    """

    too_old = "too_old"
    off = "off"
    no_plan = "no_plan"
    feature_off = "feature_off"
    no_address = "no_address"
    opted_out = "opted_out"
    unusable_number = "unusable_number"
    unusable_address = "unusable_address"
    limit = "limit"
    spent = "spent"
    render = "render"
    too_long = "too_long"
    refused = "refused"
    no_provider = "no_provider"
    taken_back = "taken_back"


OPEN: Final = frozenset({State.parked, State.waiting, State.claimed, State.sending})
"""States from which a notice goes on by itself."""
