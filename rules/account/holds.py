"""Holds: points of named lots set aside for a purchase (account.md 4).

The points of a live hold are nobody else's: not held twice, not spent, not clawed back, not
expired.
"""

from dataclasses import dataclass
from enum import IntEnum

from rules.account.points_by_lot import PointsByLot
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
    lots: PointsByLot
    state: HoldState = HoldState.live
    order_id: bytes | None = None

    @property
    def is_live(self) -> bool:
        """Whether its points are still set aside; time alone does not end it, a posting does."""
        return self.state == HoldState.live

    def is_live_at(self, now: Micros) -> bool:
        """Whether its points are set aside at an instant, posted or not."""
        return self.is_live and now < self.expires_at
