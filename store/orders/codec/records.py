"""The newest record of an order, with its tier."""

from struct import Struct
from typing import Final

from rules.order.facts import DeliveryKey, Lent, OrderFacts, OrderRecord
from rules.order.trail import Version
from store.orders import layouts
from store.orders.codec.flags import (
    DELIVERY_NULL,
    DELIVERY_PRESENT,
    GUEST,
    NESTED_FIRST,
    REFUNDED,
)
from store.orders.codec.parts import NONE, SHORT, lent_bytes, lent_of, short_of
from store.orders.layouts import FIXED, WITH_TAIL, UnknownLayout
from store.postgres.interning import InternedStrings

_RECORD = layouts.RECORD.struct
_AT_CREATED, _AT_CREATED_BY, _AT_TIER = (
    list(layouts.RECORD.offsets).index(name) for name in ("created_at", "created_by", "tier")
)
_SUMMARY = Struct(">qq")
_ORDER_POINTS = Struct(">q")
_CURRENCIES = Struct(">5i")
_HAS_SUMMARY, _HAS_CURRENCIES, _HAS_LENT, _HAS_ORDER_POINTS = 1, 2, 4, 8
_NOTHING_MORE: Final = (None, None, None, None, 0, (), ())
_ABSENT, _NULL, _PRESENT = DeliveryKey


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
        NONE if completed is None else completed,
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
    tail = b"%c%b%b%b" % (len(tracking), tracking, SHORT.pack(len(delivery)), delivery)
    days, points = r.summary_days, r.summary_points
    follows, more = 0, []
    if days is not None or points is not None:
        follows |= _HAS_SUMMARY
        more.append(
            _SUMMARY.pack(NONE if days is None else days, NONE if points is None else points)
        )
    if r.order_points:
        follows |= _HAS_ORDER_POINTS
        more.append(_ORDER_POINTS.pack(r.order_points))
    if r.currencies:
        follows |= _HAS_CURRENCIES
        more.append(_CURRENCIES.pack(*(strings.number(code) for code in r.currencies)))
    if r.lent:
        follows |= _HAS_LENT
        more.append(lent_bytes(r.lent))
    return b"%b%c%b" % (tail, follows, b"".join(more))


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
    delivery, at = short_of(packed, at)
    follows, at = packed[at], at + 1
    days, points, order_points = NONE, NONE, 0
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
        lent, at = lent_of(packed, at)
    return (
        tracking or None,
        delivery or None,
        None if days == NONE else days,
        None if points == NONE else points,
        order_points,
        currencies,
        lent,
    )


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
        None if completed == NONE else completed,
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
