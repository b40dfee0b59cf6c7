"""Facts as bytes: one column for each facet of an order instead of thirty.

Every column of the hot path costs. Each facet has a file: what its `…_bytes` packs, its `…_of`
reads.

All numbers are big-endian, the least bigint stands for none, string number 0 for no string. The
first byte of every packed value is the layout's number (store/orders/layouts.py): FIXED has the
fixed fields only, WITH_TAIL carries behind them what only some orders have (a tracking number, a
parent, the platform's own figure, keys that are from older records), so that the others pay nothing
for it. A trail's first byte also says whether a floor follows. A layout that is not known raises
UnknownLayout.
"""

from store.orders.codec.buyers import buyer_bytes, buyer_of
from store.orders.codec.flags import (
    CLAWED,
    DELIVERY_NULL,
    DELIVERY_PRESENT,
    DESCENDED,
    FAILED,
    GUEST,
    HAS_PARCELS,
    HAS_RETURNS,
    MISMATCHED,
    NESTED_FIRST,
    NUMBERED,
    PICKUP,
    REDEEMED,
    REFUNDED,
)
from store.orders.codec.origins import origin_bytes, origin_of
from store.orders.codec.parcels import parcel_bytes, parcel_of, return_bytes, return_of
from store.orders.codec.parts import version_bytes, version_of
from store.orders.codec.posted import posted_bytes, posted_of
from store.orders.codec.records import creation_of, is_nested_first, record_bytes, record_of
from store.orders.codec.reports import MEANINGS, reports_bytes, reports_of
from store.orders.codec.trails import trail_bytes, trail_of

__all__ = [
    "CLAWED",
    "DELIVERY_NULL",
    "DELIVERY_PRESENT",
    "DESCENDED",
    "FAILED",
    "GUEST",
    "HAS_PARCELS",
    "HAS_RETURNS",
    "MEANINGS",
    "MISMATCHED",
    "NESTED_FIRST",
    "NUMBERED",
    "PICKUP",
    "REDEEMED",
    "REFUNDED",
    "buyer_bytes",
    "buyer_of",
    "creation_of",
    "is_nested_first",
    "origin_bytes",
    "origin_of",
    "parcel_bytes",
    "parcel_of",
    "posted_bytes",
    "posted_of",
    "record_bytes",
    "record_of",
    "reports_bytes",
    "reports_of",
    "return_bytes",
    "return_of",
    "trail_bytes",
    "trail_of",
    "version_bytes",
    "version_of",
]
