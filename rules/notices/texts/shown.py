"""The values of a notice as they are shown: text that can do nothing where it is put.

Names and reasons come from outside. They become one line without control characters; what turns
the direction of writing stays within them; and they have a greatest length, so that the longest SMS
of a text is known before it is sent.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from rules.account.expiry import shown_day
from rules.notices.texts.languages import Form, day_shown, number_shown
from rules.notices.values import Values
from schemas.ids import NEVER, Micros
from schemas.notices.points_change import ALL_PAID
from schemas.notices.words import Channel

LONGEST: Final[Mapping[str, int]] = {
    "order_number": 40,
    "reason": 100,  # the 50 characters of a command (account.md 3), be they pairs
    "shop": 120,  # the 60 characters of the settings
    "member_name": 100,
}
"""Units of UTF-16 that are shown of a text at most; two more isolate one that runs leftwards."""

NOTHING_LEFT: Final = "-"
"""The last day of points of which a debt took all. Not absent: what a text has for points that do
not expire would be untrue of them.
"""

_BLANK: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# What embeds, overrides or isolates a direction, may be left open. And what no text can hold.
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
# Letters of scripts that run leftwards, and the marks for them.
_LEFTWARDS: Final = re.compile(
    "[\u0590-\u08ff\u061c\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_FIRST_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
# Of one sign with the letter before it: marks that combine, joiners, variations, tones of skin.
_JOINED: Final = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_JOINER: Final = "\u200d"
# A name that invites to a page is none: whoever chose it would write through us to others.
_INVITING: Final = re.compile(r"://|\bwww\.", re.IGNORECASE)
# Signs of numbers and days that would make a whole SMS UTF-16, and what the GSM alphabet has.
_PLAIN_SIGNS: Final = str.maketrans(
    {"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2019": "'", "\u2212": "-", "\u200e": ""}
)
_BEYOND_ONE_UNIT: Final = 0xFFFF


class Absent(str):
    """A value that is not there. Its text is what stands for it without the filter `default`."""

    __slots__ = ()


class Day(str):
    """A last day, in the usual form of its channel."""

    __slots__ = ("day", "language", "plain")

    day: date
    language: str
    plain: bool

    def in_form(self, form: Form) -> str:
        """The same day in another form."""
        return _signs(day_shown(self.day, form, self.language), plain=self.plain)


def shown_values(
    values: Values, *, language: str, never: str, zone: str, channel: Channel
) -> dict[str, str]:
    """What each placeholder stands for. `never` is the language's word for it.

    Points are shown without a sign, since each kind of notice says which way they went. Raises
    ValueError for a day outside the calendar.
    """
    plain = channel is Channel.sms
    name = text_value(values.member_name, "member_name")
    return {
        "points": _number(abs(values.points), language, plain=plain),
        "balance": _number(values.balance, language, plain=plain),
        "expires_on": _expiry(values.expires_us, language, never, zone, plain=plain),
        "order_number": text_value(values.order_number, "order_number"),
        "reason": text_value(values.reason, "reason"),
        "shop": text_value(values.shop, "shop"),
        # As it is shown: what is left out of it may have stood between the letters of a page.
        "member_name": Absent() if _INVITING.search(name) else name,
    }


def _expiry(expires_us: Micros | None, language: str, never: str, zone: str, *, plain: bool) -> str:
    if expires_us == ALL_PAID:
        return NOTHING_LEFT
    if expires_us is None or expires_us == NEVER:
        return Absent(never)
    return day_value(shown_day(expires_us, zone), language, plain=plain)


def day_value(day: date, language: str, *, plain: bool) -> Day:
    """A last day; `plain`: for an SMS, in the signs of its alphabet where there are such."""
    form: Form = "medium" if plain else "long"
    value = Day(_signs(day_shown(day, form, language), plain=plain))
    value.day, value.language, value.plain = day, language, plain
    return value


def text_value(text: str | None, name: str) -> str:
    """Text from outside, as LONGEST says for its placeholder; absent if nothing of it is left."""
    if not text:
        return Absent()
    text = _BLANK.sub(" ", _TURNING.sub("", text)).strip()
    if not text:
        return Absent()
    text = _cut(text, LONGEST[name])
    return f"{_FIRST_ISOLATE}{text}{_END_ISOLATE}" if _LEFTWARDS.search(text) else text


def plain_signs(text: str) -> str:
    """A number or a day in the signs of the GSM alphabet, where it has such: plain spaces."""
    return text.translate(_PLAIN_SIGNS)


def units(text: str) -> int:
    """How many units of UTF-16 a text has."""
    return len(text) + sum(ord(letter) > _BEYOND_ONE_UNIT for letter in text)


def _cut(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis; no sign loses a part of itself."""
    if len(text) * 2 <= longest or units(text) <= longest:
        return text
    room, end = longest - 1, 0
    while (size := 1 + (ord(text[end]) > _BEYOND_ONE_UNIT)) <= room:
        room -= size
        end += 1
    while end > 0 and (_JOINED.match(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return f"{text[:end].rstrip()}…"


def _number(number: int, language: str, *, plain: bool) -> str:
    return _signs(number_shown(number, language), plain=plain)


def _signs(text: str, *, plain: bool) -> str:
    return plain_signs(text) if plain else text
