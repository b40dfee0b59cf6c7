"""An agent collects a batch while the one before it is worked off, and acknowledges in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from processors.notices.stream import app
from processors.runtime.notices_configuration import NoticesConfiguration


class Event:
    """As far as an agent looks at one."""

    def __init__(self, name: str, acknowledged: list[str]) -> None:
        self.name, self._acknowledged = name, acknowledged

    def ack(self) -> None:
        self._acknowledged.append(self.name)


class Stream:
    """Gives batches, and notes which were asked for; at the end it waits for ever."""

    def __init__(self, *batches: Sequence[str]) -> None:
        self.given: list[str] = []
        self.acknowledged: list[str] = []
        self._batches = batches

    async def noack_take(self, _size: int, _within: float) -> AsyncIterator[list[Any]]:
        for names in self._batches:
            self.given += names
            yield [Event(name, self.acknowledged) for name in names]
        await asyncio.Event().wait()


def agent_of(work: Any) -> Any:
    lane: Any = SimpleNamespace(**NoticesConfiguration().model_dump())
    return app._agent(work, lane)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_next_batch_is_collected_meanwhile_and_begun_afterwards() -> None:
    async def main() -> None:
        stream, begun, done = Stream(["a", "b"], ["c"], ["d"]), [], asyncio.Queue[bool]()

        async def work(events: Sequence[Any]) -> bool:
            begun.append("".join(each.name for each in events))
            return await done.get()

        task = asyncio.create_task(agent_of(work)(stream))
        await settled()
        assert (begun, stream.given, stream.acknowledged) == (["ab"], ["a", "b", "c"], [])
        done.put_nowait(True)
        await settled()
        assert (begun, stream.acknowledged) == (["ab", "c"], ["a", "b"])
        done.put_nowait(False)
        await settled()
        assert (begun, stream.acknowledged) == (["ab", "c", "d"], ["a", "b"])
        done.put_nowait(True)
        await settled()
        assert stream.acknowledged == ["a", "b", "d"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_a_batch_fails_with_ends_the_agent_though_no_other_comes() -> None:
    async def main() -> None:
        stream = Stream(["a"])

        async def work(_: Sequence[Any]) -> bool:
            raise KeyError("missing")

        with pytest.raises(KeyError, match="missing"):
            await asyncio.wait_for(agent_of(work)(stream), 30)
        assert stream.acknowledged == []

    asyncio.run(main())
