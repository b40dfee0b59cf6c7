"""A chunk on its way out of the hand: what its guards are told of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from processors.notices.sending.chunks.exchange import Exchanged
from processors.notices.sending.chunks.handing import Guards, Handing
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.guards.rates import SharedRates
from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.hand import Ready, Sent, ended
from processors.notices.sending.in_hand.preparing import Prepared
from schemas.notices.words import State, Why
from store.notices.sending.queue import Taken
from store.notices.sending.settling import Settled
from store.valkey.notices import Bucket, Granted
from tests.unit.processors.notices.test_hand import empty_hand, ready

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
    nothing: Any = None
    hand = empty_hand()
    handing = Handing(hand, Ahead(hand, nothing), exchange, guards)
    handing.settle(nothing, uuid4(), 0)
    assert fence.seconds == FROZEN_SECONDS


class Everything:
    """A provider whose rate lets everything go."""

    def take(self, wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
        return {bucket: Granted(count, 0) for bucket, count in wanted.items()}

    def give_back(self, unused: Mapping[Bucket, int]) -> None:
        pass


class WordedBeside:
    """Commits, and has the work done that goes on beside."""

    def __init__(self, *fails: psycopg.Error) -> None:
        self._fails = [*fails]
        self.settled: list[Settled] = []

    def run(
        self,
        _connection: Any,
        done: Sequence[Settled],
        chunk: Sequence[Ready],
        _least: Any,
        work: Callable[[], None],
    ) -> Exchanged:
        written = [*done]
        work()
        if self._fails:
            raise self._fails.pop()
        self.settled += written
        marked: Any = None
        return Exchanged(sent=[Sent(each, marked) for each in chunk])


class NoAddress:
    """Ends every notice without a message."""

    def prepare(self, taken: Sequence[Taken], *_: object) -> Prepared:
        return Prepared(ended=[ended(each, State.skipped, Why.no_address) for each in taken])


def test_what_ends_beside_a_commit_is_settled_once_whether_or_not_it_succeeds() -> None:
    lost, nothing = psycopg.OperationalError("lost"), cast(Any, None)
    exchange, rates, preparing = WordedBeside(lost), Everything(), NoAddress()
    hand = empty_hand()
    ahead = Ahead(hand, cast(Any, preparing))
    guards = Guards(cast(Any, rates), Slowness(), Gate("mitake", None))
    handing = Handing(hand, ahead, cast(Any, exchange), guards)
    first, *others = (ready(letter, "a") for letter in "abcd")
    before = ended(first.taken, State.skipped, Why.off)
    hand.done = [before]
    hand.add(others[:1])
    ahead.add([each.taken for each in others[1:]], nothing, nothing)
    with pytest.raises(psycopg.OperationalError):
        handing.next_chunk(nothing, 1, uuid4(), 0)
    assert handing.next_chunk(nothing, 1, uuid4(), 0) is not None
    handing.settle(nothing, uuid4(), 0)
    expected = {each.taken.notice_id for each in (first, *others[1:])}
    assert {each.notice_id for each in exchange.settled} == expected
    assert len(exchange.settled) == 3
