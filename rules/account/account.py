"""An account and what can be done to it: bookkeeping on values that the caller locked (I2, I8).

An operation changes the account and returns what it moved: `(Account, …) -> Moved`, of which
`rules.account.entries` makes a ledger entry. Nothing here knows where accounts are kept.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from rules.account.holds import Hold
from rules.account.lots import Lot, LotKey
from rules.account.redemptions import Redemption
from schemas.ids import NEVER, Micros


@dataclass(slots=True)
class Account:
    """A member's account: `available` or `debt` is zero (I8).

    `lots` are those in hand: all that an operation may touch, not always all there are
    (rules.account.lots_needed). So are `holds`, by the id, and `redemptions`, by the packed order.
    """

    sequence: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    lots: dict[LotKey, Lot] = field(default_factory=dict)
    holds: dict[bytes, Hold] = field(default_factory=dict)
    redemptions: dict[bytes, list[Redemption]] = field(default_factory=dict)
    _in_order: list[LotKey] = field(default_factory=list, repr=False, compare=False)

    def in_order(self) -> list[LotKey]:
        """The lots in hand in the order in which they are spent; not to be changed.

        Kept from call to call, as an account may have thousands: while points are taken from it,
        lots come to it and none go.
        """
        order, lots = self._in_order, self.lots
        for key in islice(reversed(lots), len(lots) - len(order)):
            insort(order, key)
        return order

    def free_parts(self, points: int, first: LotKey | None = None) -> Iterator[tuple[LotKey, int]]:
        """Of which lots so many free points are taken: of the lot `first`, then FEFO."""
        own = self.lots.get(first) if first is not None else None
        if first is not None and own is not None and own.free > 0 and points:
            part = min(own.free, points)
            points -= part
            yield first, part
        for key in self.in_order():
            if not points:
                return
            part = min(self.lots[key].free, points)
            if part > 0 and key != first:
                points -= part
                yield key, part


class Moved(NamedTuple):
    """What one entry did: its points, the change lot by lot, and the change of what is held.

    `lots` carry its sign. A hold and its release have 0 points; their lots add up to `held`.
    """

    points: int
    lots: tuple[tuple[LotKey, int], ...]
    held: int = 0


def grant(account: Account, key: LotKey, points: int) -> Moved:
    """Add points to a lot; they pay debt first (rules.md 4.3), and only the rest is usable."""
    paid = min(account.debt, points)
    usable = points - paid
    account.debt -= paid
    account.available += usable
    lot = account.lots.get(key)
    if lot is None:
        lot = account.lots[key] = Lot()
    lot.points += points
    lot.remaining += usable
    return Moved(points, ((key, usable),))


def claw_back(account: Account, own: LotKey, at_most: int) -> Moved:
    """Take points back: from the order's own lot, then FEFO; what is missing becomes debt.

    What the own lot let expire unspent is gone already and is not taken a second time (rules.md
    4.1). Lapsed lots must have been lapsed before. The result's points are negative, or 0 when
    nothing is left to take.
    """
    own_lot = account.lots.get(own)
    wanted = max(0, at_most - (own_lot.expired if own_lot is not None else 0))
    taken, missing = take(account, wanted, own)
    account.debt += missing
    return Moved(-wanted, tuple(taken))


def take(
    account: Account, points: int, first: LotKey | None = None
) -> tuple[list[tuple[LotKey, int]], int]:
    """Take free points: of the lot `first`, then FEFO. What was taken, negative, and what lacks."""
    taken: list[tuple[LotKey, int]] = []
    missing = points
    for key, part in account.free_parts(points, first):
        account.lots[key].remaining -= part
        missing -= part
        taken.append((key, -part))
    account.available -= points - missing
    return taken, missing


def lapse(account: Account, key: LotKey) -> Moved:
    """Let the free points of a lot expire; held ones stay while the hold lives (rules.md 3.4)."""
    lot = account.lots[key]
    gone = lot.free
    lot.remaining -= gone
    lot.expired += gone
    account.available -= gone
    return Moved(-gone, ((key, -gone),))


def lapsed(account: Account, now: Micros) -> list[LotKey]:
    """The lots with free points whose time is over, soonest first."""
    return sorted(k for k, lot in account.lots.items() if k.expires_at <= now and lot.free > 0)


def next_expiry(account: Account) -> Micros:
    """When the next free points lapse; NEVER when none do."""
    return min((k.expires_at for k, lot in account.lots.items() if lot.free > 0), default=NEVER)


def next_timeout(account: Account) -> Micros:
    """When the next live hold ends; NEVER without one."""
    return min((hold.expires_at for hold in account.holds.values() if hold.is_live), default=NEVER)
