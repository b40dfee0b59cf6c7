"""Chunks on their way out: which thread waits for their answers, and what follows them at once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from processors.notices.providers.left_alone import OF_GATEWAYS, LeftAlone
from processors.notices.providers.port import LEFT_ALONE, Answer, Outcome, Own
from processors.notices.sending.chunks.outgoing import Outgoing, Written
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.in_hand.hand import Hand, Sent
from rules.notices.breaker import FAILURES
from rules.notices.outcomes import Answered, custom_of
from schemas.ids import Micros
from schemas.notices.words import Channel, State
from store.notices.sending.queue import Marked
from tests.unit.processors.notices.test_hand import ready


class Handing:
    """Marks the next of some chunks, given by how many messages they have."""

    def __init__(self, *chunks: int) -> None:
        self._chunks = [*chunks]
        self.marked = 0
        self.url: str | None = None

    def next_chunk(self, *_: object) -> list[Sent] | None:
        if not self._chunks:
            return None
        self.marked += 1
        return [_sent(self.url) for _ in range(self._chunks.pop(0))]


class Here:
    """A provider that is asked by the thread that marked the chunk."""

    name, window, shared, channel = "mitake", timedelta(), True, Channel.sms

    def __init__(self, answer: Answer | None = None) -> None:
        self.chunks: list[int] = []
        self.alone = LeftAlone(self.name, told_by=OF_GATEWAYS)
        self.answer = answer or Answer(Outcome.taken)

    def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        self.chunks.append(len(sent))
        return [self.answer for _ in sent]

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        del seconds
        return ()

    async def close(self) -> None:
        pass


class Elsewhere(Here):
    """One that is asked by an event loop."""

    async def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:  # type: ignore[override]
        return super().send(sent)


def _sent(url: str | None = None) -> Sent:
    one = ready("a", "a", url=url)
    return Sent(one, Marked(one.taken.notice_id, 1, 0, 0, 0))


def _gate() -> Gate:
    return Gate(Here.name, None)


def _outgoing(
    provider: Here,
    handing: Handing,
    url: str | None = None,
    gate: Gate | None = None,
    now: Micros = 0,
) -> tuple[Outgoing, Hand]:
    handing.url = url
    hand = Hand(provider.name, Channel.sms, 10.0, provider.alone)
    gate, custom = gate or _gate(), custom_of(provider.channel, provider.window)
    return Outgoing(provider, custom, hand, cast(Any, handing), gate, lambda: now), hand


def _go(outgoing: Outgoing, goes_on: Callable[[], bool]) -> Written | bool:
    return outgoing.go(cast(Any, None), 8, uuid4(), goes_on)


def test_one_chunk_follows_the_other_until_something_else_is_to_be_done() -> None:
    provider, handing, left = Here(), Handing(8, 8, 8, 8), [True, True, False]
    outgoing, hand = _outgoing(provider, handing)
    assert _go(outgoing, lambda: left.pop(0)) is True
    assert provider.chunks == [8, 8, 8]
    assert len(hand.done) == 24


@pytest.mark.parametrize(("chunks", "sent"), [((), []), ((8, 3), [8, 3]), ((0, 2), [2])])
def test_when_none_may_go_any_more_it_says_so(chunks: tuple[int, ...], sent: list[int]) -> None:
    """Of a chunk that was marked and must not be written after all, nobody is asked."""
    provider = Here()
    outgoing, hand = _outgoing(provider, Handing(*chunks))
    assert _go(outgoing, lambda: True) is False
    assert provider.chunks == sent
    assert len(hand.done) == sum(sent)


def test_no_other_chunk_is_marked_while_one_waits_for_answers_elsewhere() -> None:
    provider, handing = Elsewhere(), Handing(8, 8)
    outgoing, hand = _outgoing(provider, handing)
    written = _go(outgoing, lambda: True)
    assert isinstance(written, Written)
    assert (handing.marked, provider.chunks, hand.done) == (1, [], [])
    asyncio.run(outgoing.finish(written))
    assert provider.chunks == [8]
    assert len(hand.done) == 8


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (Answer(Outcome.later), True),
        (Answer(Outcome.shop_refused), False),
        (Answer(Outcome.shop_refused, code=LEFT_ALONE), False),
    ],
)
def test_who_refuses_one_shop_is_no_provider_that_fails(answer: Answer, *, opens: bool) -> None:
    gate = _gate()
    outgoing, hand = _outgoing(Here(answer), Handing(8, 8, 8), gate=gate)
    assert _go(outgoing, lambda: True) is False
    assert bool(gate.breaker.open_until) is opens
    assert {(each.state, each.reason) for each in hand.done} == {
        (State.waiting, answer.outcome.value)
    }


@pytest.mark.parametrize("code", [LEFT_ALONE, "550-5.1.8"])
def test_what_is_refused_of_a_shop_says_nothing_of_a_provider_that_fails(code: str) -> None:
    """Else a shop that is refused, or left alone, would keep the breaker closed for all."""
    provider, gate = Here(Answer(Outcome.later)), _gate()
    outgoing, _ = _outgoing(provider, Handing(8, 8, 8, 8, 8), gate=gate)
    answers = [Answer(Outcome.later), Answer(Outcome.shop_refused, code=code)]

    def goes_on() -> bool:
        provider.answer = answers[len(provider.chunks) % 2]
        return True

    _go(outgoing, goes_on)
    assert len(provider.chunks) == 5
    assert gate.breaker.open_until > 0


@pytest.mark.parametrize(
    ("code", "trouble"),
    [("550-5.1.8", False), (LEFT_ALONE, True)],
)
def test_a_provider_that_is_back_goes_on_though_it_refuses_the_only_shop_that_sends(
    code: str, *, trouble: bool
) -> None:
    """What was not handed over is no answer of it."""
    gate = _gate()
    gate.learn([Answered.later] * FAILURES, 0)
    provider = Here(Answer(Outcome.shop_refused, code=code))
    outgoing, _ = _outgoing(provider, Handing(1), gate=gate, now=gate.breaker.open_until)
    _go(outgoing, lambda: True)
    assert (gate.trouble() is not None) is trouble


def test_nothing_goes_for_a_sender_that_is_left_alone() -> None:
    provider = Here()
    outgoing, hand = _outgoing(provider, Handing(1))
    waiting = ready("a", "LANTERN")
    hand.add([waiting])
    provider.alone.learn(Own("shop", "LANTERN"), Answer(Outcome.shop_refused))
    assert _go(outgoing, lambda: True) is False
    assert (hand.is_blocked(waiting.shop), hand.free()) == (True, 0)


class Late(Here):
    """One that answers nothing of its first chunk by then."""

    name, shared = "webhook", False

    def __init__(self) -> None:
        super().__init__()
        self.late: list[UUID] = []
        self.is_heard = False

    def send(self, sent: Sequence[Sent]) -> Sequence[Answer | None]:  # type: ignore[override]
        answers = super().send(sent)
        if len(self.chunks) > 1:
            return answers
        self.late = [each.marked.notice_id for each in sent]
        return [None] * len(sent)

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        del seconds
        if not self.is_heard:
            return ()
        late, self.late = self.late, []
        return [(each, Answer(Outcome.unknown)) for each in late]


def test_chunks_go_on_while_an_answer_comes_late_and_its_address_gets_no_more_till_then() -> None:
    provider = Late()
    outgoing, hand = _outgoing(provider, Handing(2, 3), url="https://late.example")
    assert _go(outgoing, lambda: True) is True
    assert provider.chunks == [2, 3]
    assert len(hand.done) == 3
    assert outgoing.has_late
    deaf, other = (ready("a", "a", url=url) for url in ("https://late.example", None))
    hand.add([deaf, other])
    assert (hand.is_blocked(deaf.shop), hand.is_blocked(other.shop), hand.free()) == (
        True,
        False,
        1,
    )
    provider.is_heard = True
    outgoing.drain()
    assert len(hand.done) == 5
    assert (outgoing.has_late, hand.is_blocked(deaf.shop), hand.free()) == (False, False, 2)
