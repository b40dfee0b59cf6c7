"""Tracking numbers: as they are compared, and those in one field of an order or a parcel.

See rules.md 6.

Shops write several numbers into one field. What counts is the whole, if a carrier reports it, else
each number: they are then parcels. So a field is kept as its whole, followed by the numbers in it
where they are others, set apart by a blank, which no normalised number has.
"""

import re
import unicodedata
from collections.abc import Sequence

LONGEST_NUMBER = 64
"""Bytes of a tracking number. Carriers' own have up to 35; what is longer is no number."""
LONGEST_FIELD = 250
"""Bytes of a field with its numbers, some twenty of them: its length is stored in one byte."""
_BLANK = b" "
_DROPPED = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})
"""Unicode's categories of blanks, what is not seen, and dashes. The minus sign, a symbol there, is
dropped too.
"""
_MINUS = "\N{MINUS SIGN}"
_ADDRESS = re.compile(r"(?:\b\w+://|www\.)[^\s,;、]+", re.IGNORECASE)
_BETWEEN_TOKENS = re.compile(r"[/?=&#:]+")
_SIGN = re.compile("[0-9A-Za-z]")
LONGEST_TEXT = 2_000
"""Characters of a text in which numbers are looked for; a page's address has fewer. Whatever looks
into a text of a megabyte takes hours where its time grows with the square of it.
"""
SHORTEST = 3
"""Letters and digits of a number among others in a field. Carriers' own have at least eight."""
_BETWEEN_NUMBERS = re.compile(r"[\s/,;、]+")


def normalised(number: str) -> bytes:
    """A tracking number as it is compared (rules.md 6).

    Without blanks and hyphens and without punctuation at its ends, in capitals, full width made
    plain; of a tracking page's address the last token. Empty when nothing remains, or more than any
    carrier's number has.
    """
    if len(number) > LONGEST_TEXT:
        return b""
    plain = number.isascii()
    if not plain:
        number = unicodedata.normalize("NFKC", number)
    if not number.isalnum():
        number = "".join(
            [
                c
                for c in _without_addresses(number)
                if unicodedata.category(c) not in _DROPPED and c != _MINUS
            ]
        )
        number = _trimmed(number)
    capitals = number.upper()
    packed = (capitals if plain else unicodedata.normalize("NFKC", capitals)).encode()
    return packed if len(packed) <= LONGEST_NUMBER else b""


def numbers_in(text: str) -> bytes | None:
    """What a field says for a tracking number: the whole of it, and each number in it (rules.md 6).

    As it is kept (rules/order/numbers.py); None when it is none.
    """
    if len(text) > LONGEST_TEXT:
        return None
    whole = normalised(text)
    if text.isalnum():
        return whole or None
    parted = _without_addresses(unicodedata.normalize("NFKC", text))
    tokens = [part for part in _BETWEEN_NUMBERS.split(parted) if any(c.isdigit() for c in part)]
    # Beside a number, what is shorter than any is a note: how many boxes, a day.
    tokens = [token for token in tokens if len(_SIGN.findall(token)) >= SHORTEST] or tokens
    return field_of(whole, [number for token in tokens if (number := normalised(token))])


def _without_addresses(text: str) -> str:
    """The text with the last token in place of each tracking page's address."""
    if "://" not in text and "www." not in text.lower():
        return text
    return _ADDRESS.sub(lambda address: _last_token(address[0]), text)


def _last_token(address: str) -> str:
    """The last token of an address that may be a number, else its last one."""
    tokens = [token for token in _BETWEEN_TOKENS.split(address) if _trimmed(token)]
    numbers = [token for token in tokens if any(c.isdigit() for c in token)]
    return (numbers or tokens or [""])[-1]


def _trimmed(text: str) -> str:
    """The text without what is neither letter nor digit at its ends."""
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return text[start:end]


def field_of(whole: bytes, numbers: Sequence[bytes]) -> bytes | None:
    """A field of these numbers, each normalised; None when it names none.

    `whole` is empty when the whole is too long for a number.
    """
    several = list(dict.fromkeys(numbers))
    if several in ([], [whole]):
        return whole or None
    field = _BLANK.join([whole, *several])
    return field if len(field) <= LONGEST_FIELD else None


def whole_of(field: bytes) -> bytes:
    """The whole of a field as one number; empty when it is none."""
    return field.partition(_BLANK)[0]


def numbers_in_field(field: bytes) -> tuple[bytes, ...]:
    """All numbers under which a report may mean the field: the whole, then each."""
    return tuple([number for number in field.split(_BLANK) if number])


def parts_of(field: bytes) -> tuple[bytes, ...]:
    """The numbers that the field has if no report has the whole."""
    whole, several, rest = field.partition(_BLANK)
    return tuple(rest.split(_BLANK)) if several else (whole,)
