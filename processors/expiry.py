"""The expiry worker: lots lapse and holds end on accounts that nothing else touches.

See rules.md 3.4, account.md 4, architecture.md 2.4.

Whoever locks an account posts what has fallen due on it first. This worker does it for the other
accounts, so that it is announced in time.
"""

from processors import metrics
from processors.runtime.worker import SettlingWorker
from store.ledger.ledger import post_all_overdue
from store.postgres.session import transaction
from store.reads import gauges

EXPIRY_BATCH = 1000
"""Accounts per transaction."""
EXPIRY_SLEEP_SECONDS = 0.2
"""Between two looks: timers act within a second."""


class Expiry(SettlingWorker):
    """Posts what fell due on accounts that no grant, clawback or spending locked meanwhile."""

    def turn(self) -> float:
        """One claim; another one at once unless it found nothing.

        How full it was tells nothing: a claim is of so many holds, and an account may have several.
        """
        accounts = self.expire(self.share_of(EXPIRY_BATCH))
        self.worked = accounts > 0
        metrics.EXPIRED_ACCOUNTS.inc(accounts)
        return 0.0 if accounts else EXPIRY_SLEEP_SECONDS

    def expire(self, limit: int = EXPIRY_BATCH) -> int:
        """One transaction's worth of accounts; how many there were."""
        with transaction(self._connection) as cursor:
            soonest, now = gauges.next_overdue(cursor)
            if soonest is None or soonest > now:
                return 0
            return post_all_overdue(cursor, limit, now, self._merchants.merchant_id)
