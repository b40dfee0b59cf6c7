"""A campaign's document: what it says, and every way in which it is refused (account.md 6)."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.campaigns import CampaignDocument, CampaignError, load_campaign

WHOLE: dict[str, Any] = {
    "campaign_id": "summer",
    "names": {"en": "Summer gifts", "zh-hant": "夏日好禮"},
    "starts_at": "2026-06-01T00:00",
    "ends_at": None,
    "terms": {"en": "One a day.\nWhile stocks last."},
    "gifts": [
        {
            "gift_id": "mug",
            "product_id": "p-1",
            "points": 500,
            "created_at": "2026-05-01T10:00:00Z",
        }
    ],
}
AS_YAML = """
campaign_id: summer
names: {en: Summer gifts, zh-hant: 夏日好禮}
starts_at: 2026-06-01T00:00
ends_at: null
terms: {en: "One a day.\\nWhile stocks last."}
gifts:
  - {gift_id: mug, product_id: p-1, points: 500, created_at: 2026-05-01T10:00:00Z}
"""
LEFT_OUT = object()


def load(document: Any, languages: tuple[str, ...] = ("en", "zh-hant")) -> CampaignDocument:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return load_campaign(data, name="summer", languages=languages)


def changed(path: str, value: object) -> dict[str, Any]:
    """The whole document with one thing changed; a path such as gifts.0.points."""
    document = deepcopy(WHOLE)
    *way, last = path.split(".")
    section: Any = document
    for key in way:
        section = section[int(key)] if key.isdigit() else section[key]
    if value is LEFT_OUT:
        del section[last]
    else:
        section[last] = value
    return document


def problems(document: Any, languages: tuple[str, ...] = ("en", "zh-hant")) -> list[str]:
    with pytest.raises(CampaignError) as refused:
        load(document, languages)
    assert (refused.value.code, refused.value.exit_code) == ("invalid_campaign", 5)
    return [problem.path for problem in refused.value.problems]


def test_json_and_yaml_say_the_same() -> None:
    assert load(WHOLE) == load(AS_YAML.encode())


def test_local_times_have_no_offset_and_others_keep_theirs() -> None:
    document = load(WHOLE)
    assert document.starts_at == datetime(2026, 6, 1)  # noqa: DTZ001 - local on purpose
    assert document.gifts[0].created_at == datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01T00:00+08:00",
        "2026-06-01t00:00:00+0800",
        "2026-06-01 00:00:00.000+08",
        "2026-05-31T16:00z",
    ],
)
def test_an_instant_may_be_spelt_in_several_ways(text: str) -> None:
    assert load(changed("starts_at", text)).starts_at == datetime(2026, 5, 31, 16, tzinfo=UTC)


def test_terms_end_gifts_and_a_gifts_date_may_be_left_out() -> None:
    document = {key: WHOLE[key] for key in ("campaign_id", "names", "starts_at")}
    loaded = load(document)
    assert (loaded.ends_at, loaded.terms, loaded.gifts) == (None, {}, ())
    assert load(changed("gifts.0.created_at", LEFT_OUT)).gifts[0].created_at is None


@pytest.mark.parametrize(
    ("path", "value", "refused"),
    [
        ("campaign_id", "", "campaign_id"),
        ("campaign_id", "x" * 101, "campaign_id"),
        ("campaign_id", " summer", "campaign_id"),
        ("campaign_id", "summer\u3000", "campaign_id"),
        ("campaign_id", "sum\x07mer", "campaign_id"),
        ("campaign_id", 7, "campaign_id"),
        ("campaign_id", LEFT_OUT, "campaign_id"),
        ("names", LEFT_OUT, "names"),
        ("names", {}, "names.en"),
        ("names", {"zh-hant": "夏日好禮"}, "names.en"),
        ("names", {"en": "Summer", "fr": "L'été"}, "names.fr"),
        ("names.en", "", "names.en"),
        ("names.en", "  ", "names.en"),
        ("names.en", "x" * 101, "names.en"),
        ("names.en", "two\nlines", "names.en"),
        ("names.en", None, "names.en"),
        ("terms.en", "x" * 10_001, "terms.en"),
        ("terms.en", "", "terms.en"),
        ("terms.en", "a\x00b", "terms.en"),
        ("terms", {"de": "Solange der Vorrat reicht"}, "terms.de"),
        ("starts_at", LEFT_OUT, "starts_at"),
        ("starts_at", None, "starts_at"),
        ("starts_at", "2026-06-01", "starts_at"),
        ("starts_at", "2026-06-31T00:00", "starts_at"),
        ("starts_at", "2026-06-01T24:00", "starts_at"),
        ("starts_at", "soon", "starts_at"),
        ("starts_at", 1_780_000_000, "starts_at"),
        ("ends_at", "2026-W23-1T00:00", "ends_at"),
        ("gifts", {}, "gifts"),
        ("gifts.0.gift_id", "", "gifts[0].gift_id"),
        ("gifts.0.gift_id", LEFT_OUT, "gifts[0].gift_id"),
        ("gifts.0.product_id", LEFT_OUT, "gifts[0].product_id"),
        ("gifts.0.points", 0, "gifts[0].points"),
        ("gifts.0.points", -5, "gifts[0].points"),
        ("gifts.0.points", 1_000_000, "gifts[0].points"),
        ("gifts.0.points", 10.5, "gifts[0].points"),
        ("gifts.0.points", 10.0, "gifts[0].points"),
        ("gifts.0.points", "10", "gifts[0].points"),
        ("gifts.0.points", True, "gifts[0].points"),
        ("gifts.0.created_at", "yesterday", "gifts[0].created_at"),
        ("gifts.0.pionts", 500, "gifts[0].pionts"),
        ("banner", "summer.png", "banner"),
    ],
)
def test_what_a_campaign_cannot_say_is_refused_with_its_path(
    path: str, value: object, refused: str
) -> None:
    assert problems(changed(path, value)) == [refused]


def test_the_largest_values_are_taken() -> None:
    load(changed("campaign_id", "x" * 100))
    load(changed("names.en", "夏" * 100))
    load(changed("terms.en", "x" * 10_000))
    load(changed("gifts.0.points", 999_999))


def test_two_hundred_gifts_are_taken_and_one_more_is_not() -> None:
    gifts = [{"gift_id": f"g{n}", "product_id": "p", "points": 1} for n in range(201)]
    assert len(load(changed("gifts", gifts[:200])).gifts) == 200
    assert problems(changed("gifts", gifts)) == ["gifts"]


def test_a_campaign_that_no_record_of_its_topic_has_room_for_is_refused() -> None:
    languages = ["en", "zh-hant", *(f"a{letter}-hant" for letter in "abcdefghijklmnopqrstuvwxyz")]
    languages += [f"b{letter}-hant" for letter in "abcdef"]
    terms = dict.fromkeys(languages, "夏" * 10_000)
    document = json.dumps(changed("terms", terms), ensure_ascii=False).encode()
    assert len(document) < 1 << 20
    assert problems(document, tuple(languages)) == [""]


def test_a_gift_that_is_there_twice_is_refused() -> None:
    gift = WHOLE["gifts"][0]
    assert problems(changed("gifts", [gift, {**gift, "points": 7}])) == ["gifts[1].gift_id"]


def test_all_problems_come_together() -> None:
    document = changed("gifts.0.points", 0) | {"names": {}, "starts_at": "soon", "colour": "red"}
    assert sorted(problems(document)) == ["colour", "gifts[0].points", "names.en", "starts_at"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"names: *x", b"null"])
def test_a_text_that_is_no_document_is_refused(text: bytes) -> None:
    assert problems(text) == [""]


def test_a_key_that_is_there_twice_is_refused_with_its_path() -> None:
    text = json.dumps(WHOLE)[:-1] + ', "campaign_id": "winter"}'
    assert problems(text.encode()) == ["campaign_id"]


def test_which_languages_there_are_is_the_settings_matter() -> None:
    assert load(changed("names", {"fr": "L'été"}) | {"terms": {}}, ("fr", "en")).names == {
        "fr": "L'été"
    }
