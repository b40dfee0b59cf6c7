"""Accounts and lots: FEFO, the order's own lot first, debt, and lapsing (rules.md 3.4, 4.3).

Debt cannot arise before points can be spent: an order's own lot always holds what may be taken
back, unless it expired. So spending is played here by taking points out of lots.
"""

import pytest

from rules.account.account import (
    Account,
    Moved,
    claw_back,
    grant,
    lapse,
    lapsed,
    next_expiry,
    take,
)
from rules.account.lots import LotKey, SourceKind, order_lot
from rules.account.points_by_lot import soonest_parts
from schemas.ids import NEVER

SOON, LATER, LAST = order_lot(100, b"a", 1), order_lot(200, b"b", 1), order_lot(300, b"c", 1)
FOREVER = order_lot(NEVER, b"d", 1)


def account(*grants: tuple[LotKey, int]) -> Account:
    made = Account()
    for key, points in grants:
        grant(made, key, points)
    return made


def spend(made: Account, key: LotKey, points: int) -> None:
    made.lots[key].remaining -= points
    made.available -= points


def hold(made: Account, key: LotKey, points: int) -> None:
    made.lots[key].held += points
    made.available -= points
    made.held += points


def test_a_grant_is_a_lot_of_its_own_and_more_of_the_same_joins_it() -> None:
    made = account((SOON, 100), (LATER, 50), (SOON, 20))
    assert made.available == 170
    assert {k: lot.remaining for k, lot in made.lots.items()} == {SOON: 120, LATER: 50}


def test_a_lot_of_one_point_is_taken_like_any_other() -> None:
    made = account((SOON, 1), (LATER, 1))
    assert take(made, 0, SOON) == ([], 0)
    assert claw_back(made, LATER, 2) == Moved(-2, ((LATER, -1), (SOON, -1)))
    assert (made.available, made.debt) == (0, 0)


def test_points_of_lots_are_parted_without_parts_of_nothing() -> None:
    lots = [(SOON, 5), (LATER, 5)]
    assert soonest_parts(lots, 5) == ([(SOON, 5)], [(LATER, 5)])
    assert soonest_parts(lots, 7) == ([(SOON, 5), (LATER, 2)], [(LATER, 3)])


def test_kinds_of_lots_are_stored_by_these_numbers() -> None:
    numbers = {"order": 1, "command": 2, "job": 3, "order_debit": 4}
    assert {kind.name: kind.value for kind in SourceKind} == numbers


def test_a_clawback_takes_from_the_orders_own_lot_first() -> None:
    made = account((SOON, 100), (LATER, 50))
    assert claw_back(made, LATER, 30) == Moved(-30, ((LATER, -30),))
    assert made.lots[SOON].remaining == 100


def test_what_its_own_lot_lacks_comes_fefo_and_never_expiring_points_go_last() -> None:
    made = account((FOREVER, 10), (LAST, 10), (SOON, 10), (LATER, 100))
    spend(made, LATER, 95)
    assert claw_back(made, LATER, 30) == Moved(
        -30,
        ((LATER, -5), (SOON, -10), (LAST, -10), (FOREVER, -5)),
    )
    assert (made.available, made.debt) == (5, 0)


def test_lots_that_expire_together_go_in_a_fixed_order() -> None:
    first, second = order_lot(100, b"a", 2), order_lot(100, b"b", 1)
    made = account((second, 10), (first, 10), (LAST, 10))
    spend(made, LAST, 10)
    assert claw_back(made, LAST, 15).lots == ((first, -10), (second, -5))


def test_what_is_missing_becomes_debt_that_later_points_pay_first() -> None:
    made = account((SOON, 100))
    spend(made, SOON, 70)
    assert claw_back(made, SOON, 100) == Moved(-100, ((SOON, -30),))
    assert (made.available, made.debt) == (0, 70)
    assert grant(made, LATER, 50) == Moved(50, ((LATER, 0),))
    assert (made.available, made.debt) == (0, 20)
    assert grant(made, LAST, 50) == Moved(50, ((LAST, 30),))
    assert (made.available, made.debt) == (30, 0)


def test_held_points_are_not_taken_back_nor_do_they_lapse() -> None:
    made = account((SOON, 100))
    hold(made, SOON, 60)
    assert lapsed(made, now=100) == [SOON]
    assert lapse(made, SOON) == Moved(-40, ((SOON, -40),))
    assert lapsed(made, now=100) == []
    assert claw_back(made, SOON, 100).points == -60
    assert (made.available, made.held, made.debt, made.lots[SOON].remaining) == (0, 60, 60, 60)


@pytest.mark.parametrize(
    ("now", "gone"), [(99, []), (100, [SOON]), (200, [SOON, LATER]), (NEVER - 1, [SOON, LATER])]
)
def test_a_lot_lapses_at_its_instant_and_never_expiring_ones_do_not(
    now: int, gone: list[LotKey]
) -> None:
    made = account((FOREVER, 1), (LATER, 1), (SOON, 1))
    assert lapsed(made, now) == gone


def test_the_next_expiry_is_that_of_the_soonest_free_points() -> None:
    made = account((FOREVER, 1), (LATER, 1), (SOON, 1))
    assert next_expiry(made) == 100
    spend(made, SOON, 1)
    assert next_expiry(made) == 200
    hold(made, LATER, 1)
    assert next_expiry(made) == NEVER


def test_what_a_lot_let_expire_is_not_taken_a_second_time() -> None:
    made = account((SOON, 100), (LATER, 50))
    spend(made, SOON, 40)
    lapse(made, SOON)
    assert claw_back(made, SOON, 60).points == 0
    assert claw_back(made, SOON, 100) == Moved(-40, ((LATER, -40),))
    assert (made.available, made.debt) == (10, 0)
