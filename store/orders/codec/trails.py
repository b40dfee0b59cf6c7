"""The trail of an order's record or of a parcel."""

from struct import Struct
from typing import Final

from rules.order.trail import EMPTY, State, Trail, TrailEntry, Version
from store.orders.codec.parts import NONE, VERSION
from store.orders.layouts import UnknownLayout

_ENTRY = Struct(">qQQBqqq")
_FAILED_BITS: Final = {False: 0, True: 1 << 4, None: 1 << 5}
_FAILED_OF: Final = {bits: failed for failed, bits in _FAILED_BITS.items()}
_STATES: Final = tuple(State)
"""States by their number: faster than asking the enumeration."""
_FLOOR, _NO_FLOOR = b"\x01", b"\x00"


def trail_bytes(trail: Trail, newest: Version | None) -> bytes | None:
    """The trail; None when the newest record's version tells it all."""
    floor, entries = trail
    if not entries and floor == newest:
        return None
    head = _FLOOR + VERSION.pack(*floor) if floor is not None else _NO_FLOOR
    return head + b"".join(
        [
            _ENTRY.pack(
                *v,
                state | _FAILED_BITS[failed],
                NONE if since is None else since,
                NONE if also is None else also,
                NONE if back is None else back,
            )
            for v, state, since, also, back, failed in entries
        ]
    )


def trail_of(packed: bytes | None, newest: Version | None) -> Trail:
    """What `trail_bytes` packed."""
    if packed is None:
        return Trail(newest) if newest is not None else EMPTY
    start, floor = 1, None
    if packed[:1] == _FLOOR:
        floor = Version(*VERSION.unpack_from(packed, 1))
        start += VERSION.size
    elif packed[:1] != _NO_FLOOR:
        raise UnknownLayout("a trail", packed[0])
    entries = [
        TrailEntry(
            Version(at, ts, digest),
            _STATES[state & 15],
            None if since == NONE else since,
            None if also == NONE else also,
            None if back == NONE else back,
            _FAILED_OF[state & ~15],
        )
        for at, ts, digest, state, since, also, back in _ENTRY.iter_unpack(packed[start:])
    ]
    return Trail(floor, tuple(entries))
