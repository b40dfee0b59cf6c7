"""Versions and trails as bytes, in a form that keeps their order."""

from struct import Struct

from rules.trail import EMPTY, Entry, State, Trail, Version

_VERSION = Struct(">qQQ")
_ENTRY = Struct(">qQQBqq")
_NONE = -(2**63)
_FLOOR, _NO_FLOOR = b"\x01", b"\x00"


def version_bytes(version: Version) -> bytes:
    """24 bytes; among versions since 1970 their order is the order of the versions."""
    return _VERSION.pack(*version)


def version_of(packed: bytes) -> Version:
    """What `version_bytes` packed."""
    return Version(*_VERSION.unpack(packed))


def trail_bytes(trail: Trail, newest: Version | None) -> bytes | None:
    """The trail; None when the newest record's version tells it all."""
    floor = trail.floor
    if not trail.entries and (floor is None or floor == newest):
        return None
    head = _FLOOR + _VERSION.pack(*floor) if floor is not None else _NO_FLOOR
    return head + b"".join(
        _ENTRY.pack(*v, state, _NONE if said is None else said, _NONE if also is None else also)
        for v, state, said, also in trail.entries
    )


def trail_of(packed: bytes | None, newest: Version | None) -> Trail:
    """What `trail_bytes` packed."""
    if packed is None:
        return Trail(newest) if newest is not None else EMPTY
    start = 1
    floor = None
    if packed[:1] == _FLOOR:
        floor = Version(*_VERSION.unpack_from(packed, 1))
        start += _VERSION.size
    entries = tuple(
        Entry(Version(at, ts, digest), State(state), None if said == _NONE else said, None if also == _NONE else also)
        for at, ts, digest, state, said, also in _ENTRY.iter_unpack(packed[start:])
    )
    return Trail(floor, entries)
