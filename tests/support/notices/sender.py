"""A sender's transactions by themselves: without a loop, a provider, rates or a fence."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from processors.notices.sending.chunks.exchange import Exchange
from processors.notices.sending.chunks.months import LimitReached
from processors.notices.sending.in_hand.hand import Ready, Sent
from processors.notices.sending.ports import Outside, Shop, Worded
from rules.notices.quiet import not_before
from schemas.ids import MINUTE, Micros
from schemas.notices.words import Channel
from store.notices.members import optouts
from store.notices.sending import queue
from store.notices.sending.queue import Taken, least_id
from store.notices.sending.settling import Settled
from store.postgres.session import Database, transaction
from tests.support.notices.rows import REACH, Rows

MONTH = 202611


class Sender:
    """One sender's transactions for the shop `shop`.

    `limit`: its parts of a month. `quiet`: its quiet hours. `looking`: what happens while it judges
    what may go, and has its month locked.
    """

    def __init__(
        self,
        rows: Rows,
        name: str,
        *,
        limit: int | None = None,
        quiet: str | None = None,
    ) -> None:
        self.rows, self.name = rows, name
        self.looking: Callable[[], None] | None = None
        self.limit, self.quiet = limit, quiet
        self.month_of: Callable[[Micros, str], int] = lambda *_: MONTH
        self.connection: Database = rows.connect(f"points-{name}")
        self.used_up: list[LimitReached] = []
        self.afterwards: list[Settled] = []
        self._exchange = Exchange("mitake", name, MINUTE, self._outside())

    def _outside(self) -> Outside:
        unused: Any = None

        def clock(now: Micros, hours: str | None, zone: str) -> Micros:
            if self.looking is not None:
                self.looking()
            return not_before(now, hours, zone)

        def month(at: Micros, zone: str) -> int:
            return self.month_of(at, zone)

        return Outside(
            shops=unused,
            seals=unused,
            opted_out=optouts.opted_out,
            lapsing=unused,
            month_of=month,
            not_before=clock,
            wording=unused,
        )

    def turn(self, wanted: int, done: list[Settled] | None = None) -> list[Sent]:
        """Settles what is done, takes so many in hand and marks them; those that may be written."""
        return self.mark(self.take(wanted), done)

    def take(self, wanted: int) -> list[Taken]:
        """Takes so many in hand."""
        share = [(self.rows.shop("shop"), wanted)]
        with transaction(self.connection) as cursor:
            return queue.claim(cursor, Channel.sms, share, self.name, MINUTE, self._least())

    def mark(self, taken: list[Taken], done: list[Settled] | None = None) -> list[Sent]:
        """Settles what is done, and marks what is in hand; those that may be written."""
        chunk = [Ready(each, self._shop(), "", Worded("text", 1), None) for each in taken]
        exchanged = self._exchange.run(self.connection, done or [], chunk, self._least())
        self.used_up += exchanged.used_up
        self.afterwards = exchanged.afterwards
        return exchanged.sent

    def _least(self) -> UUID:
        return least_id(self.rows.now(), REACH)

    def _shop(self) -> Shop:
        return Shop(
            self.rows.shop("shop"), "shop", "Asia/Taipei", ("en",), True, True,
            lambda *_: True, "mitake", "LANTERN", None, "TW", self.limit, None, "hold",
            {Channel.sms: self.quiet}, "Lantern Tea", None,
        )  # fmt: skip
