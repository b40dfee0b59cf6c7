"""The balance is true at the moment it is asked, whatever has been posted (account.md 4, 8)."""

from itertools import product

import pytest

from rules.account import holding
from rules.account.acts import Act
from rules.account.holds import Hold, Purpose
from rules.account.lots_needed import Intended
from schemas.answers.members import BalanceAnswer, ExpiringPoints
from schemas.events import EntryType, Performer, PerformerKind
from schemas.ids import Micros
from schemas.packing import pack_id
from store.ledger.accounts import LockedAccount
from store.reads.account.balance import balance
from tests.integration.store.ledger.books import ANNA, NOW, SHOP, YEAR, Books, own_lot, posting

MEMBER = "5f00000000000000000000a1"
STAFF = Performer(kind=PerformerKind.staff, id="mei")
SOON = NOW + 1000
"""When the first lot lapses; the hold ends before or after it."""


def hold(books: Books, points: int, ends: Micros, member: bytes = ANNA) -> None:
    def make(locked: LockedAccount) -> None:
        act = Act.of_command("shop", "cmd", 1, STAFF)
        holding.hold(
            locked, act, Hold(f"cart of {member.hex()}".encode(), points, Purpose.cash, ends, 1, [])
        )

    books.change(member, [Intended(-points, hold_id=f"cart of {member.hex()}".encode())], make)


def asked(books: Books, moment: Micros, member: str = MEMBER) -> BalanceAnswer:
    books.set_clock(moment)
    return balance(books.connection, "shop", member)


@pytest.fixture
def held(books: Books) -> Books:
    """30 points that lapse soon and 50 that lapse in a year; 40 of them are held until then."""
    books.rows(
        "INSERT INTO merchant (merchant_no, merchant_id) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, 'shop') RETURNING 1",
        SHOP,
    )
    books.post(posting(ANNA, 30, own_lot(1, SOON)), posting(ANNA, 50, own_lot(2)))
    return books


def figures(answer: BalanceAnswer) -> tuple[int, int, int]:
    return answer.available, answer.held, answer.debt


def test_a_hold_that_has_ended_is_free_whether_or_not_that_is_posted(held: Books) -> None:
    hold(held, 40, NOW + 500)
    assert figures(asked(held, NOW + 499)) == (40, 40, 0)
    answer = asked(held, NOW + 500)
    assert figures(answer) == (80, 0, 0)
    assert answer.expiring == (
        ExpiringPoints(expires_at=SOON, points=30),
        ExpiringPoints(expires_at=NOW + YEAR, points=50),
    )


def test_what_a_hold_frees_of_a_lapsed_lot_is_gone(held: Books) -> None:
    hold(held, 40, NOW + 5000)
    assert figures(asked(held, SOON)) == (40, 40, 0)
    assert figures(asked(held, NOW + 5000)) == (50, 0, 0)


def test_what_a_hold_frees_pays_debt_first_the_soonest(held: Books) -> None:
    hold(held, 40, NOW + 500)
    held.post(posting(ANNA, -65, own_lot(3), EntryType.clawed_back, 1))
    assert figures(asked(held, NOW + 499)) == (0, 40, 25)
    answer = asked(held, NOW + 500)
    assert figures(answer) == (15, 0, 0)
    assert [one.points for one in answer.expiring] == [5, 10]


MOMENTS = (NOW + 499, NOW + 500, SOON, NOW + 5000, NOW + 2 * YEAR)
CASES = list(product(MOMENTS, (NOW + 500, SOON, NOW + 5000), (0, 20, 65, 90)))


def test_posting_what_is_due_changes_no_balance(held: Books) -> None:
    for number, (moment, ends, clawed) in enumerate(CASES):
        member = f"{number:024x}"
        one = pack_id(member)
        held.post(posting(one, 30, own_lot(1, SOON)), posting(one, 50, own_lot(2)))
        hold(held, 40, ends, one)
        if clawed:
            held.post(posting(one, -clawed, own_lot(3), EntryType.clawed_back, 1))
        before = asked(held, moment, member)
        held.change(one, [], lambda _: None, now=moment)
        after = asked(held, moment, member)
        assert before == after.model_copy(update={"sequence": before.sequence})
