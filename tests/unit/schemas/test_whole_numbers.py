"""Whole numbers as people and programs write them."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.whole_numbers import as_typed, read_whole


@given(st.integers(min_value=-(10**17), max_value=10**17), st.integers(0, 40))
def test_a_number_is_read_whatever_zeros_it_begins_with(number: int, zeros: int) -> None:
    sign, digits = ("-" if number < 0 else ""), str(abs(number))
    assert read_whole(sign + "0" * zeros + digits) == number


def test_what_is_no_whole_number_stays_as_it_was_typed() -> None:
    assert [as_typed(text) for text in ("10", "-3", "+3")] == [10, -3, 3]
    for text in ("", "10.5", "1e3", "\u0663", "1_0", "ten", "--1", " 1"):
        assert as_typed(text) == text


def test_a_number_beyond_18_digits_stays_beyond_every_limit_and_is_not_another_such_number() -> (
    None
):
    longer = [sign + "1" + "0" * zeros for sign in ("", "-") for zeros in (18, 30, 31, 5000)]
    read = [read_whole(digits) for digits in longer]
    assert len(set(read)) == len(longer)
    assert {len(str(abs(number))) for number in read} == {18}
    assert [number > 0 for number in read] == [not digits.startswith("-") for digits in longer]
    assert as_typed("0" * 20 + longer[1]) == read[1]
