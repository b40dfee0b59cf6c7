"""Due grants: what has fallen due is claimed, decided again and posted (DESIGN 2.2).

Merchants take turns.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from psycopg import Connection

from processors.settlement import Tally, Trigger, settle
from schemas.ids import SECOND, Micros
from store.orders import due, orders
from store.orders.due import KeysetPosition
from store.orders.orders import OrderRow
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor, transaction
from store.settings.merchants import Merchants

BATCH = 1000
"""Orders per transaction: most of the gain of set-wise work, and locks held for some tens of
milliseconds.
"""

LOOK_SECONDS = 0.5
"""While a backlog lasts, claims go on where the one before ended, and begin anew this often. What
was granted lies dead in the index until it is vacuumed: a claim from the beginning walks over all
of it, 4 ms for every 100,000.
"""


@dataclass(frozen=True, slots=True)
class GrantResult:
    """What one turn did: the tally, and how late each claimed order was by the database's clock, in seconds."""

    tally: Tally
    lateness: Sequence[float] = ()


class Grants:
    """Claims due orders and grants them."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        """All reads and effects go through `connection`."""
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._words = InternedStrings(connection)
        self._merchants = Merchants(connection)
        self._fronts: dict[int, KeysetPosition] = {}
        self._look_at = 0.0

    def turn(self, limit: int = BATCH) -> GrantResult:
        """One transaction's worth of due orders, shared among the merchants that have any."""
        with transaction(self._connection) as cursor:
            now = self._look(cursor)
            if not self._fronts:
                return GrantResult(Tally())
            fronts = dict(islice(self._fronts.items(), limit))
            share = max(1, limit // len(fronts))
            claimed = due.claim_due(cursor, fronts, share, now, self._words)
            self._advance(fronts, share, claimed)
            todo = [(row, Trigger(row.due_us or now)) for row in claimed]
            lateness = [(now - trigger.occurred_at) / SECOND for _, trigger in todo]
            tally = settle(cursor, todo, self._merchants, now)
            orders.write_posted(cursor, claimed)
            tally.claimed = len(claimed)
            return GrantResult(tally, lateness)

    def _look(self, cursor: Cursor) -> Micros:
        """The database's clock.

        What merchants have due is looked up anew when nothing is known of any, or too old.
        """
        if self._fronts and time.monotonic() < self._look_at:
            now, epoch = due.clock(cursor)
        else:
            now, merchants, epoch = due.due_merchants(cursor)
            self._fronts = dict.fromkeys(merchants, due.BEGINNING)
            self._look_at = time.monotonic() + LOOK_SECONDS
        if epoch != self._merchants.epoch:
            self._merchants.refresh()
        return now

    def _advance(
        self, fronts: Mapping[int, KeysetPosition], share: int, claimed: Sequence[OrderRow]
    ) -> None:
        """A merchant whose share was not used up has no more for now, but for what another worker holds."""
        counts = Counter([row.merchant_no for row in claimed])
        for row in claimed:
            self._fronts[row.merchant_no] = max(
                self._fronts[row.merchant_no], (row.due_us or 0, row.order_id)
            )
        for merchant in fronts:
            front = self._fronts.pop(merchant)
            if counts[merchant] >= share:
                self._fronts[merchant] = front  # behind those whose turn has not come
