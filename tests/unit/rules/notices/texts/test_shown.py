"""Values as they are shown: what comes from outside can do nothing where it is put."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.texts.shown import LONGEST, Absent, shown_values, text_value, units
from schemas.ids import NEVER
from schemas.notices.points_change import ALL_PAID
from schemas.notices.words import Channel
from tests.support.notices.texts import ZONE, values


def shown(
    channel: Channel = Channel.email, language: str = "en", **other: object
) -> dict[str, str]:
    return shown_values(
        values(**other), language=language, never="never", zone=ZONE, channel=channel
    )


def test_values_are_written_as_the_language_does() -> None:
    assert shown(points=1_000_000_000, balance=-20) == {
        "points": "1,000,000,000",
        "balance": "-20",
        "expires_on": "December 31, 2026, 23:59",
        "order_number": "65e1f0a40000000000000001",
        "reason": "Birthday",
        "shop": "Lantern Tea",
        "member_name": "Ann",
    }


def test_points_have_no_sign() -> None:
    assert shown(points=-50)["points"] == "50"


def test_last_day_is_of_the_shops_zone() -> None:
    end = 1_798_732_800_000_000  # 2027-01-01 00:00 in Taipei
    assert shown(expires_us=end)["expires_on"] == "December 31, 2026, 23:59"
    assert shown(expires_us=end + 1)["expires_on"] == "January 1, 2027, 23:59"


@pytest.mark.parametrize("expires_us", [None, NEVER])
def test_points_that_never_expire_have_the_languages_word(expires_us: int | None) -> None:
    value = shown(expires_us=expires_us)["expires_on"]
    assert value == "never"
    assert isinstance(value, Absent)


@pytest.mark.parametrize("channel", list(Channel))
def test_of_points_that_a_debt_took_nobody_says_that_they_never_expire(channel: Channel) -> None:
    value = shown(channel, expires_us=ALL_PAID)["expires_on"]
    assert value == "-"
    assert not isinstance(value, Absent)  # or a text's own words for `never` would stand there


def test_signs_of_a_number_do_not_cost_a_second_sms() -> None:
    assert shown(Channel.email, "fr", points=1000)["points"] == "1\u202f000"
    assert shown(Channel.sms, "fr", points=1000)["points"] == "1 000"
    assert shown(Channel.sms, "en")["expires_on"] == "Dec 31, 2026, 23:59"


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("Ann", "Ann"),
        ("  Ann\r\n\t Lee\x00 ", "Ann Lee"),
        ("Ann\r\nBcc: ben@tea.example", "Ann Bcc: ben@tea.example"),
        ("Ann\u2028Lee\u0085Lee", "Ann Lee Lee"),
        ("{{ points }}", "{{ points }}"),
        ("{% raw %}", "{% raw %}"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Ann 🎁👩‍👩‍👧", "Ann 🎁👩‍👩‍👧"),
        ("Ann\u202elave", "Annlave"),
        ("\u2066Ann", "Ann"),
        ("שרה", "\u2068שרה\u2069"),
        ("Ann \u200f!", "\u2068Ann \u200f!\u2069"),
        ("ann\ud800", "ann"),
        ("\ufeff", ""),
        (None, ""),
        ("", ""),
        (" \n", ""),
        ("Win! https://lottery.example", ""),
        ("WWW.lottery.example", ""),
        ("Win! https:\u2066//lottery.example", ""),
        ("Win! https:/\ufeff/lottery.example", ""),
        ("ww\u202ew.lottery.example", ""),
        ("www\ud800.lottery.example", ""),
    ],
)
def test_name_becomes_one_line_that_stays_within_itself(name: str | None, is_shown: str) -> None:
    value = shown(member_name=name)["member_name"]
    assert value == is_shown
    assert isinstance(value, Absent) == (not is_shown)


def test_reason_may_name_a_page() -> None:
    assert shown(reason="see www.tea.example")["reason"] == "see www.tea.example"


def test_long_text_ends_in_an_ellipsis() -> None:
    assert text_value("a" * 100, "member_name") == "a" * 100
    assert text_value("a" * 101, "member_name") == "a" * 99 + "…"
    assert text_value("點" * 101, "member_name") == "點" * 99 + "…"
    assert text_value("🎁" * 50, "member_name") == "🎁" * 50
    assert text_value("🎁" * 51, "member_name") == "🎁" * 49 + "…"
    assert text_value("word " * 30, "member_name").endswith("word…")


def test_cut_takes_no_sign_apart() -> None:
    assert text_value("e\u0301" * 51, "member_name") == "e\u0301" * 49 + "…"
    assert text_value("👍🏽" * 30, "member_name") == "👍🏽" * 24 + "…"
    assert text_value("a" * 97 + "👩‍👩‍👧" + "b", "member_name") == "a" * 97 + "…"
    assert text_value("\u0301" * 200, "member_name") == "…"


@given(st.text(max_size=300), st.sampled_from(sorted(LONGEST)))
def test_any_text_becomes_one_short_line(text: str, name: str) -> None:
    value = text_value(text, name)
    assert units(value) <= LONGEST[name] + 2
    assert not any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in value)
    assert value.encode().decode() == value  # no half of a pair
    opened = [letter for letter in value if letter in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"]
    assert opened == (["\u2068"] if value.startswith("\u2068") else [])
    assert value == value.strip()
