"""Campaigns as they are stored: for people, and what holds of gifts need of them (account.md 6)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rules.account.campaigns import Campaign, Gift, GiftOffer, in_shown_order
from schemas.answers.campaigns import CampaignContent
from schemas.campaigns import Banner
from schemas.errors import Exit, PointsError
from schemas.ids import NEVER, Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.reads.snapshot import UnknownMerchant

_KEY: Final = Columns(tables.campaign, "merchant_no", "campaign_id")
_SQL: Final = queries("campaigns/reading", key=_KEY)

CampaignKey = tuple[int, str]
"""The merchant's number and the campaign's id: an id means nothing alone."""


class UnknownCampaign(PointsError):
    """The merchant has no campaign of that id."""

    code = "unknown_campaign"
    exit_code = Exit.NOT_FOUND

    def __init__(self, merchant_id: str, campaign_id: str) -> None:
        super().__init__(
            f"merchant {merchant_id} has no campaign {campaign_id}",
            "see `points campaign list`",
            where=campaign_id,
        )


@dataclass(frozen=True, slots=True)
class Shop:
    """What campaigns need of a merchant's settings: its zone and its languages."""

    merchant_no: int
    merchant_id: str
    zone: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign as its newest version has it."""

    version: int
    campaign: Campaign
    banner: Banner | None

    def content(self) -> CampaignContent:
        """As it is shown and published."""
        campaign = self.campaign
        return CampaignContent.model_validate(
            {
                "campaign_id": campaign.campaign_id,
                "names": campaign.names,
                "starts_at": campaign.starts_at,
                "ends_at": campaign.ends_at if campaign.ends_at != NEVER else None,
                "terms": campaign.terms,
                "gifts": campaign.gifts,
                "banner": self.banner,
            }
        )


class LoggedCampaign(NamedTuple):
    """One version of a campaign, with who applied it and when; `document` as it was then."""

    campaign_id: str
    version: int
    applied_at: Micros
    applied_by: str
    document: dict[str, Any]


def shop_of(cursor: Cursor, merchant_id: str) -> Shop:
    """A merchant's zone and languages by the settings in force. Raises UnknownMerchant."""
    row = cursor.execute(_SQL["shop"], [merchant_id]).fetchone()
    if row is None:
        raise UnknownMerchant(merchant_id, lacks="no settings")
    merchant_no, zone, languages = row
    return Shop(merchant_no, merchant_id, zone, tuple(languages))


def campaigns(cursor: Cursor, shop: Shop, campaign_id: str | None = None) -> list[StoredCampaign]:
    """A merchant's campaigns by their beginnings, removed ones too; or the one of that id."""
    gifts: dict[str, list[Gift]] = {}
    for owner, *gift in cursor.execute(_SQL["gifts"], [shop.merchant_no, campaign_id]).fetchall():
        gifts.setdefault(owner, []).append(Gift(*gift))
    rows = cursor.execute(_SQL["campaigns"], [shop.merchant_no, campaign_id]).fetchall()
    return [_stored(row, gifts.get(row[0], []), shop) for row in rows]


def campaign(cursor: Cursor, shop: Shop, campaign_id: str) -> StoredCampaign:
    """One campaign. Raises UnknownCampaign."""
    found = campaigns(cursor, shop, campaign_id)
    if not found:
        raise UnknownCampaign(shop.merchant_id, campaign_id)
    return found[0]


def _stored(row: tuple[Any, ...], gifts: list[Gift], shop: Shop) -> StoredCampaign:
    campaign_id, version, starts, ends, names, terms, removed, *banner = row
    return StoredCampaign(
        version,
        Campaign(
            campaign_id,
            _by_language(names, shop),
            _by_language(terms, shop),
            starts,
            ends,
            in_shown_order(gifts),
            removed,
        ),
        Banner(*banner) if banner[0] is not None else None,
    )


def _by_language(texts: dict[str, str], shop: Shop) -> dict[str, str]:
    """The texts in the order of the merchant's languages, which the database does not keep."""
    order = [*shop.languages, *sorted(texts.keys() - set(shop.languages))]
    return {language: texts[language] for language in order if language in texts}


def overlapping(cursor: Cursor, shop: Shop, of: Campaign) -> str | None:
    """The id of another campaign of the merchant whose window overlaps that of this one."""
    window = [shop.merchant_no, of.campaign_id, of.starts_at, of.ends_at]
    row = cursor.execute(_SQL["overlapping"], window).fetchone()
    return str(row[0]) if row is not None else None


def log(cursor: Cursor, shop: Shop, campaign_id: str | None = None) -> list[LoggedCampaign]:
    """All versions of a merchant's campaigns, or of one of them, oldest first."""
    rows = cursor.execute(_SQL["log"], [shop.merchant_no, campaign_id]).fetchall()
    return [
        LoggedCampaign(campaign_id, version, at, by, _document(document))
        for campaign_id, version, at, by, document in rows
    ]


def _document(stored: dict[str, Any]) -> dict[str, Any]:
    """A version's document with its keys in their order, which the database does not keep."""
    content = CampaignContent.model_validate(stored).model_dump(mode="json")
    return content | {"removed": stored["removed"]}


def offers(cursor: Cursor, keys: Collection[CampaignKey]) -> dict[CampaignKey, GiftOffer]:
    """What campaigns offer, for holds of gifts; a campaign that is not known is missing."""
    if not keys:
        return {}
    wanted = sorted((merchant_no, campaign_id.encode()) for merchant_no, campaign_id in set(keys))
    rows = cursor.execute(_SQL["offers"], _KEY.arrays(wanted)).fetchall()
    return {
        (merchant_no, campaign_id): GiftOffer(
            starts, ends, removed, dict(zip(ids or (), points or (), strict=True))
        )
        for merchant_no, campaign_id, starts, ends, removed, ids, points in rows
    }
