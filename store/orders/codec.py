"""Facts as bytes: one column for each facet of an order instead of thirty.

Every column of the hot path costs. All numbers are big-endian, the least bigint stands for none,
string number 0 for no string. The first byte of every packed value is the layout's number
(store/orders/layouts.py): FIXED has the fixed fields only, WITH_TAIL carries behind them what only
some orders have (a tracking number, a parent, the platform's own figure, keys that are from older
records), so that the others pay nothing for it. A trail's first byte also says whether a floor
follows. A layout that is not known raises UnknownLayout.
"""

from struct import Struct
from typing import Final

from rules.order.facts import (
    CarrierReport,
    DeliveryKey,
    Lent,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    Posted,
    ReturnOrder,
)
from rules.order.family import Origin
from rules.order.membership import Buyer, MemberStatement
from rules.order.trail import EMPTY, State, Trail, TrailEntry, Version
from schemas.carriers.meaning import Meaning
from store.orders import layouts
from store.orders.layouts import FIXED, WITH_TAIL, UnknownLayout
from store.postgres.interning import InternedStrings

_VERSION = Struct(">qQQ")
_ENTRY = Struct(">qQQBqqq")
_FAILED_BITS: Final = {False: 0, True: 1 << 4, None: 1 << 5}
_FAILED_OF: Final = {bits: failed for failed, bits in _FAILED_BITS.items()}
_LENT = Struct(">iqQQ")
_RECORD = layouts.RECORD.struct
_PARCEL = layouts.PARCEL.struct
_POSTED = layouts.POSTED.struct
_ORIGIN = Struct(">BBq")
_NEWEST, _EXPLICIT = 1, 2
_AT_CREATED, _AT_CREATED_BY, _AT_TIER = (
    list(layouts.RECORD.offsets).index(name) for name in ("created_at", "created_by", "tier")
)
_SHORT = Struct(">H")
_SUMMARY = Struct(">qq")
_ORDER_POINTS = Struct(">q")
_RETURN = layouts.RETURN.struct
_CURRENCIES = Struct(">5i")
_HAS_SUMMARY, _HAS_CURRENCIES, _HAS_LENT, _HAS_ORDER_POINTS = 1, 2, 4, 8
_IS_NESTED, _HAS_EVENT, _IS_LENT, _BY_RETURN = 1, 2, 4, 8
_REPORT = Struct(">qBBiiH")
_NAMED, _RETURN_LEG = 1, 2
_STATEMENT = Struct(">qQQqB")
_IS_MEMBER, _NO_MEMBER, _REMOVAL = 1, 2, 4
_NOTHING_MORE: Final = (None, None, None, None, 0, (), ())
MEANINGS: Final = tuple(Meaning)
"""Meanings by their number: faster than asking the enumeration."""
_ABSENT, _NULL, _PRESENT = DeliveryKey
_STATES: Final = tuple(State)
"""States by their number, likewise."""
_NONE = -(2**63)
_FLOOR, _NO_FLOOR = b"\x01", b"\x00"

GUEST, PICKUP, FAILED, DELIVERY_NULL, DELIVERY_PRESENT, HAS_RETURNS, HAS_PARCELS, CLAWED = (
    1 << n for n in range(8)
)
"""Bits of `orders.flags`; of `parcel.flags` only PICKUP and FAILED."""
NUMBERED, NESTED_FIRST, DESCENDED = 1 << 8, 1 << 9, 1 << 10
"""More bits: the order names a tracking number; the parcel that its record names is its first; it
names orders that it comes from.
"""
REFUNDED = 1 << 12
"""The order's payment was wholly refunded."""
REDEEMED, MISMATCHED = 1 << 13, 1 << 14
"""The ledger has points that were redeemed on the order (table `redemption`); they are others than
it redeemed upstream.
"""


def version_bytes(version: Version) -> bytes:
    """24 bytes."""
    return _VERSION.pack(*version)


def version_of(packed: bytes) -> Version:
    """What `version_bytes` packed."""
    return Version(*_VERSION.unpack(packed))


def trail_bytes(trail: Trail, newest: Version | None) -> bytes | None:
    """The trail; None when the newest record's version tells it all."""
    floor, entries = trail
    if not entries and floor == newest:
        return None
    head = _FLOOR + _VERSION.pack(*floor) if floor is not None else _NO_FLOOR
    return head + b"".join(
        [
            _ENTRY.pack(
                *v,
                state | _FAILED_BITS[failed],
                _NONE if since is None else since,
                _NONE if also is None else also,
                _NONE if back is None else back,
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
        floor = Version(*_VERSION.unpack_from(packed, 1))
        start += _VERSION.size
    elif packed[:1] != _NO_FLOOR:
        raise UnknownLayout("a trail", packed[0])
    entries = [
        TrailEntry(
            Version(at, ts, digest),
            _STATES[state & 15],
            None if since == _NONE else since,
            None if also == _NONE else also,
            None if back == _NONE else back,
            _FAILED_OF[state & ~15],
        )
        for at, ts, digest, state, since, also, back in _ENTRY.iter_unpack(packed[start:])
    ]
    return Trail(floor, tuple(entries))


def record_bytes(facts: OrderFacts, strings: InternedStrings) -> bytes | None:
    """The newest record of an order and its tier; what flags and member tell is left out."""
    r = facts.record
    if r is None:
        return None
    number, completed, tier_at = strings.number, r.completed_at, facts.tier_at or (0, 0, 0)
    delivery = None if is_nested_first(facts) else r.delivery_id
    has_tail = (
        delivery is not None
        or r.tracking is not None
        or r.summary_days is not None
        or r.summary_points is not None
        or bool(r.order_points)
        or bool(r.currencies)
        or bool(r.lent)
    )
    layout = WITH_TAIL if has_tail else FIXED
    body = _RECORD.pack(
        layout,
        *r.version,
        r.created_at,
        number(r.status),
        number(r.created_by),
        number(r.kind),
        number(r.currency),
        _NONE if completed is None else completed,
        r.subtotal,
        r.order_discount,
        r.custom_discount,
        r.points_to_cash,
        r.user_credit,
        number(facts.tier),
        *tier_at,
        r.said,
    )
    return body if layout == FIXED else body + _tail_bytes(r, delivery or b"", strings)


def is_nested_first(facts: OrderFacts) -> bool:
    """Whether the parcel that the order's record names is the first one.

    Then its id need not be stored twice.
    """
    return (
        facts.record is not None
        and bool(facts.parcels)
        and facts.record.delivery_id == facts.parcels[0].record.parcel_id
    )


def _tail_bytes(r: OrderRecord, delivery: bytes, strings: InternedStrings) -> bytes:
    """Tracking number (its length in one byte), parcel id (in two).

    Then a byte that says what follows: the platform's figure, the points redeemed upstream, the
    currencies, the keys lent.
    """
    tracking = r.tracking or b""
    tail = b"%c%b%b%b" % (len(tracking), tracking, _SHORT.pack(len(delivery)), delivery)
    days, points = r.summary_days, r.summary_points
    follows, more = 0, []
    if days is not None or points is not None:
        follows |= _HAS_SUMMARY
        more.append(
            _SUMMARY.pack(_NONE if days is None else days, _NONE if points is None else points)
        )
    if r.order_points:
        follows |= _HAS_ORDER_POINTS
        more.append(_ORDER_POINTS.pack(r.order_points))
    if r.currencies:
        follows |= _HAS_CURRENCIES
        more.append(_CURRENCIES.pack(*(strings.number(code) for code in r.currencies)))
    if r.lent:
        follows |= _HAS_LENT
        more.append(_lent_bytes(r.lent))
    return b"%b%c%b" % (tail, follows, b"".join(more))


def _lent_bytes(lent: Lent) -> bytes:
    return b"%c%b" % (len(lent), b"".join([_LENT.pack(key, *version) for key, version in lent]))


def _lent_of(packed: bytes, at: int) -> tuple[Lent, int]:
    """What `_lent_bytes` packed, and where it ends."""
    start, end = at + 1, at + 1 + packed[at] * _LENT.size
    lent = [
        (key, Version(moment, ts, digest))
        for key, moment, ts, digest in _LENT.iter_unpack(packed[start:end])
    ]
    return tuple(lent), end


def _tail_of(
    packed: bytes, strings: InternedStrings
) -> tuple[
    bytes | None,
    bytes | None,
    int | None,
    int | None,
    int,
    tuple[str | None, ...],
    Lent,
]:
    """What `_tail_bytes` packed, from a whole record."""
    if packed[0] != WITH_TAIL:
        raise UnknownLayout("an order's record", packed[0])
    start = _RECORD.size + 1
    at = start + packed[start - 1]
    tracking = packed[start:at]
    delivery, at = _short_of(packed, at)
    follows, at = packed[at], at + 1
    days, points, order_points = _NONE, _NONE, 0
    currencies: tuple[str | None, ...] = ()
    lent: Lent = ()
    if follows & _HAS_SUMMARY:
        days, points = _SUMMARY.unpack_from(packed, at)
        at += _SUMMARY.size
    if follows & _HAS_ORDER_POINTS:
        (order_points,) = _ORDER_POINTS.unpack_from(packed, at)
        at += _ORDER_POINTS.size
    if follows & _HAS_CURRENCIES:
        currencies = tuple(map(strings.word, _CURRENCIES.unpack_from(packed, at)))
        at += _CURRENCIES.size
    if follows & _HAS_LENT:
        lent, at = _lent_of(packed, at)
    return (
        tracking or None,
        delivery or None,
        None if days == _NONE else days,
        None if points == _NONE else points,
        order_points,
        currencies,
        lent,
    )


def _short_of(packed: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + _SHORT.unpack_from(packed, at)[0]
    return packed[at + 2 : end], end


def record_of(
    packed: bytes, flags: int, member: bytes | None, first: bytes | None, strings: InternedStrings
) -> tuple[OrderRecord, str | None, Version | None]:
    """What `record_bytes` packed: the record, the tier, the version of the record that named it.

    `first` is the id of the order's first parcel.
    """
    (
        layout,
        at,
        ts,
        digest,
        created,
        status,
        created_by,
        kind,
        currency,
        completed,
        subtotal,
        order_discount,
        custom,
        cash,
        credit,
        tier,
        tier_at,
        tier_ts,
        tier_digest,
        said,
    ) = _RECORD.unpack_from(packed)
    word = strings.word
    key = _PRESENT if flags & DELIVERY_PRESENT else _NULL if flags & DELIVERY_NULL else _ABSENT
    tracking, delivery, days, points, order_points, currencies, lent = (
        _NOTHING_MORE if layout == FIXED else _tail_of(packed, strings)
    )
    record = OrderRecord(
        Version(at, ts, digest),
        created,
        word(status) or "",
        member,
        bool(flags & GUEST),
        word(created_by),
        word(kind),
        word(currency),
        subtotal,
        order_discount,
        custom,
        cash,
        credit,
        None if completed == _NONE else completed,
        key,
        tracking,
        first if flags & NESTED_FIRST else delivery,
        days,
        points,
        bool(flags & REFUNDED),
        order_points,
        currencies,
        said,
        lent,
    )
    return record, word(tier), Version(tier_at, tier_ts, tier_digest) if tier else None


def creation_of(packed: bytes) -> tuple[int, int, int]:
    """Of a packed record: when the order was created, and the strings' numbers of creator and tier.

    What descendants take over from it.
    """
    unpacked = _RECORD.unpack_from(packed)
    return unpacked[_AT_CREATED], unpacked[_AT_CREATED_BY], unpacked[_AT_TIER]


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
            explicit += _VERSION.pack(*version)
    named = b""
    if parent or combined_to or sources:
        ids = (parent, combined_to, *sources)
        named = b"".join([_SHORT.pack(len(one)) + one for one in ids])
    return _ORIGIN.pack(FIXED, kinds, _NONE if heard is None else heard) + explicit + named


def origin_of(packed: bytes, newest: Version | None) -> Origin:
    """What `origin_bytes` packed."""
    layout, kinds, heard = _ORIGIN.unpack_from(packed)
    if layout != FIXED:
        raise UnknownLayout("an order's origin", layout)
    at, versions = _ORIGIN.size, list[Version | None]()
    for place in range(4):
        kind = kinds >> 2 * place & 3
        if kind == _EXPLICIT:
            versions.append(Version(*_VERSION.unpack_from(packed, at)))
            at += _VERSION.size
        else:
            versions.append(newest if kind else None)
    ids = []
    while at < len(packed):
        one, at = _short_of(packed, at)
        ids.append(one)
    parent, combined_to, *sources = ids or (b"", b"")
    first, parent_told, sources_told, combined_told = versions
    return Origin(
        None if heard == _NONE else heard,
        first,
        parent,
        parent_told,
        tuple(sources),
        sources_told,
        combined_to,
        combined_told,
    )


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
        _NONE if arrived is None else arrived,
        _NONE if collected is None else collected,
        _NONE if returned is None else returned,
        record.said,
    )
    if plain:
        return body + record.parcel_id
    return b"%b%c%b%c%b%b%b" % (
        body,
        len(number),
        number,
        follows,
        b"" if event is None else _VERSION.pack(*event),
        _lent_bytes(record.lent) if record.lent else b"",
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
            event = Version(*_VERSION.unpack_from(packed, start))
            start += _VERSION.size
        if follows & _IS_LENT:
            lent, start = _lent_of(packed, start)
    elif layout != FIXED:
        raise UnknownLayout("a parcel", layout)
    record = ParcelRecord(
        version,
        packed[start:],
        strings.word(status) or "",
        strings.word(option),
        bool(flags & PICKUP),
        bool(flags & FAILED),
        None if arrived == _NONE else arrived,
        None if collected == _NONE else collected,
        None if returned == _NONE else returned,
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
        _NONE if one.total is None else one.total,
        strings.number(one.currency),
        _NONE if one.items is None else one.items,
        strings.number(one.items_currency),
        _NONE if one.requested_at is None else one.requested_at,
        _NONE if one.first_at is None else one.first_at,
        one.said,
    )
    return body + _lent_bytes(one.lent) if one.lent else body


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
        None if total == _NONE else total,
        strings.word(currency),
        None if items == _NONE else items,
        strings.word(items_currency),
        None if requested == _NONE else requested,
        None if first == _NONE else first,
        said,
        () if layout == FIXED else _lent_of(packed, _RETURN.size)[0],
    )


def posted_bytes(posted: Posted, member: bytes | None) -> bytes | None:
    """What is posted; a holder who is not the order's member stands at the end, after his mark."""
    if not posted.episode and not posted.entries:
        return None
    account, final, due, expires = (
        posted.account_no,
        posted.final_at,
        posted.due_at,
        posted.expires_at,
    )
    body = _POSTED.pack(
        FIXED,
        posted.episode,
        posted.entries,
        posted.points,
        posted.returned,
        _NONE if account is None else account,
        _NONE if final is None else final,
        _NONE if due is None else due,
        _NONE if expires is None else expires,
    )
    return body if posted.holder == member else body + b"=" + (posted.holder or b"")


def posted_of(packed: bytes, flags: int, member: bytes | None) -> Posted:
    """What `posted_bytes` packed."""
    layout, episode, entries, points, returned, account, final, due, expires = _POSTED.unpack_from(
        packed
    )
    if layout != FIXED:
        raise UnknownLayout("what is posted for an order", layout)
    holder = member if len(packed) == _POSTED.size else packed[_POSTED.size + 1 :] or None
    return Posted(
        episode,
        entries,
        points,
        holder,
        None if account == _NONE else account,
        None if final == _NONE else final,
        None if due == _NONE else due,
        None if expires == _NONE else expires,
        returned,
        bool(flags & CLAWED),
    )


def reports_bytes(reports: tuple[CarrierReport, ...], strings: InternedStrings) -> bytes | None:
    """Carriers' reports; the tracking numbers in them stand once, in front."""
    if not reports:
        return None
    numbers = {number: i for i, number in enumerate(sorted({r.number for r in reports}))}
    head = _SHORT.pack(len(numbers)) + b"".join(
        [b"%c%b" % (len(number), number) for number in numbers]
    )
    number = strings.number
    return b"%c%b%b" % (
        FIXED,
        head,
        b"".join(
            [
                _REPORT.pack(
                    r.at,
                    r.meaning,
                    (_NAMED if r.named else 0) | (_RETURN_LEG if r.return_leg else 0),
                    number(r.service),
                    number(r.code),
                    numbers[r.number],
                )
                for r in reports
            ]
        ),
    )


def reports_of(packed: bytes | None, strings: InternedStrings) -> tuple[CarrierReport, ...]:
    """What `reports_bytes` packed."""
    if packed is None:
        return ()
    if packed[0] != FIXED:
        raise UnknownLayout("an order's carrier reports", packed[0])
    start, numbers, word = 3, [], strings.word
    for _ in range(_SHORT.unpack_from(packed, 1)[0]):
        end = start + 1 + packed[start]
        numbers.append(packed[start + 1 : end])
        start = end
    return tuple(
        [
            CarrierReport(
                at,
                MEANINGS[meaning],
                numbers[number],
                word(service) or "",
                word(code) or "",
                bool(flags & _NAMED),
                bool(flags & _RETURN_LEG),
            )
            for at, meaning, flags, service, code, number in _REPORT.iter_unpack(packed[start:])
        ]
    )


def buyer_bytes(buyer: Buyer) -> bytes:
    """What customer events say of a member."""
    return b"%c%b" % (
        FIXED,
        b"".join(
            [
                _STATEMENT.pack(
                    *version,
                    _NONE if registered_at is None else registered_at,
                    (0 if is_member is None else _IS_MEMBER if is_member else _NO_MEMBER)
                    | (_REMOVAL if removal else 0),
                )
                for version, is_member, registered_at, removal in buyer.statements
            ]
        ),
    )


def buyer_of(packed: bytes) -> Buyer:
    """What `buyer_bytes` packed."""
    if packed[0] != FIXED:
        raise UnknownLayout("a customer", packed[0])
    return Buyer(
        tuple(
            [
                MemberStatement(
                    Version(at, ts, digest),
                    bool(said & _IS_MEMBER) if said & (_IS_MEMBER | _NO_MEMBER) else None,
                    None if registered_at == _NONE else registered_at,
                    bool(said & _REMOVAL),
                )
                for at, ts, digest, registered_at, said in _STATEMENT.iter_unpack(packed[1:])
            ]
        )
    )
