"""An account and its lots: granting, clawing back and lapsing points (SPEC 3.4, 4.3, I2, I8).

Pure bookkeeping on values that the caller has locked; nothing here knows where they are kept.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.ids import NEVER, Micros


class LotKey(NamedTuple):
    """Lots sort by it: soonest to expire first (FEFO), then by what granted them."""

    expires_at: Micros
    source: bytes
    episode: int


@dataclass(slots=True)
class Lot:
    """Points granted together.

    `expired` is what of it lapsed unspent; free points are `remaining` less `held`.
    """

    points: int = 0
    remaining: int = 0
    held: int = 0
    expired: int = 0

    @property
    def free(self) -> int:
        """What can be spent, taken back or lapse now."""
        return self.remaining - self.held


@dataclass(slots=True)
class Account:
    """A member's account: `available` or `debt` is zero (I8)."""

    sequence: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    lots: dict[LotKey, Lot] = field(default_factory=dict)


class Moved(NamedTuple):
    """What one entry did: points of the entry, and the signed usable points lot by lot."""

    points: int
    lots: tuple[tuple[LotKey, int], ...]


def grant(account: Account, key: LotKey, points: int) -> Moved:
    """Adds points to a lot; they pay debt first (SPEC 4.3), and only the rest is usable."""
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
    """Takes points back: from the order's own lot, then soonest-expiring lots.

    What is missing becomes debt.

    What the own lot let expire unspent is gone already and is not taken a second time (SPEC 4.1).
    Lapsed lots must have been lapsed before. The result's points are negative, or 0 when nothing is
    left to take.
    """
    own_lot = account.lots.get(own)
    wanted = max(0, at_most - (own_lot.expired if own_lot is not None else 0))
    taken: list[tuple[LotKey, int]] = []
    missing = wanted
    for key in _own_first(account, own):
        if not missing:
            break
        lot = account.lots[key]
        part = min(lot.free, missing)
        if part > 0:
            lot.remaining -= part
            missing -= part
            taken.append((key, -part))
    account.available -= wanted - missing
    account.debt += missing
    return Moved(-wanted, tuple(taken))


def _own_first(account: Account, own: LotKey) -> list[LotKey]:
    keys = sorted(account.lots)
    if own in account.lots:
        keys.remove(own)
        keys.insert(0, own)
    return keys


def lapse(account: Account, key: LotKey) -> Moved:
    """Lets the free points of a lot expire; held ones stay while the hold lives (SPEC 3.4)."""
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
    """When the next free points lapse; NEVER when none do. Needs all lots loaded."""
    return min((k.expires_at for k, lot in account.lots.items() if lot.free > 0), default=NEVER)
