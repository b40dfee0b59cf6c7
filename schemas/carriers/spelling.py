"""How codes and texts of carriers are compared, and how one that no table has is shown.

See rules.md 6.
"""

import re
import unicodedata
from typing import Final

# Longer ones would fill screens and metrics, and what tells two codes apart stands at their
# beginning.
_LABEL_LENGTH: Final = 60
_COLON: Final = re.compile("[:：]")
_MAIL: Final = re.compile(r"\S+@\S+")
# Telephone numbers and tracking numbers, also when they are written in groups.
_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){3,}")
# A code is allowed its digits; no carrier's code has as many as a telephone number.
_LONG_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){6,}")
_MASK: Final = "****"
_LONGEST: Final = 200
"""Characters that are compared; one of full width may stand for eighteen plain ones."""
_MOST_MOMENTS: Final = 8
"""Dates, times, zones and days of the week that are cut off the ends of a text."""
PLACE: Final = "…"
"""In a table's text, where a carrier writes a place, a name or a count."""
_DATE: Final = (
    r"\d{2,4}[-/.]\d{1,2}[-/.]\d{1,2}|(?:\d{2,4}年)?\d{1,2}月\d{1,2}日|\d{1,2}[-/]\d{1,2}"
    r"|(?:19|20)\d{6}|\d{1,2} (?:{m})[a-z]*\.?,? \d{4}|(?:{m})[a-z]*\.? \d{1,2},? \d{4}"
).replace("{m}", "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec")
_TIME: Final = (
    r"(?:上午|下午|[ap]m)? ?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?"
    r"|(?:上午|下午)?\d{1,2}[時点點]\d{1,2}分(?:\d{1,2}秒)?"
)
_MOMENT: Final = (
    r"(?:(?:19|20)\d{10}(?:\d{2})?"
    rf"|(?:{_DATE})(?:[ t]*(?:{_TIME}))?|(?:{_TIME})|(?:z|(?:gmt|utc)?[+-]\d{{1,2}}(?::?\d{{2}})?)"
    r"|\((?:星期|週|周)?[日一二三四五六]\)?)"
)
_MOMENT_BEHIND: Final = re.compile(rf"(?<![0-9a-z]){_MOMENT}$", re.IGNORECASE)
_ZONE_BEHIND: Final = re.compile(r"(?<=\d)(?:z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)
_MOMENT_BEFORE: Final = re.compile(rf"{_MOMENT}(?![0-9])", re.IGNORECASE)


def normal(spoken: str) -> str:
    """The form in which codes and texts are compared: one width and case, no spaces.

    A full stop at the end is dropped. A code of digits alone loses its leading zeros, since some
    systems pad it. Empty when nothing is left.
    """
    folded = _plain(spoken).casefold()
    kept = "".join(sign for sign in folded if sign.isprintable() and not sign.isspace()).rstrip(
        ".。"
    )
    if kept.isascii() and kept.isdigit():
        return kept.lstrip("0") or "0"
    return kept


def normal_text(spoken: str) -> str:
    """As `normal`, of a text: without a date or time at its ends, nor punctuation at its end."""
    return normal(_without_punctuation(_without_moment(_plain(spoken))))


def _plain(spoken: str) -> str:
    return unicodedata.normalize("NFKC", spoken)[:_LONGEST]


def pattern_of(text: str) -> re.Pattern[str] | None:
    """What the normal form of a text matches, by a table's text; None if that has no places.

    A place is any run of characters.
    """
    if PLACE not in text:
        return None
    return re.compile(".*".join(re.escape(normal_text(part)) for part in text.split(PLACE)))


def _without_moment(plain: str) -> str:
    """The text without dates and times at its ends, and what sets them apart.

    What has no letters but those is left as it is: a code may look like a date.
    """
    cut = plain
    for _ in range(_MOST_MOMENTS):
        behind = _without_punctuation(cut)
        shorter = _MOMENT_BEHIND.sub("", _ZONE_BEHIND.sub("", behind))
        before, leading = shorter, _MOMENT_BEFORE.match(shorter)
        if leading is not None:
            before = shorter[leading.end() :].lstrip(" -,:;")
        if before == behind:
            break
        cut = before
    return cut if any(sign.isalpha() for sign in cut) else plain


def _without_punctuation(text: str) -> str:
    end = len(text)
    while end and (text[end - 1].isspace() or unicodedata.category(text[end - 1])[0] == "P"):
        end -= 1
    return text[:end]


def label_of(code: str | None, text: str | None) -> str:
    """What to call a report whose code no table has: its code, else its text.

    The moment in it and what may be personal are left out: it has at most 60 characters, nothing
    after a colon (a signer's name follows there), long numbers and mail addresses masked. "?" if
    nothing is left.
    """
    if text:
        plain = _plain(text)
        cut = _without_moment(plain)
        text = text if cut == plain else cut
    return _masked(code, _LONG_NUMBER) or _masked(text, _NUMBER) or "?"


def _masked(spoken: str | None, numbers: re.Pattern[str]) -> str:
    if not spoken:
        return ""
    before_colon = _COLON.split(spoken, maxsplit=1)[0]
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in before_colon).split())
    return numbers.sub(_MASK, _MAIL.sub(_MASK, plain))[:_LABEL_LENGTH].rstrip()
