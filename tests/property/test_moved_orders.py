"""An order that goes from member to member, who spend meanwhile: what is clawed back of whom (D9).

What a member's lot let expire is gone, for that grant alone: when the order has come back to him he
has a lot of its own, and loses what he spent of it like anybody else (rules.md 4.1).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.account.account import Account, grant, take
from rules.account.lots import LotKey, order_lot
from schemas.ids import NEVER, iso, micros
from schemas.packing import pack_id
from tests.oracle.account import PointByPoint
from tests.support.in_memory import InMemoryEngine, at
from tests.support.order_facts import (
    MEMBER,
    OTHER_MEMBER,
    day,
    delivery,
    order,
)
from tests.support.order_facts import settings as points_settings

MEMBERS = (MEMBER, OTHER_MEMBER)
EXPIRY = at(day("2026-01-01"))
START = day("2025-12-20")
"""The order is delivered a year before; twelve days are left of its points."""

moves = st.tuples(st.just("move"), st.sampled_from([*MEMBERS, None]), st.just(0))
edits = st.tuples(st.just("edit"), st.none(), st.integers(0, 12))
spending = st.tuples(st.just("spend"), st.sampled_from(MEMBERS), st.integers(1, 12))
gifts = st.tuples(st.just("earn"), st.sampled_from(MEMBERS), st.integers(1, 5))
times = st.tuples(st.just("wait"), st.none(), st.sampled_from([1, 12]))
stories = st.lists(st.one_of(moves, moves, edits, spending, gifts, times), min_size=15, max_size=30)

BACK_AND_FORTH = [("move", OTHER_MEMBER, 0), ("move", MEMBER, 0), ("move", OTHER_MEMBER, 0)]


@dataclass
class Ledger:
    """What the rules say, member by member, with points that are things of their own."""

    books: dict[str, PointByPoint] = field(
        default_factory=lambda: {member: PointByPoint() for member in MEMBERS}
    )
    holder: str | None = None
    posted: int = 0
    grants: int = 0

    @property
    def lot(self) -> LotKey:
        """The lot of the grant that the holder has."""
        return order_lot(EXPIRY, b"", self.grants)

    def to(self, moment: int) -> None:
        for book in self.books.values():
            book.to(moment)

    def entitle(self, member: str | None, points: int) -> None:
        """The order earns so many points for a member from now on."""
        if self.holder is not None and self.holder != member:
            self._change(self.holder, 0)
        if self.holder != member:
            self.grants += 1
            self.holder, self.posted = member, 0
        if member is not None:
            self._change(member, points)

    def _change(self, member: str, points: int) -> None:
        book, less = self.books[member], self.posted - points
        if less < 0:
            book.grant(self.lot, -less)
            self.posted = points
        elif less > 0:
            gone = sum(1 for p in book.points if p.lot == self.lot and p.state == "expired")
            book.claw_back(self.lot, less)
            self.posted -= max(0, less - gone)


@settings(max_examples=200, deadline=None)
@given(stories)
@example([("spend", MEMBER, 3), ("wait", None, 12), *BACK_AND_FORTH])
def test_who_lost_an_order_loses_what_he_spent_of_it_and_not_what_expired(
    story: list[tuple[str, str | None, int]],
) -> None:
    made, must = InMemoryEngine(), Ledger()
    made.apply(points_settings())
    made.consume(
        order(subtotal=100),
        delivery("arrived", day("12-01"), arrived_at=day("12-01")),
        when=day("12-01"),
    )
    made.until(START)
    must.to(at(START))
    must.entitle(MEMBER, 10)
    now, member, subtotal = datetime.fromisoformat(START), MEMBER, 100
    who: str | None = member
    for number, (what, name, amount) in enumerate(story):
        now += timedelta(days=amount if what == "wait" else 0, seconds=1)
        moment = iso(micros(now.astimezone(UTC)))
        made.until(moment)
        must.to(micros(now))
        match what:
            case "move" | "edit":
                who = name if what == "move" else who
                subtotal = 10 * amount if what == "edit" else subtotal
                made.consume(order(subtotal=subtotal, member=who, updated=moment), when=moment)
                must.entitle(who, subtotal // 10)
            case "spend" if name is not None:
                points = min(amount, must.books[name].available)
                if points:
                    must.books[name].deduct(points)
                    take(made.merchant().accounts[pack_id(name)], points)
            case "earn" if name is not None:
                other = order_lot(NEVER, b"other", number)
                grant(made.merchant().accounts.setdefault(pack_id(name), Account()), other, amount)
                must.books[name].grant(other, amount)
        for one in MEMBERS:
            account = made.merchant().accounts.get(pack_id(one))
            figures = (account.available, account.debt) if account is not None else (0, 0)
            book = must.books[one]
            assert figures == (book.available, book.debt), (number, what, one)
