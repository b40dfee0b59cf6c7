"""The bits of `orders.flags`."""

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
