"""The most SMS that a text can become: no values make more of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rules.notices.texts.render import rendered_sms
from rules.notices.texts.worst import worst_case
from schemas.ids import DAY, Micros, micros
from schemas.notices.document import NoticeSettings
from schemas.notices.words import Kind
from tests.support.notices.texts import ZONE, notice_settings, values

YEAR: Micros = micros(datetime(2027, 1, 1, 12, tzinfo=UTC))


def of(text: str, language: str = "en") -> NoticeSettings:
    """Settings with one SMS of the shop's own."""
    return notice_settings(texts={language: {"earned": {"sms": text}}}, languages=(language,))


def taken(text: str, language: str = "en", **said: object) -> int:
    """How many parts it is with some values."""
    return rendered_sms(of(text, language), Kind.earned, language, values(**said), ZONE).parts


def most(text: str, language: str = "en") -> int:
    worst = worst_case(of(text, language), Kind.earned, language, "Lantern Tea")
    assert worst is not None
    return worst.parts


@pytest.mark.parametrize("language", ["fr", "pt", "tr", "cs", "de", "en", "ja", "zh-hant", "ar"])
@pytest.mark.parametrize("form", ["short", "medium", "long"])
@pytest.mark.parametrize("letters", [45, 52, 120, 135])
def test_no_day_of_the_year_makes_more(language: str, form: str, letters: int) -> None:
    """One month may be of letters that the GSM alphabet has not, be it a short one: `août`."""
    text = "a" * letters + f"{{{{ expires_on | date('{form}') }}}}"
    days = [None, *(YEAR + day * DAY for day in range(365))]
    assert max(taken(text, language, expires_us=day) for day in days) == most(text, language)


@pytest.mark.parametrize(
    ("placeholder", "absent"),
    [("expires_on", {"expires_us": None}), ("order_number", {"order_number": None})],
)
def test_what_stands_for_an_absent_value_may_be_of_other_letters(
    placeholder: str, absent: dict[str, Any]
) -> None:
    text = "a" * 100 + f"{{{{ {placeholder} | default('點') }}}}"
    assert taken(text) == 1
    assert taken(text, **absent) == most(text) == 2


@pytest.mark.parametrize("placeholder", ["member_name", "reason"])
def test_a_name_that_runs_leftwards_is_isolated_and_that_counts(placeholder: str) -> None:
    text = f"{{{{ {placeholder} }}}}" + "a" * 33
    assert taken(text, **{placeholder: "א" * 100}) == most(text) == 3
