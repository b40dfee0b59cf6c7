"""Expiry: lots lapse on accounts that nobody touches, and so it is announced (SPEC 3.4, DESIGN 2.4).

Quarantined bytes, which may hold personal data, lapse as well, after 14 days (SPEC 7).
"""

from typing import Any

from psycopg import Connection

from store import ledger, observe, quarantine
from store.database import transaction
from store.merchants import Merchants

BATCH = 1000
"""Accounts per transaction."""


class Expiry:
    """Posts what has expired, on accounts that no grant, clawback or spending has locked meanwhile."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        """All reads and effects go through `connection`."""
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._merchants = Merchants(connection)

    def turn(self, limit: int = BATCH) -> int:
        """One transaction's worth of accounts; how many there were."""
        with transaction(self._connection) as cursor:
            soonest, now = observe.next_expiry(cursor)
            if soonest is None or soonest > now:
                return 0
            return ledger.expire(cursor, limit, now, self._merchants.merchant_id)

    def purge(self, limit: int = BATCH) -> int:
        """Forgets quarantined bytes whose time is over (SPEC 7); how many records' they were."""
        with transaction(self._connection) as cursor:
            return quarantine.purge(cursor, limit)
