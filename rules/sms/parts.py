"""How many SMS a text is: what a phone's network counts, and a provider charges.

A text of the GSM alphabet (3GPP TS 23.038) has 160 septets, or 153 in each of several parts;
letters of its extension table take two, which stay together. Any other text is UTF-16: 70 units, or
67 in each of several parts, and the two of a surrogate pair stay together.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from gsm0338 import Codec

WILD: Final = "\ue000"
"""In `parts_at_most`: a unit of UTF-16 that may be any, half of a pair as well (of private use)."""

_PAIR: Final = 2
_BEYOND_ONE_UNIT: Final = 0xFFFF
_ESCAPE: Final = 0x1B


class Encoding(StrEnum):
    """How a text travels."""

    gsm7 = "GSM-7"
    ucs2 = "UCS-2"


class Parts(NamedTuple):
    """What a text takes: its encoding, units (septets, or 16 bits each), and number of SMS."""

    encoding: Encoding
    units: int
    parts: int


def _septets() -> dict[str, int]:
    """How many septets each letter of the GSM alphabet takes, as its codec decodes them."""
    codec = Codec()
    septets: dict[str, int] = {}
    for code in range(0x80):
        if code == _ESCAPE:
            continue  # no letter: it announces one of the extension table
        septets[codec.decode(bytes((code,)))[0]] = 1
        extension, _ = codec.decode(bytes((_ESCAPE, code)), "ignore")
        if extension:
            septets[extension] = 2
    return septets


_SEPTETS: Final = _septets()
_GSM: Final = frozenset(_SEPTETS)
_ROOM: Final = {Encoding.gsm7: (160, 153), Encoding.ucs2: (70, 67)}


def parts(text: str) -> Parts:
    """How a text travels, and how many SMS it takes. An empty text takes one."""
    if _GSM.issuperset(text):
        return _counted(Encoding.gsm7, [_SEPTETS[letter] for letter in text])
    return _counted(Encoding.ucs2, [1 + (ord(letter) > _BEYOND_ONE_UNIT) for letter in text])


def parts_at_most(text: str) -> Parts:
    """As `parts`, of the worst text that can stand in place of its WILD units.

    A pair that meets the end of a part leaves a unit of it unused. As many units of the GSM
    alphabet, two septets each at most, never take more parts than so many of UTF-16.
    """
    if WILD not in text:
        return parts(text)
    return _counted(Encoding.ucs2, _worst(text))


def _counted(encoding: Encoding, sizes: Iterable[int]) -> Parts:
    single, multiple = _ROOM[encoding]
    units = count = 0
    used = multiple
    for size in sizes:
        units += size
        used += size
        if used > multiple:  # the letter begins the next part
            count += 1
            used = size
    return Parts(encoding, units, 1 if units <= single else count)


def _worst(text: str) -> Iterator[int]:
    """The sizes of its letters, the wild units being pairs just where a part has one unit left."""
    multiple = _ROOM[Encoding.ucs2][1]
    used = position = 0
    while position < len(text):
        letter = text[position]
        pair = ord(letter) > _BEYOND_ONE_UNIT
        wild_pair = used == multiple - 1 and text.startswith(WILD * _PAIR, position)
        size = _PAIR if pair or wild_pair else 1
        position += _PAIR if wild_pair else 1
        used = used + size if used + size <= multiple else size
        yield size
