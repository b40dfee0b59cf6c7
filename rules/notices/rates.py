"""A token bucket: messages go no faster than a rate, however unevenly they come."""

from dataclasses import dataclass, replace
from typing import Final

from schemas.ids import SECOND, Micros

HELD_SECONDS: Final = 0.2
"""A bucket holds what this time fills: so short that a rate is kept within seconds, and longer than
the pause between two chunks.
"""


def holds(rate: float) -> float:
    """How many messages a bucket of a rate (messages a second) lets go at once, at least one."""
    return max(1.0, rate * HELD_SECONDS)


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """What a bucket has at an instant; `rate` in messages a second."""

    rate: float
    tokens: float
    at: Micros

    @classmethod
    def full(cls, rate: float, now: Micros) -> "TokenBucket":
        """A bucket of which nothing was taken yet."""
        return cls(rate, holds(rate), now)

    def take(self, wanted: int, now: Micros) -> tuple["TokenBucket", int, Micros]:
        """The bucket after up to so many were taken, how many, and how long the others wait."""
        held = holds(self.rate)
        tokens = min(held, self.tokens + max(0, now - self.at) * self.rate / SECOND)
        taken = min(wanted, int(tokens))
        left = replace(self, tokens=tokens - taken, at=now)
        missing = min(wanted - taken, held) - left.tokens
        if taken == wanted or missing <= 0:
            return left, taken, 0
        return left, taken, int(missing / self.rate * SECOND) + 1

    def give_back(self, unused: int, now: Micros) -> "TokenBucket":
        """The bucket with messages put back that were taken and did not go."""
        filled, _, _ = self.take(0, now)
        return replace(filled, tokens=min(holds(self.rate), filled.tokens + unused))
