"""One provider's chunks on their way out, in the connection's thread: marked, handed over, noted.

A provider that is asked by that thread costs no change of threads, each of which takes as long as
a request: then one chunk follows the other there. What comes back by the event loop is left to it.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from processors import metrics
from processors.notices.providers.port import Answer
from processors.notices.sending.chunks.answered import settled
from processors.notices.sending.chunks.delivering import Delivers
from processors.notices.sending.chunks.handing import Handing
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.in_hand.hand import Hand, Sent
from rules.notices.outcomes import Answered, Custom
from schemas.ids import SECOND, Micros
from store.postgres.session import Database


@dataclass(frozen=True, slots=True)
class Written:
    """A chunk whose answers come by the event loop, and since when, monotonic."""

    sent: list[Sent]
    answers: Awaitable[Sequence[Answer]]
    began: float


class Outgoing:
    """Hands over one hand's chunks, one at a time: a kill leaves one in doubt."""

    def __init__(
        self,
        provider: Delivers,
        custom: Custom,
        hand: Hand,
        handing: Handing,
        gate: Gate,
        clock: Callable[[], Micros],
    ) -> None:
        """`custom`: the provider's. `clock`: the database's, about."""
        self._provider, self._custom = provider, custom
        self._hand, self._handing, self._gate, self._clock = hand, handing, gate, clock
        self._seconds = metrics.NOTICES_PROVIDER_SECONDS.labels(provider.name)

    def go(
        self, connection: Database, room: int, least: UUID, goes_on: Callable[[], bool]
    ) -> Written | bool:
        """Hands over a chunk of `room` at most, and more of them as long as it `goes_on`.

        One whose answers are still to come; else whether any may go.
        """
        while True:
            sent = self._handing.next_chunk(connection, room, least, self._clock())
            if sent is None:
                return False
            if sent:
                began = time.monotonic()
                answers = self._hand_over(sent)
                if isinstance(answers, Awaitable):
                    return Written(sent, answers, began)
                self._note(sent, answers, began)
            if not goes_on():
                return True

    async def finish(self, written: Written) -> None:
        """Waits for a chunk's answers."""
        self._note(written.sent, await written.answers, written.began)

    def _hand_over(self, sent: Sequence[Sent]) -> Sequence[Answer] | Awaitable[Sequence[Answer]]:
        return self._provider.send(sent)

    def _note(self, sent: Sequence[Sent], answers: Sequence[Answer], began: float) -> None:
        """What became of a chunk, which the next transaction writes down."""
        took = time.monotonic() - began
        self._seconds.observe(took)
        now = sent[0].marked.at + int(took * SECOND)
        for each, answer in zip(sent, answers, strict=True):
            self._hand.done.append(settled(each, answer, self._custom, now))
        if self._provider.shared:
            answered = [Answered(answer.outcome.value) for answer in answers]
            self._gate.learn(answered, self._clock())
