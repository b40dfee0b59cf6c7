"""Gift campaigns: when they are live, in which order gifts are shown, what gifts cost.

See account.md 6.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from schemas.campaigns import CampaignDocument, CampaignError, CampaignState, GiftDocument
from schemas.ids import NEVER, Micros, instant, micros
from schemas.problems import Problem


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift: its price in points, and since when it is shown."""

    gift_id: str
    product_id: str
    points: int
    created_at: Micros


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign in instants: [`starts_at`, `ends_at`), NEVER where it does not end.

    `names` and `terms` by language; `gifts` in the order in which they are shown.
    """

    campaign_id: str
    names: Mapping[str, str]
    terms: Mapping[str, str]
    starts_at: Micros
    ends_at: Micros
    gifts: tuple[Gift, ...]
    removed: bool = False


@dataclass(frozen=True, slots=True)
class GiftOffer:
    """What a hold of gifts needs of a campaign: its window, and the price of each gift."""

    starts_at: Micros
    ends_at: Micros
    removed: bool
    prices: Mapping[str, int]


class GiftRefusal(StrEnum):
    """Why gifts cannot be held, in the order in which it is looked for (account.md 3)."""

    campaign_closed = "campaign_closed"
    unknown_gift = "unknown_gift"
    price_changed = "price_changed"


def campaign_of(
    document: CampaignDocument,
    zone: str,
    *,
    now: Micros,
    first_saved: Mapping[str, Micros],
    name: str,
) -> Campaign:
    """The document with its local times in the merchant's zone made instants.

    A gift without `created_at` has the instant of its first save: that of `first_saved`, or now.
    `name` is the document's, for people. Raises CampaignError.
    """
    problems: list[Problem] = []

    def moment(path: str, time: datetime) -> Micros:
        try:
            return instant_of(time, zone)
        except ValueError:
            remedy = "use a year between 1 and 9999"
            problems.append(Problem(path, "lies outside the calendar", remedy))
            return 0

    def shown_since(index: int, gift: GiftDocument) -> Micros:
        if gift.created_at is None:
            return first_saved.get(gift.gift_id, now)
        return moment(f"gifts[{index}].created_at", gift.created_at)

    starts = moment("starts_at", document.starts_at)
    ends = NEVER if document.ends_at is None else moment("ends_at", document.ends_at)
    gifts = [
        Gift(gift.gift_id, gift.product_id, gift.points, shown_since(index, gift))
        for index, gift in enumerate(document.gifts)
    ]
    if not problems and ends <= starts:
        wrong = "is not after starts_at: the campaign ends before it begins"
        problems.append(Problem("ends_at", wrong, "choose a later time, or null for no end"))
    if problems:
        raise CampaignError(name, problems)
    return Campaign(
        document.campaign_id, document.names, document.terms, starts, ends, in_shown_order(gifts)
    )


def instant_of(time: datetime, zone: str) -> Micros:
    """The instant of a time with an offset, or of a local one in the zone (IANA name).

    A local time that a clock change skips is moved forward by the gap, of one that comes twice the
    first counts: both are what the offset before the change says. Raises ValueError outside the
    years 1 to 9999.
    """
    aware = time if time.utcoffset() is not None else time.replace(tzinfo=ZoneInfo(zone), fold=0)
    moment = micros(aware)
    instant(moment)  # refuses what no calendar shows in UTC
    return moment


def state_of(campaign: Campaign, now: Micros) -> CampaignState:
    """What the campaign is at an instant."""
    if campaign.removed:
        return CampaignState.removed
    if now < campaign.starts_at:
        return CampaignState.scheduled
    return CampaignState.live if now < campaign.ends_at else CampaignState.ended


def in_shown_order(gifts: Iterable[Gift]) -> tuple[Gift, ...]:
    """The newest first; of equally old ones in the order of their ids."""
    return tuple(sorted(gifts, key=lambda gift: (-gift.created_at, gift.gift_id)))


def text_in(texts: Mapping[str, str], language: str, languages: Sequence[str]) -> str | None:
    """A campaign's text in a language, else in the first of the merchant's languages.

    Where that one has none either (the settings have changed since), the next of them, and at last
    any; None where there is no text at all.
    """
    for each in (language, *languages, *sorted(texts)):
        if each in texts:
            return texts[each]
    return None


def gift_refusal(
    offer: GiftOffer | None, wanted: Sequence[tuple[str, int]], points: int, now: Micros
) -> GiftRefusal | None:
    """Why a hold of gifts is refused; None where it is not.

    `offer` is the campaign that the hold names, if there is one; `wanted` gift ids with quantities.
    """
    if offer is None or offer.removed or not offer.starts_at <= now < offer.ends_at:
        return GiftRefusal.campaign_closed
    ids = [gift_id for gift_id, _ in wanted]
    if len(set(ids)) < len(ids) or not offer.prices.keys() >= set(ids):
        return GiftRefusal.unknown_gift
    if points != price_of(offer, wanted):
        return GiftRefusal.price_changed
    return None


def price_of(offer: GiftOffer, wanted: Iterable[tuple[str, int]]) -> int:
    """What gifts in these quantities cost, in points."""
    return sum(offer.prices[gift_id] * quantity for gift_id, quantity in wanted)
