"""Due grants: what has fallen due is claimed, decided again and posted (DESIGN 2.2). Merchants take turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from processors.deciding import Tally, Trigger, settle
from schemas.ids import SECOND
from store import claims, orders
from store.database import transaction
from store.merchants import Merchants
from store.words import Words

BATCH = 1000
"""Orders per transaction: most of the gain of set-wise work, and locks held for some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Granted:
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
        self._words = Words(connection)
        self._merchants = Merchants(connection)

    def turn(self, limit: int = BATCH) -> Granted:
        """One transaction's worth of due orders, shared among the merchants that have any."""
        with transaction(self._connection) as cursor:
            now, merchants, epoch = claims.due_merchants(cursor)
            if not merchants:
                return Granted(Tally())
            if epoch != self._merchants.epoch:
                self._merchants.refresh()
            share = max(1, limit // len(merchants))
            claimed = claims.claim_due(cursor, merchants[:limit], share, now, self._words)
            todo = [(row, Trigger(row.due_us or now)) for row in claimed]
            lateness = [(now - trigger.occurred_at) / SECOND for _, trigger in todo]
            tally = settle(cursor, todo, self._merchants, now)
            orders.write_posted(cursor, claimed)
            tally.claimed = len(claimed)
            return Granted(tally, lateness)
