"""A token bucket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.rates import TokenBucket, holds
from schemas.ids import SECOND


@pytest.mark.parametrize("rate", [0.5, 1, 50, 1500])
def test_who_waits_as_told_keeps_the_rate(rate: float) -> None:
    bucket, now, sent = TokenBucket.full(rate, 0), 0, 0
    while now < 100 * SECOND:
        bucket, taken, wait = bucket.take(8, now)
        sent += taken
        now += wait or 1000
    assert rate * 95 <= sent <= rate * 100 + holds(rate) + 1


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, SECOND)), max_size=200))
def test_never_more_goes_than_the_rate_and_what_it_holds(steps: list[tuple[int, int]]) -> None:
    bucket, now, sent = TokenBucket.full(5, 0), 0, 0
    for wanted, wait in steps:
        now += wait
        bucket, taken, _ = bucket.take(wanted, now)
        sent += taken
        assert sent <= 5 * now / SECOND + holds(5) + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket, taken, _ = TokenBucket.full(1, 10 * SECOND).take(1, 10 * SECOND)
    assert taken == 1
    assert bucket.take(1, 0)[1] == 0


def test_what_was_taken_and_did_not_go_is_there_again_and_never_more_than_a_bucket_holds() -> None:
    bucket, taken, _ = TokenBucket.full(40, 0).take(8, 0)
    assert (taken, bucket.take(8, 0)[1]) == (8, 0)
    assert bucket.give_back(5, 0).take(8, 0)[1] == 5
    assert bucket.give_back(5, SECOND).take(100, SECOND)[1] == holds(40)
