"""What comes back of points that orders redeemed, read straight from account.md 5."""

from fractions import Fraction
from typing import Any

from tests.oracle.law import goods, in_another
from tests.oracle.records import (
    Order,
    Settings,
    by_thing,
    in_order,
    is_cancelled,
    last_run,
    overlaid,
)
from tests.oracle.upstream import MOST, cents, size


def is_undone(order: Order, bound: Settings | None) -> bool:
    """Cancelled or removed, or refunded where the order's settings count that; never combined."""
    newest = order.newest() or {}
    refunded = (newest.get("order_payment") or {}).get("status") == "refunded"
    if refunded and bound is not None and bound["earn"].get("on_refund") == "claw_back":
        return True
    if order.told("combined_to_order_id"):
        return False
    return bool(
        last_run(overlaid(in_order(order.records("order") + order.records("remove"))), is_cancelled)
    )


def part_returned(order: Order, bound: Settings | None) -> Fraction:
    """The part of the order that came back: f."""
    newest = order.newest()
    if newest is None:
        return Fraction(0)
    settings = bound or {"earn": {}, "currency": str(newest.get("currency_iso")).upper()}
    whole = max(0, goods(newest, settings["earn"]))
    subtotal = cents(newest.get("subtotal"))
    back = Fraction(0)
    for records in by_thing(order.records("return")).values():
        what = overlaid(records)[-1].what
        if what.get("status") == "completed" and not _is_foreign(what, settings):
            back += _goods_back(what, whole, subtotal)
    if whole:
        return min(Fraction(1), back / whole)
    return min(Fraction(1), back / subtotal) if subtotal > 0 else Fraction(0)


def _goods_back(what: dict[str, Any], whole: int, subtotal: int) -> Fraction:
    """What one return takes off the base; where there is no base, its goods' prices."""
    total, items = what.get("total"), what.get("items")
    listed = min(sum(size(item.get("total")) for item in items or ()), MOST)
    if not whole:
        return Fraction(listed if items else size(total))
    ways = [Fraction(size(total))] if total else []
    ways += [Fraction(listed * whole, max(1, subtotal))] if items else []
    return min(ways, default=Fraction(0))


def _is_foreign(what: dict[str, Any], settings: Settings) -> bool:
    amounts = [what.get("total"), *[item.get("total") for item in what.get("items") or ()]]
    return any(a and a["cents"] and in_another(a.get("currency_iso"), settings) for a in amounts)


def given_back(
    points: int, purpose: str, redeem: dict[str, Any], order: Order, bound: Settings | None
) -> int:
    """What of a capture comes back by itself; `redeem` is that section of the policies."""
    if redeem.get("return_on_cancel", True) and is_undone(order, bound):
        return points
    if redeem.get("on_return", "proportional") == "keep":
        return 0
    part = part_returned(order, bound)
    if purpose == "gift":
        return points if part == 1 else 0
    return int(points * part)


def debited(order: Order, bound: Settings | None, captured: int, *, is_on: bool) -> int:
    """What an order that redeemed upstream takes, before anything comes back.

    `is_on`: whether the feature was in force when the order was made.
    """
    newest = order.newest()
    if newest is None or bound is None:
        return 0
    points: int = newest.get("order_points") or 0
    if (
        (bound.get("redeem") or {}).get("from_orders", "observe") != "debit"
        or not is_on
        or not newest.get("customer_id")
        or newest.get("status") == "temp"
        or order.told("combined_to_order_id")
        or abs(points) > 1_000_000_000
    ):
        return 0
    return max(0, abs(points) - captured)
