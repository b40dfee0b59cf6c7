"""Messages that a process took out of fast rates for its next chunks."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from processors.notices.sending.in_hand.hand import Take
from schemas.ids import SECOND, Micros
from store.valkey.notices import Bucket, Granted

STOCK_SECONDS: Final = 0.05
"""What a rate lets go in this time is taken at once, where that is more than a chunk: a fast sender
spent a fifteenth of its time on asking for each one. So short that a rate is kept within seconds.
"""
FORGOTTEN_SECONDS: Final = 5.0
"""After that what was not used is not given back: a bucket that nobody took from is full again."""


class Stock:
    """Messages that were taken out of rates, and are this process's for a moment.

    What was not used by then goes back: another process may want it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: in seconds."""
        self._clock = clock
        self._left: dict[Bucket, tuple[int, float]] = {}
        """How many are left, and when they were taken."""

    def take(self, wanted: Mapping[Bucket, int], ask: Take) -> dict[Bucket, Granted]:
        """Up to so many of each; `ask` takes out of the shared buckets. Raises what that does."""
        now = self._clock()
        missing = {
            bucket: count + spare(bucket, count) - self._had(bucket, now)
            for bucket, count in wanted.items()
            if self._fresh(bucket, now) < count
        }
        waits: dict[Bucket, Micros] = {}
        for bucket, (messages, wait_us) in (ask(missing) if missing else {}).items():
            self._left[bucket] = self._had(bucket, now) + messages, now
            waits[bucket] = wait_us
        return {
            bucket: self._granted(bucket, n, waits.get(bucket, 0)) for bucket, n in wanted.items()
        }

    def _granted(self, bucket: Bucket, wanted: int, wait_us: Micros) -> Granted:
        """Out of what is left; the wait is for what is wanted, not for the stock as well."""
        left, at = self._left[bucket]
        granted = min(wanted, left)
        self._left[bucket] = left - granted, at
        if granted == wanted:
            return Granted(granted, 0)
        return Granted(granted, min(wait_us, int((wanted - granted) / bucket.rate * SECOND) + 1))

    def _fresh(self, bucket: Bucket, now: float) -> int:
        left, at = self._left.get(bucket, (0, 0.0))
        return left if now - at < STOCK_SECONDS else 0

    def _had(self, bucket: Bucket, now: float) -> int:
        left, at = self._left.get(bucket, (0, 0.0))
        return left if now - at < FORGOTTEN_SECONDS else 0


def spare(bucket: Bucket, count: int) -> int:
    """How many more are taken than a chunk needs: none of a rate that lets only a few go."""
    more = int(bucket.rate * STOCK_SECONDS)
    return more if more >= count else 0
