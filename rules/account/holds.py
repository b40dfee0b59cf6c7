"""Holds: points of named lots set aside for a purchase (account.md 4).

The points of a live hold are nobody else's: not held twice, not spent, not clawed back, not
expired.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from rules.account.lots import LotKey
from schemas.ids import Micros


class Purpose(IntEnum):
    """What points are held for; the numbers are stored."""

    cash = 1
    gift = 2


class HoldState(IntEnum):
    """How a hold is, or how it ended; the numbers are stored."""

    live = 1
    captured = 2
    released = 3
    timed_out = 4


@dataclass(slots=True)
class Hold:
    """A hold: `lots` are what it has of each, the soonest to expire first.

    `hold_id` is the text in UTF-8, unique for its merchant. It lives until `expires_at`, exclusive.
    `settings_no` is the version in force when it was made, whose policies its capture keeps.
    `order_id` is packed, that of the capture.
    """

    hold_id: bytes
    points: int
    purpose: Purpose
    expires_at: Micros
    settings_no: int | None
    lots: list[tuple[LotKey, int]]
    state: HoldState = HoldState.live
    order_id: bytes | None = None

    @property
    def is_live(self) -> bool:
        """Whether its points are still set aside; time alone does not end it, a posting does."""
        return self.state == HoldState.live

    def is_live_at(self, now: Micros) -> bool:
        """Whether its points are set aside at an instant, posted or not."""
        return self.is_live and now < self.expires_at


def soonest_parts(
    lots: Iterable[tuple[LotKey, int]], points: int
) -> tuple[list[tuple[LotKey, int]], list[tuple[LotKey, int]]]:
    """The first `points` of some lots in their order, and the rest."""
    first: list[tuple[LotKey, int]] = []
    rest: list[tuple[LotKey, int]] = []
    for key, had in lots:
        part = min(had, points)
        points -= part
        if part:
            first.append((key, part))
        if had > part:
            rest.append((key, had - part))
    return first, rest


def usable_after_debt(
    lots: Iterable[tuple[LotKey, int]], debt: int
) -> tuple[list[tuple[LotKey, int]], int]:
    """What is left of points that come back to lots once they paid debt, and the debt left.

    The soonest to expire pay first, lapsed ones too (A10). A lot that is left nothing stays in the
    list, with 0.
    """
    usable: list[tuple[LotKey, int]] = []
    for key, points in sorted(lots):
        paid = min(debt, points)
        debt -= paid
        usable.append((key, points - paid))
    return usable, debt
