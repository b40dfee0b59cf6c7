"""The ledger opened, changed and written: the only way to points (I2-I4, I8).

    ledger = Ledger.open(cursor, intents, now, merchant_id)   locks, posts what is overdue
    …operations of rules.account on ledger.accounts…          pure
    ledger.write()                                            balances, lots, entries, events

Most batches are grants, which need nothing read beforehand: one sorted upsert locks the accounts,
adds, and returns what was there. Lots are read, and accounts written a second time, only where
something is taken or has fallen due.
"""

from collections.abc import Callable, Mapping
from typing import Self
from weakref import WeakSet

from rules.account.entries import post_overdue
from rules.account.lots_needed import lots_needed
from schemas.ids import Micros
from store.ledger import accounts as account_rows
from store.ledger import entries as entry_rows
from store.ledger import lots as lot_rows
from store.ledger.accounts import AccountKey, Intents, LockedAccount
from store.postgres.session import Cursor


class LedgerMisused(RuntimeError):
    """The ledger was used in a way that would break its invariants: a mistake in the program."""


# A cursor lives as long as its transaction (store.postgres.session.transaction).
_opened: WeakSet[Cursor] = WeakSet()


class Ledger:
    """Some accounts, locked by this transaction until it ends.

    `accounts` are in the order in which they were asked for; everything is decided at `now`.
    """

    def __init__(
        self, cursor: Cursor, accounts: Mapping[AccountKey, LockedAccount], now: Micros
    ) -> None:
        """See `open`."""
        self._cursor = cursor
        self._written = False
        self.accounts = accounts
        self.now = now

    @classmethod
    def open(
        cls, cursor: Cursor, intents: Intents, now: Micros, merchant_id: Callable[[int], str]
    ) -> Self:
        """Lock accounts, bring the lots in hand that the intents need, post what is overdue.

        Accounts of which only grants are intended have no lots: exactly these grants must follow.
        Raises LedgerMisused for the second one in a transaction: locks that are taken in two steps
        are in no order, and deadlock.
        """
        if cursor in _opened:
            raise LedgerMisused("the ledger was opened in this transaction before")
        _opened.add(cursor)
        accounts = account_rows.lock(cursor, intents, now, merchant_id) if intents else {}
        slow = [
            (locked, lots_needed(intents[key]))
            for key, locked in accounts.items()
            if locked.needs_lots
        ]
        if slow:
            lot_rows.load(lot_rows.StoredLots(cursor), slow, now, lot_rows.PAGE)
            for locked, _ in slow:
                post_overdue(locked, now)
        return cls(cursor, accounts, now)

    def write(self) -> int:
        """Write all that changed, and the events into the outbox; how many entries there are.

        Raises LedgerMisused when it was written before, or when other than the intended grants were
        posted on an account that was opened for grants alone.
        """
        if self._written:
            raise LedgerMisused("the ledger was written before")
        self._written = True
        accounts = list(self.accounts.values())
        for locked in accounts:
            if not locked.needs_lots and locked.account.sequence != locked.promised:
                raise LedgerMisused("an account was opened for other grants than were posted")
        count = entry_rows.write(self._cursor, accounts, self.now)
        account_rows.write(self._cursor, [locked for locked in accounts if locked.needs_lots])
        lot_rows.write(self._cursor, accounts)
        return count


def post_all_overdue(
    cursor: Cursor, limit: int, now: Micros, merchant_id: Callable[[int], str]
) -> int:
    """Post what is overdue on up to `limit` accounts that nothing touches; how many there were."""
    keys = account_rows.claim_overdue(cursor, now, limit)
    Ledger.open(cursor, dict.fromkeys(keys, ()), now, merchant_id).write()
    return len(keys)
