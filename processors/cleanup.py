"""The cleanup worker: forgets what is kept for a time only, and looks again at unknown codes.

- Quarantined bytes, and dead letters that the broker refused, which may hold personal data, after
  14 days (rules.md 7).
- Carriers' reports for which no order came, after 180 days (rules.md 6).
- Reports with a code that no table had: a new release of the tables may know it.
"""

import time

from processors import metrics
from processors.recheck.contested_numbers import ask_for_known_codes, purge_reports
from processors.runtime.worker import SettlingWorker
from store.postgres.session import Database, raw, transaction
from store.reads import gauges
from store.streams import quarantine, refused

PURGE_BATCH = 1000
"""Records and numbers per transaction."""
PURGE_SECONDS = 600.0
"""Between two looks, once nothing is left to forget: the limits are days."""
CLEANUP_SLEEP_SECONDS = 0.2
"""Between two turns, so that the loop is seen to turn, and a signal ends it at once."""


class Cleanup(SettlingWorker):
    """Forgets in batches until nothing is left whose time is over, then rests."""

    def __init__(self, connection: Database) -> None:
        """Looks at once when it is started."""
        super().__init__(connection)
        self._purge_at = 0.0

    def turn(self) -> float:
        """One batch, when it is time to look."""
        if time.monotonic() > self._purge_at and self.purge(self.share_of(PURGE_BATCH)) == 0:
            self.ask_for_codes()
            self._purge_at = time.monotonic() + PURGE_SECONDS
        return CLEANUP_SLEEP_SECONDS

    def purge(self, limit: int = PURGE_BATCH) -> int:
        """Forgets quarantined bytes and parked reports whose time is over.

        How many records and reports they were.
        """
        with transaction(self._connection) as cursor:
            records = quarantine.purge(cursor, limit)
        with transaction(self._connection) as cursor:
            reports = purge_reports(cursor, gauges.now(cursor), self._words, limit)
        with transaction(self._connection) as cursor:
            records += refused.purge(cursor, limit)
        for kind, count in reports.items():
            metrics.PURGED_REPORTS.labels(kind).inc(count)
        return records + sum(reports.values())

    def ask_for_codes(self) -> None:
        """Puts reports into the recheck queue whose codes a new release of the tables knows."""
        self._merchants.keep_up(raw(self._connection))
        with transaction(self._connection) as cursor:
            ask_for_known_codes(cursor, self._merchants.codes)

    def sample(self) -> None:
        """The settings epoch; between two looks this is what notices a database that is gone."""
        metrics.SETTINGS_EPOCH.set(gauges.epoch(raw(self._connection)))
