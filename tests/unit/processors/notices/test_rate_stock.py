"""What a process takes out of a shared rate at once, and what becomes of the rest."""

from collections.abc import Mapping

import pytest

from processors.notices.sending.guards.rate_stock import FORGOTTEN_SECONDS, STOCK_SECONDS, Stock
from rules.notices.rates import TokenBucket, holds
from schemas.ids import SECOND
from store.valkey.notices import Bucket, Granted

FAST = Bucket("webhook", "", 1_000, holds(1_000))
SLOW = Bucket("mitake", "LANTERN", 50, holds(50))


class Shared:
    """Buckets that processes share, and the time; `asked`: each call."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.buckets = {each: TokenBucket.full(each.rate, self._us()) for each in (FAST, SLOW)}
        self.asked: list[Mapping[Bucket, int]] = []

    def _us(self) -> int:
        return int(self.now * SECOND)

    def __call__(self) -> float:
        return self.now

    def take(self, wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
        self.asked.append(wanted)
        granted = {}
        for bucket, count in wanted.items():
            if count < 0:
                left, messages, wait = self.buckets[bucket].give_back(-count, self._us()), count, 0
            else:
                left, messages, wait = self.buckets[bucket].take(count, self._us())
            self.buckets[bucket], granted[bucket] = left, Granted(messages, wait)
        return granted

    def left(self, bucket: Bucket) -> int:
        return int(self.buckets[bucket].take(0, self._us())[0].tokens)


@pytest.fixture
def shared() -> Shared:
    """Two rates nobody took from."""
    return Shared()


def test_a_fast_rate_is_asked_once_for_several_chunks(shared: Shared) -> None:
    stock = Stock(shared)
    for _ in range(7):
        assert stock.take({FAST: 8}, shared.take) == {FAST: Granted(8, 0)}
    assert len(shared.asked) == 1
    stock.take({FAST: 8}, shared.take)
    assert len(shared.asked) == 2


def test_a_slow_rate_is_asked_for_what_is_wanted(shared: Shared) -> None:
    stock = Stock(shared)
    assert stock.take({SLOW: 8}, shared.take) == {SLOW: Granted(8, 0)}
    assert stock.take({SLOW: 2}, shared.take) == {SLOW: Granted(2, 0)}
    assert shared.asked == [{SLOW: 8}, {SLOW: 4}]
    granted, wait_us = stock.take({SLOW: 8}, shared.take)[SLOW]
    assert granted == 0
    assert 0 < wait_us <= 8 / SLOW.rate * SECOND + 1


def test_what_a_process_does_not_use_is_soon_anothers(shared: Shared) -> None:
    one, other = Stock(shared), Stock(shared)
    one.take({FAST: 8}, shared.take)
    before = shared.left(FAST)
    shared.now += 2 * STOCK_SECONDS
    full = min(int(FAST.holds), before + int(2 * STOCK_SECONDS * FAST.rate))
    one.take({FAST: 8}, shared.take)
    # Eight more, and not those of the stock once more.
    assert shared.left(FAST) == full - 8
    other.take({FAST: 8}, shared.take)
    assert shared.asked[-1] == {FAST: 8 + int(STOCK_SECONDS * FAST.rate)}


@pytest.mark.parametrize("pause", [0.0, STOCK_SECONDS / 2, STOCK_SECONDS * 2, FORGOTTEN_SECONDS])
def test_processes_together_keep_to_the_rate(shared: Shared, pause: float) -> None:
    stocks = [Stock(shared), Stock(shared), Stock(shared)]
    began, gone = shared.now, 0
    while shared.now - began < 10 * max(1.0, pause):
        for stock in stocks:
            gone += stock.take({FAST: 8}, shared.take)[FAST].messages
        shared.now += max(0.001, pause)
    spare = len(stocks) * STOCK_SECONDS * FAST.rate
    assert gone <= FAST.holds + spare + (shared.now - began) * FAST.rate
    if pause == 0.0:
        assert gone >= 0.95 * (shared.now - began) * FAST.rate


def test_the_wait_is_for_what_is_wanted_and_not_for_the_stock(shared: Shared) -> None:
    stock = Stock(shared)
    shared.take({FAST: int(FAST.holds) - 3})
    granted, wait_us = stock.take({FAST: 8}, shared.take)[FAST]
    assert granted == 3
    assert 5_000 <= wait_us <= 5_001


def test_a_stock_that_was_left_for_long_is_not_added_to_a_full_rate(shared: Shared) -> None:
    stock = Stock(shared)
    stock.take({FAST: 8}, shared.take)
    shared.now += FORGOTTEN_SECONDS
    stock.take({FAST: 8}, shared.take)
    assert shared.left(FAST) == int(FAST.holds) - 8 - int(STOCK_SECONDS * FAST.rate)
