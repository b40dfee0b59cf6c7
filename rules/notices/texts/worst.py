"""How many SMS a text can become: with the longest values that it may show.

Points have at most the 1,000,000,000 of one order (rules.md 1.9), and a balance twelve digits. A
name and a reason may be of any letters, so that they are counted as the worst of them; an order's
number is of letters and digits, as the platform's are.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import product
from typing import Final

from rules.notices.texts.languages import FORMS, day_shown, number_shown
from rules.notices.texts.placeholders import compiled
from rules.notices.texts.shown import LONGEST, Absent, day_value, plain_signs, text_value, units
from rules.notices.texts.wording import sms_wording, words_of
from rules.sms.parts import WILD, Encoding, Parts, parts, parts_at_most
from schemas.notices.document import NoticeSettings
from schemas.notices.words import Kind

_MOST_POINTS: Final = 1_000_000_000
_MOST_BALANCE: Final = -999_999_999_999
# Two units isolate a text that runs leftwards.
_ISOLATED: Final = 2
# Any year: no form names the day of the week.
_YEAR: Final = (date(2028, 1, 1), 366)


def worst_case(settings: NoticeSettings, kind: Kind, language: str, shop: str) -> Parts | None:
    """What the SMS about a kind takes at most, in this language; None if there is never one.

    `shop`: how it is called (`rules.notices.shop.called`).

    Raises NotOurs for a text with something else than placeholders.
    """
    wording = sms_wording(settings, kind, language)
    if wording is None:
        return None
    template = compiled(wording.text)
    never = words_of(wording.language, settings).never
    worst = [
        parts_at_most(template.render(shown).strip())
        for shown in _longest_values(wording.language, never, shop)
    ]
    return max(worst, key=lambda found: (found.parts, found.encoding is Encoding.ucs2, found.units))


def _longest_values(language: str, never: str, shop: str) -> Iterator[dict[str, str]]:
    """Sets of values, one of which makes the most parts of any text.

    What is absent may have a longer word for it, or one in other letters.
    """
    fixed = {
        "points": plain_signs(number_shown(_MOST_POINTS, language)),
        "balance": plain_signs(number_shown(_MOST_BALANCE, language)),
        "reason": WILD * (LONGEST["reason"] + _ISOLATED),
        "shop": text_value(shop, "shop"),
        "member_name": WILD * (LONGEST["member_name"] + _ISOLATED),
    }
    days = [day_value(day, language, plain=True) for day in _longest_days(language)]
    numbers = ["0" * LONGEST["order_number"], Absent()]
    for day, number in product([*days, Absent(never)], numbers):
        yield {**fixed, "expires_on": day, "order_number": number}


@lru_cache(maxsize=256)
def _longest_days(language: str) -> frozenset[date]:
    """Of each form the longest day, the longest in the GSM alphabet, and the longest beyond it.

    `août` is shorter than `septembre`, and makes a whole SMS UTF-16, which no longer day does.
    """
    first, count = _YEAR
    days = [first + timedelta(days=each) for each in range(count)]
    found = set()
    for form in FORMS:
        shown = {day: plain_signs(day_shown(day, form, language)) for day in days}
        for size in (units, _septets, _units_beyond_gsm):
            sizes = {day: size(text) for day, text in shown.items()}
            found.add(max(days, key=sizes.__getitem__))
    return frozenset(found)


def _septets(text: str) -> int:
    counted = parts(text)
    return counted.units if counted.encoding is Encoding.gsm7 else 0


def _units_beyond_gsm(text: str) -> int:
    return units(text) if parts(text).encoding is Encoding.ucs2 else 0
