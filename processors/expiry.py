"""Expiry: lots lapse on accounts that nobody touches, and so it is announced (SPEC 3.4, DESIGN 2.4).

Quarantined bytes, which may hold personal data, lapse as well, after 14 days (SPEC 7), and
carriers' reports for which no order came, after 180 (SPEC 6).
"""

from typing import Any

from psycopg import Connection

from processors import metrics
from processors.recheck.contested_numbers import ask_for_known_codes, purge_reports
from store.ledger.ledger import post_all_overdue
from store.postgres.interning import InternedStrings
from store.postgres.session import raw, transaction
from store.reads import gauges
from store.settings.merchants import Merchants
from store.streams import quarantine

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
        self._words = InternedStrings(connection)

    def turn(self, limit: int = BATCH) -> int:
        """One transaction's worth of accounts; how many there were."""
        with transaction(self._connection) as cursor:
            soonest, now = gauges.next_expiry(cursor)
            if soonest is None or soonest > now:
                return 0
            return post_all_overdue(cursor, limit, now, self._merchants.merchant_id)

    def purge(self, limit: int = BATCH) -> int:
        """Forgets quarantined bytes and parked reports whose time is over.

        How many records and reports they were.
        """
        with transaction(self._connection) as cursor:
            bytes_of = quarantine.purge(cursor, limit)
        with transaction(self._connection) as cursor:
            reports = purge_reports(cursor, gauges.now(cursor), self._words, limit)
        for kind, count in reports.items():
            metrics.PURGED_REPORTS.labels(kind).inc(count)
        return bytes_of + sum(reports.values())

    def look_at_codes(self) -> None:
        """Asks for reports again whose codes a new release of the tables knows."""
        self._merchants.keep_up(raw(self._connection))
        with transaction(self._connection) as cursor:
            ask_for_known_codes(cursor, self._merchants.codes)
