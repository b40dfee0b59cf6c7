"""What several facets are made of: versions, keys of older records, short texts."""

from struct import Struct
from typing import Final

from rules.order.facts import Lent
from rules.order.trail import Version

VERSION: Final = Struct(">qQQ")
SHORT: Final = Struct(">H")
NONE: Final = -(2**63)
"""The number that stands for none."""
_LENT = Struct(">iqQQ")


def version_bytes(version: Version) -> bytes:
    """24 bytes."""
    return VERSION.pack(*version)


def version_of(packed: bytes) -> Version:
    """What `version_bytes` packed."""
    return Version(*VERSION.unpack(packed))


def lent_bytes(lent: Lent) -> bytes:
    """Keys that are from older records: how many in one byte, then each with its version."""
    return b"%c%b" % (len(lent), b"".join([_LENT.pack(key, *version) for key, version in lent]))


def lent_of(packed: bytes, at: int) -> tuple[Lent, int]:
    """What `lent_bytes` packed, and where it ends."""
    start, end = at + 1, at + 1 + packed[at] * _LENT.size
    lent = [
        (key, Version(moment, ts, digest))
        for key, moment, ts, digest in _LENT.iter_unpack(packed[start:end])
    ]
    return tuple(lent), end


def short_of(packed: bytes, at: int) -> tuple[bytes, int]:
    """A text behind its length in two bytes, and where it ends."""
    end = at + 2 + SHORT.unpack_from(packed, at)[0]
    return packed[at + 2 : end], end
