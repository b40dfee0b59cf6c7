"""Tracking numbers in one field of an order or a parcel (rules.md 6).

Shops write several numbers into one field. What counts is the whole, if a carrier reports it, else
each number: they are then parcels. So a field is kept as its whole, followed by the numbers in it
where they are others, set apart by a blank, which no normalised number has.
"""

from collections.abc import Sequence

LONGEST_NUMBER = 64
"""Bytes of a tracking number. Carriers' own have up to 35; what is longer is no number."""
LONGEST_FIELD = 250
"""Bytes of a field with its numbers, some twenty of them: its length is stored in one byte."""
_BLANK = b" "


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
