"""What the reads say of one merchant's members and orders, in the oracle's words."""

from rules.explain.order import explain
from schemas.ids import Micros
from store.postgres import session
from store.postgres.session import Database
from store.reads.account.expiring import expiring
from store.reads.account.history import history
from store.reads.account.member import member_shown
from store.reads.order import order_view
from store.valkey.keys import MemberKey
from store.valkey.states import of_members
from tests.oracle.reading import Redeemed, Shown

DAYS = 30
"""How far is looked ahead."""


class Reads:
    """All that can be asked of a merchant on a connection."""

    def __init__(self, connection: Database, merchant: str) -> None:
        self._connection, self._merchant = connection, merchant

    def shown(self, member: str) -> Shown:
        """`points member show`, whose `upcoming` must be the beginning of what expires."""
        told = member_shown(self._connection, self._merchant, member, DAYS)
        assert told.available == told.never_expire + sum(lot.points for lot in told.expiring)
        assert told.upcoming == told.expiring[: len(told.upcoming)]
        return Shown(
            told.available,
            told.held,
            told.debt,
            told.never_expire,
            [(lot.expires_at, lot.points) for lot in told.expiring],
            [(hold.hold_id, hold.points, hold.expires_at) for hold in told.holds],
            told.pending,
        )

    def expiring(self, days: int) -> list[tuple[Micros, str, int]]:
        """`points expiring`."""
        rows = expiring(self._connection, self._merchant, days)
        return [(row.expires_at, row.member_id, row.points) for row in rows]

    def sum_of_history(self, member: str) -> int:
        """The points of all entries, each of which must say the sum up to it."""
        total = 0
        for entry in history(self._connection, self._merchant, member, 0, 10**6):
            total += entry.points
            assert entry.balance_after == total, entry
        return total

    def redeemed(self, order: str) -> Redeemed:
        """What `points explain` says that was redeemed on an order."""
        told = explain(order_view(self._connection, self._merchant, order)).answer(order).redeemed
        return Redeemed(told.captured, told.debited, told.returned)

    def model(self, member: str, now: Micros) -> tuple[int, int]:
        """What a reader of the read model counts: what can be spent, and what counts as held."""
        key = MemberKey(self._merchant, member)
        (state,) = of_members(session.raw(self._connection), [key])
        assert sum(hold.points for hold in state.holds) == state.held
        return sum(lot.points for lot in state.lots if lot.expires_at > now), state.held
