"""A campaign's versions on the settings topic, so that the topics alone tell the whole story."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.answers.base import AnswerModel, Instant
from schemas.answers.campaigns import CampaignContent
from schemas.events import ALWAYS_WHOLE


class CampaignChanged(AnswerModel):
    """One version of a merchant's campaign: what was saved, or that it was removed.

    Of the banner its type, size and SHA-256; its bytes stay in the database.
    """

    model_config = ALWAYS_WHOLE

    type: Literal["campaign_changed"] = "campaign_changed"
    merchant_id: str
    campaign_id: str
    version: Annotated[int, Field(ge=1)]
    removed: bool
    recorded_at: Instant
    performer: str
    campaign: CampaignContent

    def to_json(self) -> bytes:
        """The value of the record."""
        return self.model_dump_json().encode()
