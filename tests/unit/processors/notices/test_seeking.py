"""The consumer of the lane and partitions that are given anew while it asks where to begin."""

import asyncio
from types import SimpleNamespace
from typing import Any

from processors.notices.stream.consumer import CursorConsumer
from processors.notices.stream.faust_types import TP

ONE = TP("changes", 0)


class Places:
    """Notes with what it was started."""

    def __init__(self) -> None:
        self.started: list[tuple[dict[TP, int], int]] = []

    def start(self, starts: dict[TP, int], generation: int) -> None:
        self.started.append((starts, generation))


class Consumer(CursorConsumer):
    """Without a broker: `hanging` is what it waits for before it knows where logs begin."""

    def __init__(self, hanging: asyncio.Event) -> None:
        self.hanging, self.places, self.sought = hanging, Places(), list[dict[TP, int]]()
        thread: Any = SimpleNamespace(seeking=None, sought=None)
        self._thread = thread
        app: Any = SimpleNamespace(
            consumer_generation_id=1, places=self.places, start_at=self._start_at
        )
        self.app = app

    async def _start_at(self, _bounds: Any) -> dict[TP, int]:
        return {ONE: 7}

    def assignment(self) -> set[TP]:
        return {ONE}

    async def earliest_offsets(self, *_: Any) -> dict[TP, int]:
        await self.hanging.wait()
        return {ONE: 0}

    async def highwaters(self, *_: Any) -> dict[TP, int]:
        return {ONE: 10}

    async def seek_wait(self, partitions: Any) -> None:
        self.sought.append(partitions)


def test_it_begins_at_the_cursors_of_its_generation() -> None:
    async def main() -> None:
        hanging = asyncio.Event()
        hanging.set()
        consumer = Consumer(hanging)
        assert await consumer.seek_to_committed() == {ONE: 7}
        assert (consumer.places.started, consumer.sought) == ([({ONE: 7}, 1)], [{ONE: 7}])
        assert consumer._thread.seeking == 1

    asyncio.run(main())


def test_what_is_told_too_late_is_not_taken_for_what_is() -> None:
    async def main() -> None:
        consumer = Consumer(asyncio.Event())
        late = asyncio.create_task(consumer.seek_to_committed())
        await asyncio.sleep(0)
        consumer.app.consumer_generation_id = 2
        consumer.hanging.set()
        assert await late == {}
        assert (consumer.places.started, consumer.sought) == ([], [])
        assert consumer._thread.seeking is None

    asyncio.run(main())
