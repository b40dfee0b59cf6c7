"""Invariants that cost little to look at: I7 of all cursors, I2 and I9 of some accounts a turn.

It goes through all accounts and begins again, so that what breaks is seen while it is news. An
account that breaks one stays in view until it is right.
"""

from collections.abc import Sequence
from typing import Final

from processors import metrics
from processors.runtime.logs import log
from store.postgres.session import Cursor
from store.reads.account import checks
from store.streams import cursors

ACCOUNTS: Final = 200
"""Accounts a turn: some milliseconds, and a million of them in seven hours."""
IN_VIEW: Final = 1000
"""Accounts that break something and are looked at again each turn; of more there is no count."""
NAMED: Final = 20
"""Of those that come into view together, how many the log names."""
BEGINNING: Final = -1


class Invariants:
    """Keeps the gauge of what breaks an invariant."""

    def __init__(self) -> None:
        """Begins with the first account."""
        self._reached = BEGINNING
        self._broken: set[int] = set()

    def look(self, cursor: Cursor) -> None:
        """All cursors, the next accounts, and those that broke something before."""
        metrics.INVARIANT_VIOLATIONS.labels("I7").set(cursors.uneven(cursor))
        page = checks.behind(cursor, self._reached, ACCOUNTS)
        self._reached = page[-1] if len(page) == ACCOUNTS else BEGINNING
        checked = checks.check(cursor, {*page, *self._broken})
        broken = [each for each in checked if each.breaks_i2 or each.breaks_i9]
        in_view = {each.account_no for each in broken[:IN_VIEW]}
        _name(cursor, sorted(in_view - self._broken)[:NAMED])
        self._broken = in_view
        metrics.INVARIANT_VIOLATIONS.labels("I2").set(sum(each.breaks_i2 for each in broken))
        metrics.INVARIANT_VIOLATIONS.labels("I9").set(sum(each.breaks_i9 for each in broken))


def _name(cursor: Cursor, account_nos: Sequence[int]) -> None:
    """Says whose accounts they are: a metric has no such label."""
    if account_nos:
        for merchant_id, member_id in checks.whose(cursor, account_nos):
            log().error("account_contradicts", merchant_id=merchant_id, member_id=member_id)
