"""Answers of `points notices`: what members were told, what waits, what it costs."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, PlainSerializer

from schemas.answers.base import AnswerModel, Expiry, Instant
from schemas.answers.operations import CursorLag, PausedPipeline
from schemas.answers.settings import SettingChange
from schemas.ids import Micros, iso_or_none
from schemas.notices.points_change import ALL_PAID


def _zero_is_never(moment: object) -> object:
    """What never had to wait has 0 as the moment before which it does not go."""
    return moment or None


def _lapse(moment: Micros) -> str | None:
    """Points of which a debt took all lapse at no moment, as those that never do."""
    return None if moment == ALL_PAID else iso_or_none(moment)


class NoticeAnswer(AnswerModel):
    """A notice to a member and what became of it. It has no address, name or text.

    `reason` says why it is skipped, failed or waits again. `points`, `balance` and `expires_at` are
    what it says. It does not go before `not_before_at`, and not after `give_up_at`. `parts` of an
    SMS are by our count, `provider_parts` by the provider's; `month` is the one that it is metered
    in, in the shop's zone: 202611.
    """

    notice_id: UUID
    event_id: UUID
    merchant_id: str
    member_id: str
    kind: str
    channel: str
    state: str
    reason: str | None
    points: int
    balance: int
    expires_at: (
        Annotated[Expiry, PlainSerializer(_lapse, return_type=str | None, when_used="json")] | None
    )
    order_id: str | None
    recorded_at: Instant
    decided_at: Instant
    changed_at: Instant
    not_before_at: Annotated[Instant | None, BeforeValidator(_zero_is_never)]
    give_up_at: Expiry | None
    attempt: int
    provider: str | None
    provider_id: str | None
    parts: int | None
    provider_parts: int | None
    month: int | None


class ProviderState(AnswerModel):
    """A provider that an operator paused, or whose breaker opened: when, until when, and why."""

    provider: str
    paused_at: Instant | None
    paused_by: str | None
    open_until: Instant | None
    why: str | None

    def is_stopped(self, now: int) -> bool:
        """Whether nothing is handed to it at an instant."""
        return self.paused_at is not None or (self.open_until or 0) > now


class RefusedShop(AnswerModel):
    """A merchant whose sender, or own gateway, a provider refuses: its notices wait.

    The oldest of them that was tried was decided at `oldest_decided`.
    """

    merchant_id: str
    channel: str
    provider: str | None
    oldest_decided: Instant


class OpenNotices(AnswerModel):
    """Notices of a channel that are not at their end.

    `due` of the waiting ones may go now, the first of them since `oldest_due`; those of refused
    merchants are among them, which are handed over one at a time to see whether it was mended.
    `claimed` and `sending` are in a sender's hands. Nobody knows of the `unknown` ones whether they
    arrived; the first became so at `oldest_unknown`.
    """

    channel: str
    waiting: int
    due: int
    oldest_due: Instant | None
    claimed: int
    sending: int
    unknown: int
    oldest_unknown: Instant | None


class NoticesStatusAnswer(AnswerModel):
    """How the notices lane is doing.

    `parked_events` are changes of points of merchants whose settings it has not heard of.
    """

    now: Instant
    merchants: int
    notices: tuple[OpenNotices, ...]
    providers: tuple[ProviderState, ...]
    refused_merchants: tuple[RefusedShop, ...]
    parked_events: int
    parked_merchants: int
    outbox_rows: int
    refused_rows: int
    open_dead_letters: int
    paused: PausedPipeline | None
    cursors: tuple[CursorLag, ...]
    ignored: dict[str, int]


class NoticesPauseResult(AnswerModel):
    """What was paused or goes on: a provider, or without one the lane's pipeline.

    `changed`: false when it was so already.
    """

    provider: str | None
    paused: bool
    changed: bool


class RereadPartition(AnswerModel):
    """A partition that the lane reads again from `start` on; it had come to `before`."""

    topic: str
    partition: int
    start: int
    before: int


class RereadResult(AnswerModel):
    """The dead letters that are read again, and from where on their partitions are."""

    letters: tuple[int, ...]
    partitions: tuple[RereadPartition, ...]


class NoticeSettingsResult(AnswerModel):
    """What `notices settings apply` did: the version now newest, and whether it is a new one."""

    merchant_id: str
    version: int
    changed: bool


class NoticeSettingsAnswer(AnswerModel):
    """The newest version of a merchant's notice settings, as a document."""

    merchant_id: str
    version: int
    applied_at: Instant
    applied_by: str
    settings: dict[str, Any]


class NoticeSettingsLogEntry(AnswerModel):
    """One version, who applied it and when, and what it changed."""

    version: int
    applied_at: Instant
    applied_by: str
    changes: tuple[SettingChange, ...]


class NoticesUsage(AnswerModel):
    """What a merchant used of one provider in a month of its zone.

    `messages` were sent, or may have been: `unknown` of them. `parts` by our count;
    `provider_parts`, which are owed, by the provider's where it gave one.
    """

    month: str
    channel: str
    provider: str
    messages: int
    parts: int
    provider_parts: int
    unknown: int


class NoticesUsageAnswer(AnswerModel):
    """What a merchant used in a month of its zone, by channel and provider.

    `limit`: the parts of SMS that its settings allow a month, None for any number; `used` of them.
    For want of more, `skipped` notices were left out, the first of them at `limit_reached_at`.
    """

    month: str
    limit: int | None
    used: int
    limit_reached_at: Instant | None
    skipped: int
    items: tuple[NoticesUsage, ...]


class NoticesErased(AnswerModel):
    """Whether there was a contact or a key of the member to be erased."""

    merchant_id: str
    member_id: str
    erased: bool
