"""Recheck: orders to look at again because something beside them changed, decided by the same code (DESIGN 2.3)."""

from typing import Any

from psycopg import Connection

from processors.deciding import Tally, Trigger, settle
from schemas.ids import Micros
from store import orders, recheck
from store.database import Cursor, transaction
from store.merchants import Merchants
from store.recheck import ALL_UNBOUND, Asked, Claimed
from store.words import Words

BATCH = 500
"""Orders per transaction: their rows are written whole."""


class Recheck:
    """Works off the recheck queue."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        """All reads and effects go through `connection`."""
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._words = Words(connection)
        self._merchants = Merchants(connection)
        # How far a row that stands for all unbound orders has come; after a crash it begins again, which is harmless.
        self._reached: dict[Asked, bytes] = {}

    def turn(self, limit: int = BATCH) -> Tally:
        """One transaction: claims rows whose time has come, settles their orders, takes the rows out."""
        reached = dict(self._reached)
        with transaction(self._connection) as cursor:
            claimed = recheck.claim(cursor, limit)
            if not claimed.rows:
                return Tally()
            if claimed.epoch != self._merchants.epoch:
                self._merchants.refresh()
            keys, finished = self._orders_of(cursor, claimed, reached, limit)
            tally = self._settle(cursor, sorted(keys), claimed.now)
            recheck.done(cursor, finished)
        self._reached = reached
        return tally

    def _orders_of(
        self, cursor: Cursor, claimed: Claimed, reached: dict[Asked, bytes], limit: int
    ) -> tuple[set[orders.OrderKey], list[Asked]]:
        """The orders to look at now, and the rows that are done with them: one page of unbound ones a turn."""
        finished = [row for row in claimed.rows if row.order_id != ALL_UNBOUND]
        keys = {(row.merchant_no, row.order_id) for row in finished}
        whole = next((row for row in claimed.rows if row.order_id == ALL_UNBOUND), None)
        if whole is not None:
            page = recheck.unbound(cursor, whole.merchant_no, reached.pop(whole, b""), limit)
            keys.update((whole.merchant_no, order_id) for order_id in page)
            if len(page) == limit:
                reached[whole] = page[-1]
            else:
                finished.append(whole)
        return keys, finished

    def _settle(self, cursor: Cursor, keys: list[orders.OrderKey], now: Micros) -> Tally:
        rows = orders.lock(cursor, keys, self._words)
        found = [rows[key] for key in keys if key in rows]
        tally = settle(cursor, [(row, Trigger(now)) for row in found], self._merchants, now)
        orders.write(cursor, found, self._words)
        # A page of unbound orders may hold none that exists any more: the turn has still done something.
        tally.claimed = max(1, len(found))
        return tally
