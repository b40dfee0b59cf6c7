"""Answers of `points campaign apply | list | show | live | remove | log` (account.md 6)."""

from typing import Literal

from schemas.answers.base import AnswerModel, Instant
from schemas.answers.settings import SettingChange
from schemas.campaigns import CampaignState


class GiftAnswer(AnswerModel):
    """A gift and its price in points."""

    gift_id: str
    product_id: str
    points: int
    created_at: Instant


class BannerAnswer(AnswerModel):
    """What a banner's bytes say: pixels, number of bytes, their SHA-256 in hexadecimal."""

    type: Literal["png", "jpeg"]
    width: int
    height: int
    bytes: int
    sha256: str


class CampaignContent(AnswerModel):
    """A campaign as it was saved, in instants; `ends_at` is exclusive, null for never.

    `names` and `terms` are by language, `gifts` in the order in which they are shown.
    """

    campaign_id: str
    names: dict[str, str]
    starts_at: Instant
    ends_at: Instant | None
    terms: dict[str, str]
    gifts: tuple[GiftAnswer, ...]
    banner: BannerAnswer | None


class CampaignAnswer(CampaignContent):
    """A campaign, what it is now (of `live`: at the instant that was asked for), its version."""

    state: CampaignState
    version: int


class CampaignResult(AnswerModel):
    """What `apply` or `remove` did: the version now newest, and whether it is a new one."""

    merchant_id: str
    campaign_id: str
    version: int
    state: CampaignState
    changed: bool


class CampaignLogEntry(AnswerModel):
    """One save of a campaign: who made it and when, and what it changed, by path."""

    campaign_id: str
    version: int
    applied_at: Instant
    applied_by: str
    changes: tuple[SettingChange, ...]
