"""The grants worker: what has fallen due is claimed, decided again and posted.

See architecture.md 2.2.

Merchants take turns, so that one shop's midnight does not delay another's grants.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from processors import batch_metrics, metrics
from processors.runtime.worker import SettlingWorker
from processors.settlement import Tally, settle
from processors.tracing.context import traceparent_of
from processors.tracing.spans import spans
from processors.trigger import Trigger
from schemas.ids import SECOND, Micros
from store.orders import due, orders
from store.orders.due import KeysetPosition
from store.orders.orders import OrderRow
from store.postgres.session import Cursor, Database, raw, transaction
from store.reads import gauges

GRANT_BATCH = 1000
"""Orders per transaction: most of the gain of set-wise work, and locks held for some tens of
milliseconds.
"""
LOOK_UP_SECONDS = 0.5
"""While a backlog lasts, claims go on where the one before ended, and begin again this often. What
was granted lies dead in the index until it is vacuumed: a claim from the beginning walks over all
of it, 4 ms for every 100,000.
"""
GRANT_SLEEP_SECONDS = 0.2
"""Seconds: timers act within a second, and nothing wakes us for a new plan."""


@dataclass(frozen=True, slots=True)
class GrantResult:
    """What one transaction granted.

    `lateness`: how late each claimed order was by the database's clock, in seconds. `traces`: the
    packed context of what made each one's plan, where there is one.
    """

    tally: Tally
    lateness: Sequence[float] = ()
    traces: Sequence[bytes | None] = ()


class Grants(SettlingWorker):
    """Claims due orders and grants them."""

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and looks up again who has something due."""
        super().use(connection)
        self._fronts: dict[int, KeysetPosition] = {}
        self._look_up_at, self._behind = 0.0, 0

    def turn(self) -> float:
        """Claims once; with nothing claimed, sleeps until something may be due."""
        began = time.perf_counter()
        granted = self.grant(self.share_of(GRANT_BATCH))
        self.worked = granted.tally.claimed > 0
        if self.worked:
            _observe(granted, time.perf_counter() - began)
            return 0.0
        soonest, now = gauges.next_due(raw(self._connection))
        left = GRANT_SLEEP_SECONDS if soonest is None else (soonest - now) / SECOND
        # What is overdue and was not claimed is in another worker's hands.
        return min(GRANT_SLEEP_SECONDS, left) if left > 0 else GRANT_SLEEP_SECONDS / 10

    def grant(self, limit: int = GRANT_BATCH) -> GrantResult:
        """One transaction's worth of due orders, shared among the merchants that have any."""
        with spans().batch("grant"), transaction(self._connection) as cursor:
            now = self._look_up(cursor)
            if not self._fronts:
                return GrantResult(Tally())
            fronts = dict(islice(self._fronts.items(), limit))
            share = max(1, limit // len(fronts))
            claimed = due.claim_due(cursor, fronts, share, now, self._words)
            self._advance(fronts, share, claimed)
            todo = [(row, Trigger(row.due_us or now, plan=row.trace)) for row in claimed]
            lateness = [(now - trigger.occurred_at) / SECOND for _, trigger in todo]
            tally = settle(cursor, todo, self._merchants, now)
            orders.write_posted(cursor, claimed)
            tally.claimed = len(claimed)
            return GrantResult(tally, lateness, [row.trace for row in claimed])

    def sample(self) -> None:
        """The settings epoch."""
        metrics.SETTINGS_EPOCH.set(gauges.epoch(raw(self._connection)))

    def _look_up(self, cursor: Cursor) -> Micros:
        """The database's clock.

        Which merchants have something due is looked up again when none is known, or too long ago.
        """
        if self._fronts and time.monotonic() < self._look_up_at:
            now, epoch = due.clock(cursor)
        else:
            now, merchants, epoch, self._behind = due.due_merchants(cursor, self._behind)
            self._fronts = dict.fromkeys(merchants, due.BEGINNING)
            self._look_up_at = time.monotonic() + LOOK_UP_SECONDS
        if epoch != self._merchants.epoch:
            self._merchants.refresh()
        return now

    def _advance(
        self, fronts: Mapping[int, KeysetPosition], share: int, claimed: Sequence[OrderRow]
    ) -> None:
        """Moves each merchant's position behind what was claimed.

        A merchant whose share was not used up has no more for now, but for what another worker
        holds.
        """
        counts = Counter([row.merchant_no for row in claimed])
        for row in claimed:
            self._fronts[row.merchant_no] = max(
                self._fronts[row.merchant_no], (row.due_us or 0, row.order_id)
            )
        for merchant in fronts:
            front = self._fronts.pop(merchant)
            if counts[merchant] >= share:
                self._fronts[merchant] = front  # behind those whose turn has not come


def _observe(granted: GrantResult, seconds: float) -> None:
    def trace_of(n: int) -> bytes | None:
        context = granted.traces[n]
        return None if context is None else traceparent_of(context)

    metrics.GRANT_LATENESS.observe_all([late + seconds for late in granted.lateness], trace_of)
    metrics.BATCH_SECONDS.observe(seconds)
    metrics.BATCH_RECORDS.observe(granted.tally.claimed)
    batch_metrics.posted(granted.tally)
