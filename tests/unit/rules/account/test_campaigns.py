"""When campaigns are live, in which order gifts are shown, and what gifts cost (account.md 6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.account.campaigns import (
    Campaign,
    Gift,
    GiftOffer,
    GiftRefusal,
    campaign_of,
    gift_refusal,
    in_shown_order,
    instant_of,
    state_of,
    text_in,
)
from schemas.campaigns import CampaignDocument, CampaignError, CampaignState
from schemas.ids import NEVER, iso, micros

NOW = micros(datetime(2026, 6, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("time", "zone", "instant"),
    [
        ("2026-06-01T00:00", "Asia/Taipei", "2026-05-31T16:00:00Z"),
        ("2026-06-01T00:00", "UTC", "2026-06-01T00:00:00Z"),
        ("2026-06-01T00:00+02:00", "Asia/Taipei", "2026-05-31T22:00:00Z"),
        # Skipped by clocks that go forward from 2:00 to 3:00: moved forward by the gap.
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30:00Z"),  # 3:30 there
        ("2026-03-08T02:00", "America/New_York", "2026-03-08T07:00:00Z"),  # 3:00 there
        ("2026-03-08T01:59:59", "America/New_York", "2026-03-08T06:59:59Z"),
        ("2026-03-08T03:00", "America/New_York", "2026-03-08T07:00:00Z"),
        # There twice, as clocks go back from 2:00 to 1:00: the first counts.
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00Z"),
        ("2026-11-01T02:00", "America/New_York", "2026-11-01T07:00:00Z"),
        # Half an hour, and a whole day that was skipped.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45:00Z"),  # 2:45 there
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T22:00:00Z"),  # noon of the 31st there
    ],
)
def test_local_times_are_instants_of_the_merchants_zone(time: str, zone: str, instant: str) -> None:
    assert iso(instant_of(datetime.fromisoformat(time), zone)) == instant


def document(**fields: Any) -> CampaignDocument:
    return CampaignDocument.model_validate(
        {"campaign_id": "summer", "names": {"en": "Summer"}, "starts_at": "2026-06-01T00:00"}
        | fields
    )


def made(zone: str = "Asia/Taipei", **fields: Any) -> Campaign:
    return campaign_of(document(**fields), zone, now=NOW, first_saved={}, name="summer.json")


def refused(**fields: Any) -> list[str]:
    with pytest.raises(CampaignError) as error:
        made(**fields)
    return [problem.path for problem in error.value.problems]


@pytest.mark.parametrize(
    "ends_at", ["2026-06-01T00:00", "2026-05-31T16:00:00Z", "2026-05-31T23:59", "1999-01-01T00:00"]
)
def test_a_campaign_that_ends_before_it_begins_is_refused(ends_at: str) -> None:
    assert refused(ends_at=ends_at) == ["ends_at"]


def test_an_hour_that_a_clock_change_takes_away_is_no_window() -> None:
    """Both ends are the same instant: 3:00 after the change."""
    window = {"starts_at": "2026-03-08T02:00", "ends_at": "2026-03-08T03:00"}
    assert refused(zone="America/New_York", **window) == ["ends_at"]


def test_times_that_no_calendar_shows_are_refused_all_at_once() -> None:
    gift = {"gift_id": "g", "product_id": "p", "points": 1, "created_at": "0001-01-01T00:00"}
    late = "9999-12-31T23:59-12:00"
    assert refused(ends_at=late, gifts=[gift]) == ["ends_at", "gifts[0].created_at"]


def test_a_campaign_has_the_documents_texts_and_each_gift_its_product_and_price() -> None:
    gift = {"gift_id": "mug", "product_id": "p1", "points": 500, "created_at": "1970-01-01T00:00"}
    campaign = made("UTC", terms={"en": "While stocks last"}, gifts=[gift])
    assert (campaign.campaign_id, campaign.removed) == ("summer", False)
    assert (campaign.names, campaign.terms) == ({"en": "Summer"}, {"en": "While stocks last"})
    assert campaign.gifts == (Gift("mug", "p1", points=500, created_at=0),)


def test_no_end_is_never() -> None:
    assert made().ends_at == NEVER


def test_the_window_has_its_beginning_and_not_its_end() -> None:
    campaign = made(ends_at="2026-06-02T00:00")
    start, end = campaign.starts_at, campaign.ends_at
    assert [state_of(campaign, at) for at in (start - 1, start, end - 1, end)] == [
        CampaignState.scheduled,
        CampaignState.live,
        CampaignState.live,
        CampaignState.ended,
    ]
    assert state_of(made(), NEVER - 1) is CampaignState.live
    removed = replace(campaign, removed=True)
    assert {state_of(removed, at) for at in (start - 1, start, end)} == {CampaignState.removed}


def test_a_gift_without_a_date_is_as_old_as_its_first_save() -> None:
    gifts = [
        {"gift_id": "new", "product_id": "p", "points": 1},
        {"gift_id": "known", "product_id": "p", "points": 1},
        {"gift_id": "dated", "product_id": "p", "points": 1, "created_at": "2026-07-01T00:00"},
    ]
    campaign = campaign_of(
        document(gifts=gifts), "UTC", now=NOW, first_saved={"known": 5, "dated": 6}, name="x"
    )
    assert [(gift.gift_id, gift.created_at) for gift in campaign.gifts] == [
        ("dated", micros(datetime(2026, 7, 1, tzinfo=UTC))),
        ("new", NOW),
        ("known", 5),
    ]


def test_the_newest_gift_is_shown_first_and_ties_go_by_id() -> None:
    gifts = [Gift(name, "p", 1, at) for name, at in [("b", 1), ("c", 9), ("a", 1), ("B", 1)]]
    assert [gift.gift_id for gift in in_shown_order(gifts)] == ["c", "B", "a", "b"]


def test_a_language_without_a_text_shows_the_first_ones() -> None:
    texts = {"en": "Summer gifts", "zh-hant": "夏日好禮"}
    languages = ("en", "zh-hant", "fr")
    assert text_in(texts, "zh-hant", languages) == "夏日好禮"
    assert text_in(texts, "fr", languages) == "Summer gifts"
    assert text_in({"zh-hant": "夏日好禮"}, "fr", languages) == "夏日好禮"
    assert text_in({"ko": "여름", "ja": "夏"}, "fr", languages) == "夏"
    assert text_in({}, "en", languages) is None


START, END = NOW, NOW + int(timedelta(days=1) / timedelta(microseconds=1))
OFFER = GiftOffer(START, END, removed=False, prices={"mug": 500, "pen": 30})
CLOSED, UNKNOWN, CHANGED = GiftRefusal


@pytest.mark.parametrize(
    ("wanted", "points", "answer"),
    [
        ([("mug", 1)], 500, None),
        ([("mug", 2), ("pen", 3)], 1090, None),
        ([("mug", 1)], 499, CHANGED),
        ([("mug", 1)], 501, CHANGED),
        ([("mug", 99), ("pen", 99)], 52_470, None),
        ([("cup", 1)], 500, UNKNOWN),
        ([("Mug", 1)], 500, UNKNOWN),
        ([("mug", 1), ("mug", 1)], 1000, UNKNOWN),
        ([("mug", 1), ("cup", 1)], 1, UNKNOWN),
    ],
)
def test_gifts_cost_what_the_campaign_says(
    wanted: list[tuple[str, int]], points: int, answer: GiftRefusal | None
) -> None:
    assert gift_refusal(OFFER, wanted, points, START) is answer


@pytest.mark.parametrize(
    ("offer", "now"),
    [
        (None, START),
        (OFFER, START - 1),
        (OFFER, END),
        (GiftOffer(START, END, removed=True, prices=OFFER.prices), START),
    ],
)
def test_a_campaign_that_is_not_live_is_closed_whatever_is_wanted(
    offer: GiftOffer | None, now: int
) -> None:
    assert gift_refusal(offer, [("mug", 1)], 500, now) is CLOSED
    assert gift_refusal(offer, [("cup", 1)], 1, now) is CLOSED
