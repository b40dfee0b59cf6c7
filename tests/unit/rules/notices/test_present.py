"""What is left of an order's points, whatever was taken back and in whatever order it is heard."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.present import OrderChange, left_of


def changes(*points: int) -> list[OrderChange]:
    return [OrderChange(n, UUID(int=n), each) for n, each in enumerate(points, 1)]


@pytest.mark.parametrize(
    ("points", "left"),
    [
        ((100,), [100]),
        ((100, -30), [70]),
        ((100, -100), [0]),
        ((100, -30, -70), [0]),
        # Up and down again leaves the first grant whole.
        ((100, 20, -20), [100, 0]),
        ((100, 20, -50), [70, 0]),
        ((100, 20, -120), [0, 0]),
        # Taken back, then granted anew.
        ((100, -100, 100), [0, 100]),
        # More than there was, and of something that was not heard of.
        ((100, -500), [0]),
        ((-30, 100), [100]),
    ],
)
def test_what_is_taken_back_comes_off_the_newest(points: tuple[int, ...], left: list[int]) -> None:
    assert list(left_of(changes(*points)).values()) == left


@given(st.data(), st.lists(st.integers(-50, 50).filter(bool), max_size=8))
def test_order_and_repeats_make_no_difference(data: st.DataObject, points: list[int]) -> None:
    told = changes(*points)
    heard = data.draw(st.permutations(told + told[: len(told) // 2]))
    assert left_of(heard) == left_of(told)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_what_was_never_given_cannot_be_left(points: list[int]) -> None:
    taken = [*points, -sum(points)]
    assert set(left_of(changes(*taken)).values()) == {0}
