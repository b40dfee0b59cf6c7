"""Which lots must be in hand before anything is done."""

import pytest

from rules.account.lots import Lot, LotKey, order_lot
from rules.account.lots_needed import Intended, LotsNeeded, enough, lots_needed
from schemas.ids import NEVER

A, B, C, D = (order_lot(at, bytes([at]), 1) for at in (10, 20, 30, 40))
NOW = 5


def lots(**free: int) -> dict[LotKey, Lot]:
    names = {"a": A, "b": B, "c": C, "d": D}
    return {names[name]: Lot(points, points) for name, points in free.items()}


def test_what_is_taken_is_added_up_by_lot_and_what_comes_needs_only_its_lot() -> None:
    needed = lots_needed(
        [Intended(10, A), Intended(-3, A), Intended(-4, A), Intended(0, B), Intended(-9)], 0
    )
    assert needed == LotsNeeded({A: 7, B: 0}, 9)
    assert needed.takes
    assert not lots_needed([Intended(10, A), Intended(0, B)], 0).takes


def test_lots_that_points_may_come_back_to_are_named_beside_those_that_are_taken_of() -> None:
    needed = LotsNeeded({A: 7}, 9)
    needed.name([(A, 5), (B, 3)])
    assert needed == LotsNeeded({A: 7, B: 0}, 9)


@pytest.mark.parametrize(("in_hand", "needs"), [(39, 0), (40, 50)])
def test_who_wants_more_at_once_than_there_can_be_needs_no_lots(in_hand: int, needs: int) -> None:
    wants, gives = Intended(-50, is_whole=True), Intended(10, A)
    assert lots_needed([wants, gives], in_hand).from_any == needs
    assert lots_needed([wants, gives, wants], in_hand).from_any == 2 * needs


def test_a_clawback_of_more_than_there_is_takes_what_there_is() -> None:
    assert lots_needed([Intended(-50)], 10).from_any == 50


@pytest.mark.parametrize(
    ("needed", "last", "suffices"),
    [
        (LotsNeeded(), A, True),  # the first free lot is the next to lapse
        (LotsNeeded(from_any=9), A, True),
        (LotsNeeded(from_any=10), A, False),  # nothing would be left that lapses next
        (LotsNeeded(from_any=10), B, True),
        (LotsNeeded({B: 15}), B, True),
        (LotsNeeded({D: 40}), A, True),  # it gives all of it itself
        (LotsNeeded({D: 49}), A, True),
        (LotsNeeded({D: 50}), A, False),
        (LotsNeeded({D: 40}), D, True),
        (LotsNeeded({C: 5}, 5), A, False),  # of C nothing is left in hand
    ],
)
def test_lots_suffice_when_a_free_point_is_left_in_them(
    needed: LotsNeeded, last: LotKey, suffices: bool
) -> None:
    in_hand = {key: lot for key, lot in lots(a=10, b=10, d=40).items() if key <= last or key == D}
    assert enough(in_hand, needed, last, NOW) is suffices


def test_lapsed_lots_do_not_count() -> None:
    assert not enough(lots(a=10), LotsNeeded(), A, now=10)
    assert enough(lots(a=10, b=1), LotsNeeded(), B, now=10)


def test_held_points_do_not_count() -> None:
    assert not enough({A: Lot(10, 10, 10)}, LotsNeeded(), order_lot(NEVER, b"", 0), NOW)
