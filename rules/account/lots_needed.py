"""Which lots must be in hand: enough to be exact, and no more, since accounts with thousands exist.

An account's lots are read in the order in which they are spent (FEFO). Two questions are asked of
those in hand: where points are taken from, and when the next free points lapse. Both have the same
answer as with all lots in hand once the lots read so far keep a free point whatever is taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rules.account.lots import Lot, LotKey
from rules.account.points_by_lot import LotPoints
from schemas.ids import Micros


class Intent(Protocol):
    """One thing that will be done to an opened account, as far as its lots are concerned.

    Positive `points` go to `lot`. Negative ones are an upper bound of what is taken: from `lot`
    first where it is one, then soonest-expiring lots. 0 names a lot that must be in hand.
    """

    @property
    def hold_id(self) -> bytes | None:
        """The hold that must be in hand, if the merchant knows it, with its lots."""

    @property
    def redeemed_on(self) -> bytes | None:
        """The order, packed, whose redemptions on the account must be in hand, with their lots."""

    @property
    def lot(self) -> LotKey | None:
        """The lot that it names."""

    @property
    def points(self) -> int:
        """The points that it brings or takes."""

    @property
    def is_whole(self) -> bool:
        """Whether all of `points` is taken or nothing: more than there can be asks for no lots."""


@dataclass(frozen=True, slots=True)
class Intended:
    """An intent of a command or of the law of redeemed orders; see Intent."""

    points: int = 0
    lot: LotKey | None = None
    hold_id: bytes | None = None
    redeemed_on: bytes | None = None
    is_whole: bool = False


@dataclass(slots=True)
class LotsNeeded:
    """What will be taken at most: by lot named, whatever is left of it, and from any lot."""

    named: dict[LotKey, int] = field(default_factory=dict)
    from_any: int = 0

    @property
    def takes(self) -> bool:
        """Whether anything is taken."""
        return self.from_any > 0 or any(self.named.values())

    def name(self, lots: Iterable[LotPoints]) -> None:
        """These must be in hand, too: points may come back to them."""
        for key, _ in lots:
            self.named.setdefault(key, 0)


def lots_needed(intents: Sequence[Intent], in_hand: int) -> LotsNeeded:
    """The sum of some intents, on an account that has `in_hand` points or gets them back.

    With all that the intents bring there can never be more free points at once. Who wants more than
    that is refused by the balance, whatever lots there are.
    """
    needed, most = LotsNeeded(), in_hand
    for intent in intents:
        most += max(0, intent.points)
    for intent in intents:
        taken = max(0, -intent.points)
        if intent.is_whole and taken > most:
            taken = 0
        if intent.lot is None:
            needed.from_any += taken
        else:
            needed.named[intent.lot] = needed.named.get(intent.lot, 0) + taken
    return needed


def enough(lots: Mapping[LotKey, Lot], needed: LotsNeeded, last: LotKey, now: Micros) -> bool:
    """Whether the free lots up to `last` keep a free point, whatever of `needed` is done.

    `lots` must hold all free lots up to `last` and all named ones. Lots that have lapsed by `now`
    do not count: they lapse before anything is taken.
    """
    free = sum(lot.free for key, lot in lots.items() if now < key.expires_at and key <= last)
    return free > needed.from_any + sum(
        wanted if key <= last else _beyond_own(lots.get(key), wanted)
        for key, wanted in needed.named.items()
    )


def _beyond_own(own: Lot | None, wanted: int) -> int:
    """What a lot behind those read cannot give its own order; others come to it only after them."""
    return max(0, wanted - own.free) if own is not None else wanted
