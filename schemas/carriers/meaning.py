"""The carriers' own words: upstream's `arrived` means two things, so they need theirs.

See rules.md 6.
"""

from enum import IntEnum
from typing import Literal


class Meaning(IntEnum):
    """What a carrier's code says.

    The number is also the rank by which reports of one instant are folded.
    """

    UNKNOWN = 0
    IN_TRANSIT = 1
    AT_PICKUP_POINT = 2
    DELIVERED = 3
    COLLECTED = 4
    RETURNING = 5
    RETURNED = 6
    LOST = 7
    REVERSED = 8  # takes back the carrier's own delivery or pick-up
    REVERSED_RETURNING = 9  # takes it back and says that the parcel goes back (7-11 2053)
    RETURN_REVERSED = 10  # takes back a return: an earlier delivery stands again (Tcat 3017)

    @property
    def word(self) -> str:
        """The rules' word for it."""
        return _WORDS[self]

    @property
    def effect(self) -> Literal["returning", "return"] | None:
        """Of a reversal, what else it does."""
        if self is Meaning.REVERSED_RETURNING:
            return "returning"
        return "return" if self is Meaning.RETURN_REVERSED else None

    @property
    def decisive(self) -> bool:
        """Whether it can change when an order is final."""
        return self >= Meaning.DELIVERED


_WORDS = (
    "unknown",
    "in transit",
    "at the pick-up point",
    "delivered",
    "collected",
    "returning",
    "returned",
    "lost",
    "reversed",
    "reversed",
    "reversed",
)
