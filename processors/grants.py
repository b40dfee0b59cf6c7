"""Due grants: what has fallen due is claimed, decided again and posted (DESIGN 2.2). Merchants take turns.

The recheck queue is worked off by the same code: orders that something beside them made worth another look.
"""

from typing import Any

from psycopg import Connection

from processors.deciding import Tally, Trigger, settle
from store import claims, orders
from store.database import transaction
from store.merchants import Merchants
from store.words import Words

BATCH = 1000
"""Orders per transaction: most of the gain of set-wise work, and locks held for some tens of milliseconds."""


class Grants:
    """Claims due orders and grants them."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        """All reads and effects go through `connection`."""
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._words = Words(connection)
        self._merchants = Merchants(connection)

    def turn(self, limit: int = BATCH) -> Tally:
        """One transaction's worth of due orders, shared among the merchants that have any."""
        with transaction(self._connection) as cursor:
            now, merchants, epoch = claims.due_merchants(cursor)
            if not merchants:
                return Tally()
            if epoch != self._merchants.epoch:
                self._merchants.refresh()
            share = max(1, limit // len(merchants))
            claimed = claims.claim_due(cursor, merchants[:limit], share, now, self._words)
            todo = [(row, Trigger(row.due_us or now)) for row in claimed]
            tally = settle(cursor, todo, self._merchants, now)
            orders.write_posted(cursor, claimed)
            tally.claimed = len(claimed)
            return tally
