"""The newest record of a parcel, and of a return order."""

from rules.order.facts import Lent, Parcel, ParcelRecord, ReturnOrder
from rules.order.trail import Version
from store.orders import layouts
from store.orders.codec.flags import FAILED, PICKUP
from store.orders.codec.parts import NONE, VERSION, lent_bytes, lent_of
from store.orders.codec.trails import trail_of
from store.orders.layouts import FIXED, WITH_TAIL, UnknownLayout
from store.postgres.interning import InternedStrings

_PARCEL = layouts.PARCEL.struct
_RETURN = layouts.RETURN.struct
_IS_NESTED, _HAS_EVENT, _IS_LENT, _BY_RETURN = 1, 2, 4, 8


def parcel_bytes(parcel: Parcel, strings: InternedStrings) -> bytes:
    """The newest record of a parcel, and where it is from.

    Its tracking number (its length in one byte), what is rare, and its id are at the end.
    """
    record = parcel.record
    arrived, collected, returned = record.arrived_at, record.collected_at, record.returned_at
    number, event = record.tracking or b"", parcel.event
    follows = _IS_NESTED if parcel.nested else 0
    follows |= _HAS_EVENT if event is not None else 0
    follows |= _IS_LENT if record.lent else 0
    follows |= _BY_RETURN if record.by_return else 0
    plain = follows == _IS_NESTED and not number
    body = _PARCEL.pack(
        FIXED if plain else WITH_TAIL,
        *record.version,
        strings.number(record.status),
        strings.number(record.option),
        NONE if arrived is None else arrived,
        NONE if collected is None else collected,
        NONE if returned is None else returned,
        record.said,
    )
    if plain:
        return body + record.parcel_id
    return b"%b%c%b%c%b%b%b" % (
        body,
        len(number),
        number,
        follows,
        b"" if event is None else VERSION.pack(*event),
        lent_bytes(record.lent) if record.lent else b"",
        record.parcel_id,
    )


def parcel_of(packed: bytes, flags: int, trail: bytes | None, strings: InternedStrings) -> Parcel:
    """What `parcel_bytes` packed, with its trail."""
    (
        layout,
        at,
        ts,
        digest,
        status,
        option,
        arrived,
        collected,
        returned,
        said,
    ) = _PARCEL.unpack_from(packed)
    version, start, number = Version(at, ts, digest), _PARCEL.size, b""
    follows, event = _IS_NESTED, None
    lent: Lent = ()
    if layout == WITH_TAIL:
        start += 1 + packed[start]
        number, follows = packed[_PARCEL.size + 1 : start], packed[start]
        start += 1
        if follows & _HAS_EVENT:
            event = Version(*VERSION.unpack_from(packed, start))
            start += VERSION.size
        if follows & _IS_LENT:
            lent, start = lent_of(packed, start)
    elif layout != FIXED:
        raise UnknownLayout("a parcel", layout)
    record = ParcelRecord(
        version,
        packed[start:],
        strings.word(status) or "",
        strings.word(option),
        bool(flags & PICKUP),
        bool(flags & FAILED),
        None if arrived == NONE else arrived,
        None if collected == NONE else collected,
        None if returned == NONE else returned,
        number or None,
        bool(follows & _BY_RETURN),
        said,
        lent,
    )
    return Parcel(record, trail_of(trail, version), bool(follows & _IS_NESTED), event)


def return_bytes(one: ReturnOrder, strings: InternedStrings) -> bytes:
    """The newest record of a return order, but for its id."""
    body = _RETURN.pack(
        WITH_TAIL if one.lent else FIXED,
        *one.version,
        strings.number(one.status),
        NONE if one.total is None else one.total,
        strings.number(one.currency),
        NONE if one.items is None else one.items,
        strings.number(one.items_currency),
        NONE if one.requested_at is None else one.requested_at,
        NONE if one.first_at is None else one.first_at,
        one.said,
    )
    return body + lent_bytes(one.lent) if one.lent else body


def return_of(return_id: bytes, packed: bytes, strings: InternedStrings) -> ReturnOrder:
    """What `return_bytes` packed."""
    (
        layout,
        at,
        ts,
        digest,
        status,
        total,
        currency,
        items,
        items_currency,
        requested,
        first,
        said,
    ) = _RETURN.unpack_from(packed)
    if layout not in {FIXED, WITH_TAIL}:
        raise UnknownLayout("a return order", layout)
    return ReturnOrder(
        return_id,
        Version(at, ts, digest),
        strings.word(status) or "",
        None if total == NONE else total,
        strings.word(currency),
        None if items == NONE else items,
        strings.word(items_currency),
        None if requested == NONE else requested,
        None if first == NONE else first,
        said,
        () if layout == FIXED else lent_of(packed, _RETURN.size)[0],
    )
