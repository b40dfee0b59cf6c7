"""The language for a member, and how it writes numbers and days."""

from collections.abc import Sequence
from datetime import date

import pytest

from rules.notices.texts.languages import (
    Form,
    day_shown,
    is_language,
    is_leftwards,
    language_of,
    number_shown,
)


@pytest.mark.parametrize(
    ("locale", "languages", "language"),
    [
        ("en", ("zh-hant", "en"), "en"),
        ("EN", ("zh-hant", "en"), "en"),
        ("en-GB", ("zh-hant", "en"), "en"),
        ("zh-hant", ("en", "zh-hant"), "zh-hant"),
        ("zh_Hant_TW", ("en", "zh-hant"), "zh-hant"),
        ("zh-TW", ("en", "zh-hant"), "zh-hant"),
        ("zh-hk", ("en", "zh-hant"), "zh-hant"),
        ("zh-hk", ("en", "zh-hant", "zh-hant-hk"), "zh-hant-hk"),
        ("zh-cn", ("en", "zh-hant", "zh-hans"), "zh-hans"),
        ("zh-cn", ("en", "zh-hant"), "zh-hant"),  # nearer than English
        ("zh", ("en", "zh-hant"), "zh-hant"),
        ("th", ("zh-hant", "en"), "zh-hant"),  # nobody wrote it
        ("th", (), "en"),
        (None, ("zh-hant", "en"), "zh-hant"),
        ("", ("zh-hant", "en"), "zh-hant"),
        ("../../etc/passwd", ("zh-hant", "en"), "zh-hant"),
        ("{{ shop }}\r\n", ("zh-hant", "en"), "zh-hant"),
    ],
)
def test_member_is_written_to_in_the_nearest_language(
    locale: str | None, languages: Sequence[str], language: str
) -> None:
    assert language_of(locale, languages) == language


@pytest.mark.parametrize(
    ("language", "number"),
    [
        ("en", "1,000,000,000"),
        ("zh-hant", "1,000,000,000"),
        ("fr", "1\u202f000\u202f000\u202f000"),
        ("de", "1.000.000.000"),
        ("xx", "1,000,000,000"),
    ],
)
def test_number_is_written_as_the_language_does(language: str, number: str) -> None:
    assert number_shown(1_000_000_000, language) == number


@pytest.mark.parametrize(
    ("language", "form", "day"),
    [
        ("en", "long", "December 31, 2026, 23:59"),
        ("en", "medium", "Dec 31, 2026, 23:59"),
        ("en", "short", "12/31/26, 23:59"),
        ("zh-hant", "long", "2026年12月31日 23:59"),
        ("zh-hant", "short", "2026/12/31 23:59"),
        ("fr", "long", "31 décembre 2026, 23:59"),
        ("xx", "long", "December 31, 2026, 23:59"),
    ],
)
def test_last_day_is_written_with_its_last_minute(language: str, form: Form, day: str) -> None:
    assert day_shown(date(2026, 12, 31), form, language) == day


def test_known_languages() -> None:
    assert is_language("zh-hant")
    assert is_language("en-gb")
    assert not is_language("xx")
    assert is_leftwards("he")
    assert not is_leftwards("zh-hant")


def test_what_is_no_locale_is_not_taken_apart() -> None:
    """A megabyte of it would keep a sender busy for minutes."""
    assert language_of("zh-hant" + "-x" * 15, ["en", "zh-hant"]) == "en"
    assert language_of("zh-hant-" + "x" * 27, ["en", "zh-hant"]) == "zh-hant"
