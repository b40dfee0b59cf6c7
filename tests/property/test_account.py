"""I2, I8, I9 and FEFO, lot by lot: the operations against an account of single points."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.account.account import next_expiry, next_timeout
from rules.account.entries import OpenAccount
from rules.account.overdue import post_overdue
from schemas.ids import NEVER
from tests.oracle.account import PointByPoint
from tests.support.account.in_hand import open_account
from tests.support.account.steps import Dice, do, line_of


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_operations_do_to_lots_what_they_do_to_single_points(seed: int, steps: int) -> None:
    chance = Random(seed)
    book, opened = PointByPoint(), open_account()
    dice = Dice(chance, book, 0)
    for number in range(steps):
        if chance.random() < 0.3:
            opened.now = opened.recorded_at = book.now + chance.choice([1, 1, 2, 5])
            book.to(opened.now)
            post_overdue(opened)
        step = dice.step()
        if step is not None:
            do(opened, step, number)
        assert [line_of(entry) for entry in opened.entries] == book.lines, step
        check(opened, book)
    assert len({entry.event_id for entry in opened.entries}) == len(opened.entries)


def check(opened: OpenAccount, book: PointByPoint) -> None:
    """Figures of lots, and the invariants, after every step."""
    account = opened.account
    lots = {
        key: (lot.remaining, lot.held, lot.expired)
        for key, lot in account.lots.items()
        if lot.remaining or lot.expired
    }
    assert lots == {key: figures for key, figures in book.lots().items() if any(figures)}
    live = [hold for hold in account.holds.values() if hold.is_live]
    assert {hold.hold_id.decode(): hold.expires_at for hold in live} == book.ends
    assert sum(hold.points for hold in live) == account.held  # I9
    for key, lot in account.lots.items():
        assert lot.held == sum(dict(hold.lots).get(key, 0) for hold in live)
        assert 0 <= lot.held <= lot.remaining <= lot.points - lot.expired
    assert account.available == 0 or account.debt == 0  # I8
    total = sum(entry.moved.points for entry in opened.entries)
    assert total == account.available + account.held - account.debt  # I2
    assert account.available + account.held == sum(lot.remaining for lot in account.lots.values())
    for redemptions in account.redemptions.values():
        for one in redemptions:
            assert 0 <= one.returned <= one.points
            assert one.out == one.debt + sum(points for _, points in one.lots)
    assert next_timeout(account) == min(book.ends.values(), default=NEVER)
    free = [point.lot.expires_at for point in book.those("free")]
    assert next_expiry(account) == min(free, default=NEVER)
