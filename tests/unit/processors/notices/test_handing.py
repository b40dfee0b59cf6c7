"""A chunk on its way out of the hand: what its guards are told of it."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from processors.notices.sending.chunks.exchange import Exchanged
from processors.notices.sending.chunks.handing import Guards, Handing
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.guards.rates import SharedRates
from processors.notices.sending.in_hand.hand import Hand, Sent
from schemas.notices.words import Channel

FROZEN_SECONDS = 61.0


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("processors.notices.sending.chunks.handing.time.monotonic", self.told)

    def told(self) -> float:
        return self.now


class FrozenInCommit:
    """Marks a message; the process stands still before it hears that this is committed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, *_: object) -> Exchanged:
        self._clock.now += FROZEN_SECONDS
        nothing: Any = None
        return Exchanged(sent=[Sent(nothing, nothing)])


class Slowness:
    """A gatekeeper that notes how long ago the chunk's transaction began."""

    seconds = 0.0

    def passed(self, connection: Any, sent: Sequence[Sent], began: float) -> list[Sent]:
        del connection
        self.seconds = time.monotonic() - began
        return [*sent]


def test_a_sender_frozen_while_it_waits_for_its_commit_is_known_to_be_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, fence = Clock(monkeypatch), Slowness()
    exchange: Any = FrozenInCommit(clock)
    guards = Guards(SharedRates(None), fence, Gate("mitake", None))
    handing = Handing(Hand("mitake", Channel.sms, 10.0), exchange, guards)
    connection: Any = None
    handing.settle(connection, uuid4(), 0)
    assert fence.seconds == FROZEN_SECONDS
