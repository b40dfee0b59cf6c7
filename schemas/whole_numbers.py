"""Whole numbers in digits, of any length: beyond a limit is beyond it, however far."""

import re
from hashlib import sha256
from typing import Final

_LONGEST: Final = 18
"""Digits that are read: more than any limit has, and no more than 64 bits hold."""
_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)


def read_whole(digits: str) -> int:
    """The number; for one with more than 18 digits another of 18. Raises ValueError for no number.

    Two that are longer have two numbers that stand for them, by their digits: a command with one is
    not the same as a command with the other.
    """
    sign = digits[:1] if digits[:1] in {"-", "+"} else ""
    size = digits[len(sign) :].lstrip("0")
    return int(sign + (size if len(size) <= _LONGEST else _stand_in(size)).rjust(1, "0"))


def _stand_in(digits: str) -> str:
    int(digits[:_LONGEST])
    digest = int.from_bytes(sha256(digits.encode()).digest())
    return "9" + str(digest)[: _LONGEST - 1]


def as_typed(text: str) -> int | str:
    """What a person typed for a number; the text where it is none, to be refused as such."""
    return read_whole(text) if _WHOLE.fullmatch(text) else text
