"""What the reads must say of a shop at its instant, whatever is posted (account.md 9)."""

from collections import Counter
from copy import deepcopy
from typing import NamedTuple

from tests.oracle.account import PointByPoint
from tests.oracle.commands import NEVER, SECOND, Json, Micros
from tests.oracle.shop import Shop

DAY: Micros = 86_400 * SECOND


class Shown(NamedTuple):
    """A member: free points by expiry, live holds by end and name, planned orders' points."""

    available: int
    held: int
    debt: int
    never_expire: int
    expiring: list[tuple[Micros, int]]
    holds: list[tuple[str, int, Micros]]
    pending: int


class Redeemed(NamedTuple):
    """What an order has of members' points."""

    captured: int
    debited: int
    returned: int


def shown(shop: Shop, member: str) -> Shown:
    """A member as he must be shown."""
    account = shop.accounts.get(member) or PointByPoint()
    free = _free(account)
    holds = [(name, len(account.those("held", name)), end) for name, end in account.ends.items()]
    return Shown(
        account.available,
        len(account.those("held")),
        account.debt,
        free.pop(NEVER, 0),
        sorted(free.items()),
        sorted(holds, key=lambda hold: (hold[2], hold[0])),
        _pending(shop, member),
    )


def _free(account: PointByPoint) -> Counter[Micros]:
    return Counter(point.lot.expires_at for point in account.those("free"))


def _pending(shop: Shop, member: str) -> int:
    orders = [shop.book.explain(*key) for key in shop.book.orders]
    return sum(each.points for each in orders if (each.state, each.member) == ("planned", member))


def expiring(shop: Shop, days: int) -> list[tuple[Micros, str, int]]:
    """What lapses within so many days, by instant and member."""
    return sorted(
        (expires, member, points)
        for member, account in shop.accounts.items()
        for expires, points in _free(account).items()
        if expires <= shop.now + days * DAY
    )


def available_for(shop: Shop, member: str, cart: Json) -> int:
    """What a member could spend on a cart, if the hold that it ignores were released first."""
    if member not in shop.accounts:
        return 0
    account = deepcopy(shop.accounts[member])
    if cart.get("ignore_hold") in account.ends:
        account.release(cart["ignore_hold"])
    return account.available


def redeemed(shop: Shop, order: str) -> Redeemed:
    """What was taken of members for an order, and what of it came back."""
    each = [
        (number, taken)
        for account in shop.accounts.values()
        for (of, number), taken in account.taken.items()
        if of == order
    ]
    captures = [taken for number, taken in each if number]
    return Redeemed(
        sum(taken.points for taken in captures),
        sum(taken.points - taken.returned for number, taken in each if not number),
        sum(taken.returned for taken in captures),
    )
