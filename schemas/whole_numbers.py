"""Whole numbers in digits, of any length: beyond a limit is beyond it, however far."""

import re
from typing import Final

_LONGEST: Final = 18
"""Digits that are read: more than any limit has, and no more than 64 bits hold."""
_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)


def read_whole(digits: str) -> int:
    """The number; of one with more than 18 digits the first 18. Raises ValueError for no number."""
    sign = digits[:1] if digits[:1] in {"-", "+"} else ""
    return int(sign + digits[len(sign) :].lstrip("0")[:_LONGEST].rjust(1, "0"))


def as_typed(text: str) -> int | str:
    """What a person typed for a number; the text where it is none, to be refused as such."""
    return read_whole(text) if _WHOLE.fullmatch(text) else text
