"""Text from outside, made fit for a terminal or a log: what would act on it becomes visible.

Ids, names of headers and keys of documents are chosen upstream. A terminal obeys control characters
in them, a forged line reads like one of ours, and characters that turn the direction of writing
show a text as another one.
"""

import re
from typing import Final

_ACTING: Final = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: what terminals obey
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of writing
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # bytes of a command line that were no UTF-8
)
_UNFIT: Final = re.compile(f"[{_ACTING}]")
_UNFIT_IN_LINES: Final = re.compile(f"(?![\t\n])[{_ACTING}]")
_UNFIT_IN_JSON: Final = re.compile(f"(?!\n)[{_ACTING}]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = 0xDC80, 0xDCFF


def printable(text: str) -> str:
    r"""The text as one line, with what a terminal would obey in visible form: `\x1b`, `\n`."""
    return _UNFIT.sub(_visible, text)


def printable_lines(text: str) -> str:
    """As `printable`; line feeds and tabs of our own making stay."""
    return _UNFIT_IN_LINES.sub(_visible, text)


def printable_json(text: str) -> str:
    """JSON of the same value: JSON itself leaves C1 and marks of direction as they are."""
    return _UNFIT_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_printable(text: str) -> bool:
    """Whether a terminal shows all of the text and obeys none of it."""
    return _UNFIT.search(text) is None


def _visible(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if _FIRST_ESCAPED_BYTE <= code <= _LAST_ESCAPED_BYTE:
        code -= 0xDC00  # as Python carries a byte that was no UTF-8
    return _SHORT.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")  # noqa: PLR2004 - one byte
