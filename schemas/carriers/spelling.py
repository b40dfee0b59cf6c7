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


def normal(spoken: str) -> str:
    """The form in which codes and texts are compared: one width and case, no spaces.

    A full stop at the end is dropped. A code of digits alone loses its leading zeros, since some
    systems pad it. Empty when nothing is left.
    """
    folded = unicodedata.normalize("NFKC", spoken).casefold()
    kept = "".join(sign for sign in folded if sign.isprintable() and not sign.isspace()).rstrip(
        ".。"
    )
    if kept.isascii() and kept.isdigit():
        return kept.lstrip("0") or "0"
    return kept


def label_of(code: str | None, text: str | None) -> str:
    """What to call a report whose code no table has: its code, else its text.

    What may be personal is left out: it has at most 60 characters, nothing after a colon (a
    signer's name follows there), long numbers and mail addresses masked. "?" if nothing is left.
    """
    return _masked(code, _LONG_NUMBER) or _masked(text, _NUMBER) or "?"


def _masked(spoken: str | None, numbers: re.Pattern[str]) -> str:
    if not spoken:
        return ""
    before_colon = _COLON.split(spoken, maxsplit=1)[0]
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in before_colon).split())
    return numbers.sub(_MASK, _MAIL.sub(_MASK, plain))[:_LABEL_LENGTH].rstrip()
