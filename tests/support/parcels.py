"""An order of 1,000, which earns 100, with a tracking number: for tests of report matching."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.upstream import CREATED, Record, hex_id, order

M, OTHER = hex_id("merchant"), hex_id("other merchant")
ANNA, BEN = hex_id("Anna"), hex_id("Ben")
A, B = hex_id("order A"), hex_id("order B")
NUMBER, PLAIN = "D406-1735-2918", "D40617352918"
"""A tracking number as people write it, and as it is compared."""
DELIVERED, REVERSED, RETURN_REVERSED, IN_TRANSIT = "3003", "3016", "3017", "3001"
"""Codes of ECPay's service `tcat`."""


def day(days: float) -> datetime:
    """So many days after the orders' creation."""
    return CREATED + timedelta(days=days)


def sold(
    order_id: str = A,
    member: str = ANNA,
    *,
    merchant: str = M,
    number: str | None = NUMBER,
    **more: Any,
) -> Record:
    """An order of 1,000 with a tracking number; `extra` are further fields of it."""
    extra = {"delivery_data": {"tracking_number": number}} | more.pop("extra", {})
    return order(merchant, order_id, member, 1000, **more, **extra)
