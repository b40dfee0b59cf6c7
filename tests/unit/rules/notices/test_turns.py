"""Whose turn it is."""

from hypothesis import given
from hypothesis import strategies as st

from rules.notices.turns import round_from, shares

SHOPS = st.lists(st.integers(1, 1000), unique=True)


def test_the_round_goes_on_behind_the_last_shop() -> None:
    assert round_from([5, 1, 3], 0) == [1, 3, 5]
    assert round_from([5, 1, 3], 3) == [5, 1, 3]
    assert round_from([5, 1, 3], 5) == [1, 3, 5]
    assert round_from([], 7) == []


@given(shops=SHOPS, last=st.integers(0, 1000))
def test_every_shop_has_its_turn_once_a_round(shops: list[int], last: int) -> None:
    assert sorted(round_from(shops, last)) == sorted(shops)


@given(shops=SHOPS, places=st.integers(0, 300))
def test_places_are_shared_as_evenly_as_may_be(shops: list[int], places: int) -> None:
    shared = shares(shops, places)
    assert [shop for shop, _ in shared] == shops[:places]
    counts = [count for _, count in shared]
    if counts:
        assert sum(counts) == places
        assert max(counts) - min(counts) <= 1


def test_a_large_shop_beside_many_gets_one_place_as_the_others() -> None:
    assert shares(range(1, 21), 8) == [(shop, 1) for shop in range(1, 9)]
    assert shares([4, 9, 2], 8) == [(4, 3), (9, 3), (2, 2)]
