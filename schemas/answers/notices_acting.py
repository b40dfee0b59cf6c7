"""Answers of the commands of `points notices` that change or try something."""

from uuid import UUID

from schemas.answers.base import AnswerModel, Instant


class SettledNotices(AnswerModel):
    """Notices that were settled or wait again; `unchanged` were in no state for it, or unknown."""

    notices: tuple[UUID, ...]
    unchanged: tuple[UUID, ...]


class OptOutAnswer(AnswerModel):
    """A member's wish not to hear on a channel, of a kind or (`*`) of anything."""

    channel: str
    kind: str
    source: str
    since: Instant


class OptOutResult(AnswerModel):
    """Whether a member hears of a kind on a channel; `changed`: false when it was so already."""

    merchant_id: str
    member_id: str
    channel: str
    kind: str
    opted_out: bool
    changed: bool


class KeysRotated(AnswerModel):
    """Members' keys wrapped anew, and how many each key-encryption key wraps now."""

    rewrapped: int
    wrapped_under: dict[str, int]


class NoticePreview(AnswerModel):
    """A notice by both channels, as its member would read it; nothing was sent.

    What belongs to an SMS is null for a kind that is never told by one. `worst_parts` with the
    longest values; `too_long`: it would not be sent. Costs are parts × price, null without one.
    """

    merchant_id: str
    member_id: str | None
    kind: str
    mail_language: str
    subject: str
    html: str
    plain: str
    sms_language: str | None
    sms: str | None
    encoding: str | None
    characters: int | None
    parts: int | None
    too_long: bool
    worst_parts: int | None
    cost: str | None
    worst_cost: str | None
