"""A sender's part of a rate while Valkey is away: all parts together are the rate, and no more."""

import pytest

from processors.notices.sending.guards import rates
from processors.notices.sending.guards.rates import SharedRates
from rules.notices.rates import holds
from store.notices.sending.housekeeping import HEARD_SECONDS
from store.valkey.notices import Bucket

RATE = 40.0
BUCKET = Bucket("mitake", "LANTERN", RATE, holds(RATE))


class Clock:
    """Stands until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rates, "time", made)
    return made


def sent(clock: Clock, sender: SharedRates, seconds: int, senders: int) -> int:
    """How many messages it may send in some seconds, of which it wants as many as it can have."""
    messages = 0
    for _ in range(seconds * 10):
        sender.share(senders, clock.now)
        messages += sender.take({BUCKET: 100})[BUCKET].messages
        clock.now += 0.1
    return messages


@pytest.mark.parametrize("senders", [1, 2, 5])
def test_each_of_some_senders_has_its_part(clock: Clock, senders: int) -> None:
    part = RATE * 60 / senders
    assert part * 0.95 <= sent(clock, SharedRates(None), 60, senders) <= part


def test_it_begins_with_nothing(clock: Clock) -> None:
    """What Valkey granted until just now counts, of which this process does not know."""
    assert sent(clock, SharedRates(None), 1, 1) < RATE


def test_when_others_come_its_part_is_smaller_at_once(clock: Clock) -> None:
    sender = SharedRates(None)
    sent(clock, sender, 10, 1)
    assert sent(clock, sender, 10, 4) <= RATE * 10 / 4 + holds(RATE / 4)


@pytest.mark.parametrize(("senders", "ago"), [(0, 0.0), (1, HEARD_SECONDS + 1)])
def test_who_does_not_know_of_how_many_it_is_one_sends_nothing(
    clock: Clock, senders: int, ago: float
) -> None:
    sender = SharedRates(None)
    sender.share(1, clock.now)
    sender.take({BUCKET: 1})
    clock.now += 5
    sender.share(senders, clock.now - ago)
    granted = sender.take({BUCKET: 1})[BUCKET]
    assert (granted.messages, granted.wait_us > 0) == (0, True)
