"""Which language a member is written to in, and how it writes numbers and days."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, get_datetime_format
from babel.numbers import format_decimal

from rules.notices.contacts import LONGEST_LANGUAGE

LAST: Final = "en"
"""The language that is complete in ours, and stands for all that nobody wrote."""

Form = Literal["short", "medium", "long"]
FORMS: Final[tuple[Form, ...]] = ("short", "medium", "long")

# How people of a region write Chinese, where their locale does not say.
_SCRIPTS: Final = {"tw": "hant", "hk": "hant", "mo": "hant", "cn": "hans", "sg": "hans"}
_LAST_MINUTE: Final = "23:59"


def language_of(locale: str | None, languages: Sequence[str]) -> str:
    """The language for a member whose locale is such as `zh-hant`, `zh_Hant_TW` or `zh-TW`.

    One of the shop's `languages`: the same; the same without its region; one of the same tongue;
    else the first. Without any, `en`.
    """
    fallback = languages[0] if languages else LAST
    if not locale or len(locale) > LONGEST_LANGUAGE:
        return fallback
    if (found := nearest(locale, languages)) is not None:
        return found
    tongue = _normal(locale).split("-")[0]
    same = [language for language in languages if _normal(language).split("-")[0] == tongue]
    return same[0] if same else fallback


def nearest(locale: str, languages: Iterable[str]) -> str | None:
    """The same of some languages, or the same without its region; None if there is neither.

    `zh-TW` is `zh-hant` there, since that is how its region writes.
    """
    return _nearest(locale, tuple(languages))


def is_language(language: str) -> bool:
    """Whether it is known how a language writes numbers and days."""
    return _locale(language) is not None


def is_leftwards(language: str) -> bool:
    """Whether a language is written from right to left."""
    return _locale_or_last(language).text_direction == "rtl"


@lru_cache(maxsize=1 << 14)
def number_shown(number: int, language: str) -> str:
    """A whole number as the language writes it: 1,000."""
    return format_decimal(number, locale=_locale_or_last(language))


@lru_cache(maxsize=1 << 12)
def day_shown(day: date, form: Form, language: str) -> str:
    """A last day as the language writes it, with its last minute (rules.md 3 D6).

    Such as `December 31, 2026, 23:59`.
    """
    locale = _locale_or_last(language)
    joined = str(get_datetime_format("medium", locale=locale)).replace("'", "")
    return joined.replace("{1}", format_date(day, form, locale=locale)).replace("{0}", _LAST_MINUTE)


@lru_cache(maxsize=1 << 12)
def _nearest(locale: str, languages: tuple[str, ...]) -> str | None:
    known = {_normal(language): language for language in reversed(languages)}
    parts = _normal(locale).split("-")
    heads = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((known[head] for head in heads if head in known), None)


@lru_cache(maxsize=1 << 10)
def _normal(locale: str) -> str:
    parts = locale.strip().lower().replace("_", "-").split("-")
    if parts[0] == "zh" and len(parts) > 1 and (script := _SCRIPTS.get(parts[1])):
        parts.insert(1, script)
    return "-".join(parts)


@lru_cache(maxsize=256)
def _locale(language: str) -> Locale | None:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _locale_or_last(language: str) -> Locale:
    return _locale(language) or Locale.parse(LAST)
