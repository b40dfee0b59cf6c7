"""Facts as bytes: one column for each facet of an order instead of thirty, because every column of the hot path costs.

All numbers are big-endian, the least bigint stands for none, word number 0 for no word. The first byte of a record, a
parcel and what is posted is the layout's number: a later layout appends fields under the next number, and readers know
the old ones. The view `orders_shown` unpacks the same offsets for people.
"""

from struct import Struct

from rules.facts import DeliveryKey, OrderFacts, OrderRecord, Parcel, ParcelRecord, Posted
from rules.trail import EMPTY, Entry, State, Trail, Version
from store.words import Words

LAYOUT = 1
_VERSION = Struct(">qQQ")
_ENTRY = Struct(">qQQBqq")
_RECORD = Struct(">BqQQqiiiiqqqqqqiqQQ")
_PARCEL = Struct(">BqQQiiqqq")
_POSTED = Struct(">Biiqqqqqq")
_NONE = -(2**63)
_FLOOR, _NO_FLOOR = b"\x01", b"\x00"

GUEST, PICKUP, FAILED, DELIVERY_NULL, DELIVERY_PRESENT, HAS_RETURNS, HAS_PARCELS, CLAWED = (1 << n for n in range(8))
"""Bits of `orders.flags`; of `parcel.flags` only PICKUP and FAILED."""


def version_bytes(version: Version) -> bytes:
    """24 bytes."""
    return _VERSION.pack(*version)


def version_of(packed: bytes) -> Version:
    """What `version_bytes` packed."""
    return Version(*_VERSION.unpack(packed))


def trail_bytes(trail: Trail, newest: Version | None) -> bytes | None:
    """The trail; None when the newest record's version tells it all."""
    floor, entries = trail
    if not entries and (floor is None or floor == newest):
        return None
    head = _FLOOR + _VERSION.pack(*floor) if floor is not None else _NO_FLOOR
    return head + b"".join([
        _ENTRY.pack(*v, state, _NONE if said is None else said, _NONE if also is None else also)
        for v, state, said, also in entries
    ])  # fmt: skip


def trail_of(packed: bytes | None, newest: Version | None) -> Trail:
    """What `trail_bytes` packed."""
    if packed is None:
        return Trail(newest) if newest is not None else EMPTY
    start, floor = 1, None
    if packed[:1] == _FLOOR:
        floor = Version(*_VERSION.unpack_from(packed, 1))
        start += _VERSION.size
    entries = [
        Entry(Version(at, ts, digest), State(state), None if said == _NONE else said, None if also == _NONE else also)
        for at, ts, digest, state, said, also in _ENTRY.iter_unpack(packed[start:])
    ]
    return Trail(floor, tuple(entries))


def record_bytes(facts: OrderFacts, words: Words) -> bytes | None:
    """The newest record of an order and its tier; what flags and member tell is left out."""
    r = facts.record
    if r is None:
        return None
    number, completed, tier_at = words.number, r.completed_at, facts.tier_at or (0, 0, 0)
    return _RECORD.pack(
        LAYOUT, *r.version, r.created_at, number(r.status), number(r.created_by), number(r.kind), number(r.currency),
        _NONE if completed is None else completed, r.subtotal, r.order_discount, r.custom_discount, r.points_to_cash,
        r.user_credit, number(facts.tier), *tier_at,
    )  # fmt: skip


def record_of(packed: bytes, flags: int, member: bytes | None, words: Words) -> tuple[OrderRecord, str | None, Version | None]:
    """What `record_bytes` packed: the record, the tier, and the version of the record that named the tier."""
    (_, at, ts, digest, created, status, created_by, kind, currency, completed, subtotal, order_discount, custom, cash,
     credit, tier, tier_at, tier_ts, tier_digest) = _RECORD.unpack(packed)  # fmt: skip
    word = words.word
    key = DeliveryKey.PRESENT if flags & DELIVERY_PRESENT else DeliveryKey.NULL if flags & DELIVERY_NULL else DeliveryKey.ABSENT
    record = OrderRecord(
        Version(at, ts, digest), created, word(status) or "", member, bool(flags & GUEST), word(created_by), word(kind),
        word(currency), subtotal, order_discount, custom, cash, credit, None if completed == _NONE else completed, key,
    )  # fmt: skip
    return record, word(tier), Version(tier_at, tier_ts, tier_digest) if tier else None


def parcel_bytes(parcel: ParcelRecord, words: Words) -> bytes:
    """The newest record of a parcel; its id stands at the end."""
    arrived, collected, returned = parcel.arrived_at, parcel.collected_at, parcel.returned_at
    return _PARCEL.pack(
        LAYOUT, *parcel.version, words.number(parcel.status), words.number(parcel.option),
        _NONE if arrived is None else arrived, _NONE if collected is None else collected,
        _NONE if returned is None else returned,
    ) + parcel.parcel_id  # fmt: skip


def parcel_of(packed: bytes, flags: int, trail: bytes | None, words: Words) -> Parcel:
    """What `parcel_bytes` packed, with its trail."""
    _, at, ts, digest, status, option, arrived, collected, returned = _PARCEL.unpack_from(packed)
    version = Version(at, ts, digest)
    record = ParcelRecord(
        version, packed[_PARCEL.size :], words.word(status) or "", words.word(option), bool(flags & PICKUP),
        bool(flags & FAILED), None if arrived == _NONE else arrived, None if collected == _NONE else collected,
        None if returned == _NONE else returned,
    )  # fmt: skip
    return Parcel(record, trail_of(trail, version))


def posted_bytes(posted: Posted, member: bytes | None) -> bytes | None:
    """What is posted; a holder who is not the order's member stands at the end, after his mark."""
    if not posted.episode and not posted.entries:
        return None
    account, final, due, expires = posted.account_no, posted.final_at, posted.due_at, posted.expires_at
    body = _POSTED.pack(
        LAYOUT, posted.episode, posted.entries, posted.points, posted.returned, _NONE if account is None else account,
        _NONE if final is None else final, _NONE if due is None else due, _NONE if expires is None else expires,
    )  # fmt: skip
    return body if posted.holder == member else body + b"=" + (posted.holder or b"")


def posted_of(packed: bytes, flags: int, member: bytes | None) -> Posted:
    """What `posted_bytes` packed."""
    _, episode, entries, points, returned, account, final, due, expires = _POSTED.unpack_from(packed)
    holder = member if len(packed) == _POSTED.size else packed[_POSTED.size + 1 :] or None
    return Posted(
        episode, entries, points, holder, None if account == _NONE else account, None if final == _NONE else final,
        None if due == _NONE else due, None if expires == _NONE else expires, returned, bool(flags & CLAWED),
    )  # fmt: skip
