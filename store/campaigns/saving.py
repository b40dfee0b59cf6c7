"""Saving campaigns: every save is a version, logged and published (account.md 6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import orjson
from psycopg import errors

from rules.account.campaigns import Campaign, campaign_of, state_of
from schemas.campaigns import Banner, CampaignDocument, CampaignState
from schemas.campaigns.changed import CampaignChanged
from schemas.errors import Exit, PointsError
from schemas.ids import Micros, record_key
from store.campaigns import reading
from store.campaigns.reading import Shop, StoredCampaign
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.reads.snapshot import now as clock_of
from store.settings import turns
from store.streams import outbox
from store.streams.outbox import OutboxKind

_CAMPAIGN: Final = Columns(
    tables.campaign,
    "merchant_no", "campaign_id", "version", "starts_us", "ends_us", "names", "terms", "banner",
    "removed",
)  # fmt: skip
_GIFT: Final = Columns(tables.campaign_gift, *tables.campaign_gift.columns.keys())
_VERSION: Final = Columns(tables.campaign_version, *tables.campaign_version.columns.keys())
_BANNER: Final = Columns(
    tables.banner, "merchant_no", "sha256", "type", "width", "height", "content"
)
_SQL: Final = queries(
    "campaigns/saving", campaign=_CAMPAIGN, gift=_GIFT, version=_VERSION, banner=_BANNER
)


class CampaignOverlaps(PointsError):
    """The merchant has another campaign in that time."""

    code = "campaign_overlaps"
    exit_code = Exit.REFUSED


class Saved(NamedTuple):
    """What a save did: the version now newest, what it is now, and whether it is a new one."""

    version: int
    state: CampaignState
    changed: bool


class NewBanner(NamedTuple):
    """A banner to be kept: what it is, and its bytes."""

    banner: Banner
    content: bytes


def apply(
    connection: Database,
    shop: Shop,
    document: CampaignDocument,
    by: str,
    *,
    banner: NewBanner | None = None,
    name: str,
) -> Saved:
    """Saves a campaign, also one that was removed; the same content again makes no version.

    Without `banner` it keeps the one that it has. `name` is the document's, for people. Raises
    CampaignError, and CampaignOverlaps when another campaign has a part of its window.
    """
    wanted: list[Campaign] = []  # known once the clock was read
    try:
        with transaction(connection) as cursor:
            now = _begin(cursor, shop)
            before = reading.campaigns(cursor, shop, document.campaign_id)
            since = _first_saved(cursor, shop, document.campaign_id)
            campaign = campaign_of(document, shop.zone, now=now, first_saved=since, name=name)
            wanted.append(campaign)
            known = before[0] if before else StoredCampaign(0, campaign, None)
            after = StoredCampaign(
                known.version + 1, campaign, known.banner if banner is None else banner.banner
            )
            if before and replace(known, version=after.version) == after:
                return Saved(known.version, state_of(campaign, now), changed=False)
            if banner is not None:
                _keep_banner(cursor, shop, banner)
            _write(cursor, shop, after)
            _write_gifts(cursor, shop, campaign, since, now)
            _log(cursor, shop, after, by, now)
            return Saved(after.version, state_of(campaign, now), changed=True)
    except errors.ExclusionViolation:
        raise _overlap(connection, shop, wanted[0]) from None


def remove(connection: Database, shop: Shop, campaign_id: str, by: str) -> Saved:
    """Removes a campaign; one that is removed stays as it is. Raises UnknownCampaign.

    What members hold for its gifts stays theirs.
    """
    with transaction(connection) as cursor:
        now = _begin(cursor, shop)
        known = reading.campaign(cursor, shop, campaign_id)
        if known.campaign.removed:
            return Saved(known.version, CampaignState.removed, changed=False)
        campaign = replace(known.campaign, removed=True)
        after = StoredCampaign(known.version + 1, campaign, known.banner)
        _write(cursor, shop, after)
        _log(cursor, shop, after, by, now)
        return Saved(after.version, CampaignState.removed, changed=True)


def _begin(cursor: Cursor, shop: Shop) -> Micros:
    """Waits for other saves of the merchant and for commands in hand, and looks at the clock."""
    cursor.execute(_SQL["lock"], [shop.merchant_no])
    turns.change(cursor, shop.merchant_id)
    return clock_of(cursor)


def _first_saved(cursor: Cursor, shop: Shop, campaign_id: str) -> dict[str, Micros]:
    """When each gift that the campaign ever had was saved first."""
    return dict(cursor.execute(_SQL["first_saved"], [shop.merchant_no, campaign_id]).fetchall())


def _write(cursor: Cursor, shop: Shop, stored: StoredCampaign) -> None:
    campaign = stored.campaign
    row = [
        shop.merchant_no,
        campaign.campaign_id,
        stored.version,
        campaign.starts_at,
        campaign.ends_at,
        orjson.dumps(campaign.names).decode(),
        orjson.dumps(campaign.terms).decode(),
        stored.banner.sha256 if stored.banner is not None else None,
        campaign.removed,
    ]
    cursor.execute(_SQL["write"], row)


def _write_gifts(
    cursor: Cursor, shop: Shop, campaign: Campaign, since: Mapping[str, Micros], now: Micros
) -> None:
    cursor.execute(_SQL["take_out_gifts"], [shop.merchant_no, campaign.campaign_id])
    rows = [
        (
            shop.merchant_no,
            campaign.campaign_id.encode(),
            gift.gift_id.encode(),
            gift.product_id.encode(),
            gift.points,
            gift.created_at,
            since.get(gift.gift_id, now),
            False,
        )
        for gift in campaign.gifts
    ]
    if rows:
        cursor.execute(_SQL["write_gifts"], _GIFT.arrays(rows))


def _keep_banner(cursor: Cursor, shop: Shop, new: NewBanner) -> None:
    banner = new.banner
    row = [shop.merchant_no, banner.sha256, banner.type, banner.width, banner.height, new.content]
    cursor.execute(_SQL["keep_banner"], row)


def _log(cursor: Cursor, shop: Shop, stored: StoredCampaign, by: str, now: Micros) -> None:
    """Keeps the version for the log, and tells the settings topic."""
    content, removed = stored.content(), stored.campaign.removed
    document = content.model_dump(mode="json") | {"removed": removed}
    campaign_id, version = content.campaign_id, stored.version
    row = [shop.merchant_no, campaign_id, version, orjson.dumps(document).decode(), now, by]
    cursor.execute(_SQL["keep_version"], row)
    event = CampaignChanged(
        merchant_id=shop.merchant_id,
        campaign_id=campaign_id,
        version=version,
        removed=removed,
        recorded_at=now,
        performer=by,
        campaign=content,
    )
    # No merchant's id is empty, so these keys are no merchant's.
    key = record_key("", "campaign", shop.merchant_id, campaign_id, str(version))
    outbox.add(cursor, [(OutboxKind.SETTINGS, key, event.to_json(), None)])


def _overlap(connection: Database, shop: Shop, campaign: Campaign) -> CampaignOverlaps:
    other = reading.overlapping(raw(connection), shop, campaign)
    named = f"campaign {other}" if other is not None else "another campaign"
    return CampaignOverlaps(
        f"campaign {campaign.campaign_id} would overlap {named} of {shop.merchant_id}",
        "campaigns of a merchant follow one another: choose another window, or end the other one",
        where=other or "",
    )
