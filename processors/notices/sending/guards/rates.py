"""How many messages may go now: a rate that all processes share, or this one's part of it."""

import time
from collections.abc import Mapping
from contextlib import suppress

from processors.notices.sending.guards.rate_stock import Stock
from processors.runtime.logs import log
from rules.notices.rates import TokenBucket, holds
from schemas.ids import SECOND
from store.notices.sending.housekeeping import HEARD_SECONDS
from store.valkey.errors import ReadModelUnavailable
from store.valkey.notices import Bucket, Granted, Rates

UNKNOWN_WAIT = SECOND // 2
"""Until a sender looks again whether it knows its part."""
REST_SECONDS = 2.0
"""After Valkey failed it is not asked for so long."""


class SharedRates:
    """Buckets in Valkey; while it is away, this process keeps to its part of each rate.

    It sends nothing by itself while it does not know of how many it is one: for some seconds after
    its start, and when PostgreSQL does not say.
    """

    def __init__(self, rates: Rates | None) -> None:
        """Without `rates` there is no Valkey."""
        self._rates = rates
        self._again_at = 0.0
        self._own: dict[Bucket, TokenBucket] = {}
        self._stock = Stock()
        self._senders, self._counted_at = 0, 0.0
        self._shared = False
        """Whether the last ones were taken out of Valkey: unused ones go back there, too."""

    def share(self, senders: int, counted_at: float) -> None:
        """Of how many this one is, as counted at a monotonic time; 0 while that is not known."""
        self._senders, self._counted_at = senders, counted_at

    def take(self, wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
        """Takes up to so many out of each bucket."""
        self._shared = False
        if self._rates is not None and time.monotonic() >= self._again_at:
            try:
                taken = self._stock.take(wanted, self._rates.take)
            except ReadModelUnavailable as error:
                self._again_at = time.monotonic() + REST_SECONDS
                self._stock = Stock()
                log().warning("rates_away", why=str(error))
            else:
                self._shared = True
                return taken
        return {bucket: self._take_own(bucket, count) for bucket, count in wanted.items()}

    def give_back(self, unused: Mapping[Bucket, int]) -> None:
        """Puts back what the last `take` gave and was not sent."""
        if self._shared and self._rates is not None:
            # Without an answer they are lost: less goes than may.
            with suppress(ReadModelUnavailable):
                self._rates.give_back(unused)
            return
        now = time.monotonic_ns() // 1000
        for bucket, count in unused.items():
            if bucket in self._own:
                self._own[bucket] = self._own[bucket].give_back(count, now)

    def _take_own(self, bucket: Bucket, wanted: int) -> Granted:
        # A part that is not known, or was counted before others may have come, is none.
        if not self._senders or time.monotonic() - self._counted_at > HEARD_SECONDS:
            return Granted(0, UNKNOWN_WAIT)
        now, rate = time.monotonic_ns() // 1000, bucket.rate / self._senders
        kept = self._own.get(bucket)
        if kept is None or kept.rate != rate:
            # It begins empty: what Valkey granted before it went away counts.
            kept = TokenBucket(rate, min(holds(rate), kept.tokens) if kept else 0.0, now)
        self._own[bucket], taken, wait = kept.take(wanted, now)
        return Granted(taken, wait)
