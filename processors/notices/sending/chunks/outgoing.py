"""One provider's chunks on their way out, in the connection's thread: marked, handed over, noted.

A provider that is asked by that thread costs no change of threads, each of which takes as long as
a request: then one chunk follows the other there. What comes back by the event loop is left to it.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from processors import metrics
from processors.notices.providers.port import LEFT_ALONE, Answer
from processors.notices.sending.chunks.answered import settled
from processors.notices.sending.chunks.delivering import Delivers
from processors.notices.sending.chunks.handing import Handing
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.in_hand.hand import Hand, Sent
from rules.notices.outcomes import Answered, Custom
from schemas.ids import SECOND, Micros
from store.postgres.session import Database

LATE_SECONDS: Final = 0.1
"""For which answers that come late are waited for where nothing else is to be done."""


@dataclass(frozen=True, slots=True)
class Written:
    """A chunk whose answers come by the event loop, and since when, monotonic."""

    sent: list[Sent]
    answers: Awaitable[Sequence[Answer | None]]
    began: float


class Outgoing:
    """Hands over one hand's chunks, one at a time: a kill leaves one in doubt.

    And what a shop's own address has not answered by then: it gets nothing more before it has.
    """

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
        self._late: dict[UUID, tuple[Sent, float]] = {}
        """What was written and has no answer yet, and since when, monotonic."""
        self._seconds = metrics.NOTICES_PROVIDER_SECONDS.labels(provider.name)

    def go(
        self, connection: Database, room: int, least: UUID, goes_on: Callable[[], bool]
    ) -> Written | bool:
        """Hands over a chunk of `room` at most, and more of them as long as it `goes_on`.

        One whose answers are still to come; else whether any may go, or answers come late.
        """
        while True:
            self.look(0.0)
            sent = self._handing.next_chunk(connection, room, least, self._clock())
            if sent is None:
                waited = self.has_late
                self.look(LATE_SECONDS)
                return waited
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

    @property
    def has_late(self) -> bool:
        """Whether answers are to come of what was written in chunks before."""
        return bool(self._late)

    def look(self, seconds: float) -> None:
        """Notes answers that came late, and waits so long for the first of them."""
        if self._late:
            for notice_id, answer in self._provider.came(seconds):
                each, began = self._late.pop(notice_id)
                self._settled(each, answer, time.monotonic() - began)
        self._wait_for_late()

    def drain(self) -> None:
        """Waits for all that come late: their requests have an end of their own."""
        while self._late:
            self.look(LATE_SECONDS)

    def _wait_for_late(self) -> None:
        """Nothing more goes to an address whose answer is waited for."""
        late = (self._hand.own(each.ready.shop).name for each, _ in self._late.values())
        self._hand.late = frozenset(late)

    def _hand_over(
        self, sent: Sequence[Sent]
    ) -> Sequence[Answer | None] | Awaitable[Sequence[Answer | None]]:
        return self._provider.send(sent)

    def _note(self, sent: Sequence[Sent], answers: Sequence[Answer | None], began: float) -> None:
        """What became of a chunk, which the next transaction writes down."""
        took = time.monotonic() - began
        self._seconds.observe(took)
        for each, answer in zip(sent, answers, strict=True):
            if answer is None:
                self._late[each.marked.notice_id] = each, began
            else:
                self._settled(each, answer, took)
        self._wait_for_late()
        if self._provider.shared:
            self._gate.learn(_of_provider(answers), self._clock())

    def _settled(self, sent: Sent, answer: Answer, took: float) -> None:
        now = sent.marked.at + int(took * SECOND)
        self._hand.done.append(settled(sent, answer, self._custom, now))


def _of_provider(answers: Sequence[Answer | None]) -> list[Answered]:
    """What a provider that shops share has answered: not what was not handed over."""
    return [
        Answered(each.outcome.value)
        for each in answers
        if each is not None and each.code != LEFT_ALONE
    ]
