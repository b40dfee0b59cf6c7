"""Gift campaigns (account.md 6): the document, how to read it, and the banner."""

from schemas.campaigns.banners import (
    Banner,
    BannerBroken,
    BannerSize,
    BannerType,
    read_banner,
)
from schemas.campaigns.document import CampaignDocument, CampaignState, GiftDocument
from schemas.campaigns.reading import CampaignError, load_campaign

__all__ = [
    "Banner",
    "BannerBroken",
    "BannerSize",
    "BannerType",
    "CampaignDocument",
    "CampaignError",
    "CampaignState",
    "GiftDocument",
    "load_campaign",
    "read_banner",
]
