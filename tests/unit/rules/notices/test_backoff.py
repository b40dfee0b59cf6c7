"""How long a notice waits before it is tried again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.notices.backoff import FIRST, LONGEST, LONGEST_ASKED, wait_before

LUCK = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(0, 10**6), luck=LUCK)
def test_it_waits_between_a_second_and_a_quarter_of_an_hour(attempt: int, luck: float) -> None:
    assert FIRST <= wait_before(attempt, luck) <= LONGEST


def test_the_bound_doubles_with_each_attempt() -> None:
    halves = [wait_before(attempt, 0.5).total_seconds() for attempt in range(1, 13)]
    assert halves == [1, 2, 4, 8, 16, 32, 64, 128, 256, 450, 450, 450]


@given(attempt=st.integers(1, 20), luck=LUCK, asked=st.integers(0, 86_400))
def test_it_waits_no_less_than_the_provider_asks(attempt: int, luck: float, asked: int) -> None:
    retry_after = timedelta(seconds=asked)
    wait = wait_before(attempt, luck, retry_after)
    assert wait >= min(retry_after, LONGEST_ASKED)
    assert wait >= wait_before(attempt, luck)  # a provider that asks for little is not hurried


def test_a_provider_cannot_ask_for_days() -> None:
    assert wait_before(1, 0.0, timedelta(days=30)) == LONGEST_ASKED
