"""Where an order comes from: its parent, what it was combined from or into, and who said so."""

from struct import Struct

from rules.order.family import Origin
from rules.order.trail import Version
from store.orders.codec.parts import NONE, SHORT, VERSION, short_of
from store.orders.layouts import FIXED, UnknownLayout

_ORIGIN = Struct(">BBq")
_NEWEST, _EXPLICIT = 1, 2


def origin_bytes(origin: Origin, newest: Version | None) -> bytes:
    """Where an order comes from.

    Most records say the same of it, so a version that is the newest record's takes two bits.
    """
    heard, first, parent, parent_told, sources, sources_told, combined_to, combined_told = origin
    versions = (first, parent_told, sources_told, combined_told)
    kinds, explicit = 0, b""
    for place, version in enumerate(versions):
        if version is None:
            continue
        if version == newest:
            kinds |= _NEWEST << 2 * place
        else:
            kinds |= _EXPLICIT << 2 * place
            explicit += VERSION.pack(*version)
    named = b""
    if parent or combined_to or sources:
        ids = (parent, combined_to, *sources)
        named = b"".join([SHORT.pack(len(one)) + one for one in ids])
    return _ORIGIN.pack(FIXED, kinds, NONE if heard is None else heard) + explicit + named


def origin_of(packed: bytes, newest: Version | None) -> Origin:
    """What `origin_bytes` packed."""
    layout, kinds, heard = _ORIGIN.unpack_from(packed)
    if layout != FIXED:
        raise UnknownLayout("an order's origin", layout)
    at, versions = _ORIGIN.size, list[Version | None]()
    for place in range(4):
        kind = kinds >> 2 * place & 3
        if kind == _EXPLICIT:
            versions.append(Version(*VERSION.unpack_from(packed, at)))
            at += VERSION.size
        else:
            versions.append(newest if kind else None)
    ids = []
    while at < len(packed):
        one, at = short_of(packed, at)
        ids.append(one)
    parent, combined_to, *sources = ids or (b"", b"")
    first, parent_told, sources_told, combined_told = versions
    return Origin(
        None if heard == NONE else heard,
        first,
        parent,
        parent_told,
        tuple(sources),
        sources_told,
        combined_to,
        combined_told,
    )
