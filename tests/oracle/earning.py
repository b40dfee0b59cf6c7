"""What is posted of an order's entitlement: grant by grant (rules.md 1.10, 2.6, 4.1, 4.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.oracle.account import PointByPoint
from tests.oracle.commands import moment_of
from tests.oracle.lots import ORDER, Lot
from tests.oracle.records import Order

Accounts = Callable[[str], PointByPoint]
"""A member's account, made where there is none."""


@dataclass
class Earned:
    """What an order has posted: `points` to `holder`, of the grant that `lot` is for."""

    lots: int = 0
    lot: Lot | None = None
    final: datetime | None = None
    holder: str | None = None
    points: int = 0

    def settle(self, order: Order, *, is_final: bool, order_id: str, accounts: Accounts) -> None:
        """Post what differs from what the order is entitled to now."""
        if order.episode is None:
            return
        member = order.member or None
        if self.points and not (is_final and member == self.holder and self._goes_on(order)):
            self.points += self._take(accounts, self.points)
            # What expired of it is his still, should the same grant come back; of another one it
            # is no part.
            if member != self.holder or not self._goes_on(order):
                self.points = 0
            if member != self.holder:
                self.holder = None  # and a lot of its own for whoever gets it next
        difference = order.points - self.points
        if not member or not difference:
            return
        if difference > 0:
            self._give(order, member, order_id, difference, accounts(member))
        else:
            self.points += self._take(accounts, -difference)

    def _goes_on(self, order: Order) -> bool:
        """Whether it is the same grant still, or one that only prolongs it."""
        episode, lot = order.episode, self.lot
        if episode is None or lot is None:
            return False
        if episode.final != self.final and moment_of(episode.expires) == lot.expires_at:
            self.final = episode.final
        return episode.final == self.final

    def _give(
        self, order: Order, member: str, order_id: str, points: int, account: PointByPoint
    ) -> None:
        episode = order.episode
        if episode is None:
            return
        if self.lot is None or episode.final != self.final or member != self.holder:
            self.lots += 1
            self.lot = Lot(moment_of(episode.expires), ORDER, order_id, self.lots)
        self.final, self.holder = episode.final, member
        account.grant(self.lot, points)
        self.points += points

    def _take(self, accounts: Accounts, points: int) -> int:
        """The points of the entry that was made, below 0."""
        account = accounts(self.holder or "")
        before = len(account.lines)
        account.claw_back(self.lot, points)
        return sum(line.points for line in account.lines[before:])
