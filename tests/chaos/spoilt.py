"""A sender that writes down that it sends only after it has sent: what must not be.

`python -m tests.chaos.spoilt` runs it. The verifier has to find it out.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import UUID

from cli.main import app
from processors.notices.providers.port import Answer
from processors.notices.sending.chunks.handing import Handing
from processors.notices.sending.chunks.outgoing import Outgoing
from processors.notices.sending.in_hand.hand import Ready, Sent
from processors.notices.sending.loop import ProviderLoop
from schemas.ids import Micros
from store.notices.sending.queue import Marked
from store.postgres.session import Database

WINDOW = 0.05
"""Seconds between what was sent and what is written down: long enough to be hit."""

_exchanged, _turn = Handing._exchanged, ProviderLoop._turn
_loops: dict[Handing, tuple[ProviderLoop, asyncio.AbstractEventLoop]] = {}
_answers: dict[Any, Answer | None] = {}


def _first_sends(
    self: Handing, connection: Database, chunk: Sequence[Ready], least: UUID, now_us: Micros
) -> list[Sent]:
    if chunk:
        of_provider, loop = _loops[self]
        now = chunk[0].taken.now
        early = [
            Sent(each, Marked(each.taken.notice_id, each.taken.attempt + 1, now, now, 0))
            for each in chunk
        ]
        answers = of_provider._outgoing._provider.send(early)
        if isinstance(answers, Awaitable):
            answers = asyncio.run_coroutine_threadsafe(_awaited(answers), loop).result()
        for each, answer in zip(chunk, answers, strict=True):
            _answers[each.taken.notice_id] = answer
        time.sleep(WINDOW)
    return _exchanged(self, connection, chunk, least, now_us)


async def _awaited(answers: Awaitable[Sequence[Answer | None]]) -> Sequence[Answer | None]:
    return await answers


def _then_takes_the_answers(_self: Outgoing, sent: Sequence[Sent]) -> list[Answer | None]:
    return [_answers.pop(each.marked.notice_id) for each in sent]


async def _in_its_loop(self: ProviderLoop) -> float:
    _loops[self._handing] = self, asyncio.get_running_loop()
    return await _turn(self)


def spoil() -> None:
    """Turns the order round, in this process."""
    for kind, name, spoilt in (
        (Handing, "_exchanged", _first_sends),
        (Outgoing, "_hand_over", _then_takes_the_answers),
        (ProviderLoop, "_turn", _in_its_loop),
    ):
        setattr(kind, name, spoilt)


def main(arguments: Sequence[str]) -> None:
    """Is that sender."""
    spoil()
    app(["run", "notices-send", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
