"""Random records of orders, so that finality comes and goes and orders change hands."""

from typing import Any

from tests.oracle.commands import Micros, instant
from tests.oracle.shop import Shop
from tests.property.dice import Dice
from tests.property.spending import MEMBERS, ORDERS, PART, WHOLE
from tests.support.order_facts import Event, delivery, money, order, removed, returned


class RandomOrders:
    """Records of a shop's orders, each newer than those before."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._arrived: dict[str, str] = {}
        """When each order arrived first."""

    def edit(self, dice: Dice, order_id: str, now: Micros) -> Event:
        """The order as it is after an edit, a new one if need be."""
        newest, at = self._newest(order_id), instant(now).isoformat()
        changes_hands = not newest or dice.once_in(4)
        return order(
            order_id=order_id,
            merchant=self._shop.merchant,
            created=newest.get("created_at", at),
            updated=at,
            member=dice.pick([*MEMBERS * 2, None]) if changes_hands else newest.get("customer_id"),
            subtotal=dice.pick([0, 100, 250, 330]),
            status=dice.pick(["confirmed"] * 6 + ["cancelled", "cancelled", "temp"]),
            order_points=dice.pick([0, 0, 10, -25, 60, 10**10]),
            order_discount=money(dice.pick([0, 0, 30, 100])),
            user_credit=money(dice.pick([0, 0, 40])),
            order_points_to_cash=money(dice.pick([0, 0, 25])),
            order_payment={"status": dice.pick(["completed"] * 5 + ["refunded"])},
            **_family(dice, order_id),
        )

    def hand_over(self, dice: Dice, order_id: str, now: Micros) -> Event:
        """The order as it is, another member's, or nobody's."""
        newest = self._newest(order_id)
        others = [member for member in MEMBERS if member != newest.get("customer_id")]
        at = instant(now).isoformat()
        event = order(order_id=order_id, merchant=self._shop.merchant)
        changed = {"customer_id": dice.pick([*others * 2, None]), "updated_at": at}
        return event | {"resource": newest | changed}

    def _newest(self, order_id: str) -> dict[str, Any]:
        known = self._shop.book.orders.get((self._shop.merchant, order_id))
        return (known.newest() if known is not None else None) or {}

    def goods(self, dice: Dice, order_id: str, now: Micros) -> Event:
        """The order's parcel goes on or back, goods come back, or the order is removed."""
        at = instant(now).isoformat()
        if dice.once_in(12):
            return removed(at, order_id=order_id, merchant=self._shop.merchant)
        if dice.once_in(2):
            return self._comes_back(dice, at, order_id)
        return self.parcel(dice, order_id, now)

    def parcel(self, dice: Dice, order_id: str, now: Micros, status: str = "") -> Event:
        """The order's parcel, which arrives again at the moment of the first time, or now."""
        status = status or dice.pick(["arrived"] * 5 + ["pending", "shipped", "returned"])
        at = instant(now).isoformat()
        fields: dict[str, Any] = {}
        if status == "arrived":
            first = self._arrived.setdefault(order_id, at)
            fields["arrived_at"] = dice.pick([first, at])
        merchant = self._shop.merchant
        return delivery(status, at, order_id=order_id, merchant=merchant, **fields)

    def _comes_back(self, dice: Dice, at: str, order_id: str) -> Event:
        listed = dice.pick([None, None, 50, 100])
        return returned(
            dice.pick([1, 33, 50, 100, 330]),
            at,
            status=dice.pick(["completed", "completed", "cancelled"]),
            return_id=f"{order_id} {dice.number(1, 3)}",
            order_id=order_id,
            merchant=self._shop.merchant,
            items=[{"total": money(listed)}] if listed else [],
        )


def _family(dice: Dice, order_id: str) -> dict[str, Any]:
    """What a record says of the orders that it comes from, or went into; often nothing."""
    if dice.once_in(2):
        return {}
    if order_id == PART:
        return {"parent_order_id": dice.pick([ORDERS[0], ORDERS[0], WHOLE, None])}
    if order_id == WHOLE:
        return {"combined_from_orders": ORDERS[1:]}
    if order_id in ORDERS[1:] and dice.once_in(3):
        return {"combined_to_order_id": dice.pick([WHOLE, WHOLE, None])}
    return {}
