"""Upstream ids, narrow: 24 hexadecimal digits become 12 bytes.

They begin with a time, so indexes stay local.
"""

_OTHER = b"\xff"
"""Begins an id of any other form. No UTF-8 text contains this byte, so nothing is ambiguous."""
_HEX_LENGTH = 24
_from_hex = bytes.fromhex
_PACKED = 12


def pack_id(text: str) -> bytes:
    """The id as bytes, reversibly: equal ids and only equal ids have equal bytes."""
    if len(text) == _HEX_LENGTH:
        try:
            packed = _from_hex(text)
        except ValueError:
            pass
        else:
            if packed.hex() == text:  # not so with capitals or blanks, which other ids may have
                return packed
    packed = _OTHER + text.encode()
    return _OTHER + packed if len(packed) == _PACKED else packed


def unpack_id(packed: bytes) -> str:
    """The id that `pack_id` packed."""
    return packed.hex() if len(packed) == _PACKED else packed.lstrip(_OTHER).decode()
