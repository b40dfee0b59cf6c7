"""`points run notices` with a double that writes a row for each record, and guards left out.

    python -m tests.support.notices.stream_child [GUARD…]

Each GUARD is taken out of this process alone, so that tests see what it is for. The variable
SESSION_MS says how soon Kafka misses it, when it is killed.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from mode.supervisors import OneForOneSupervisor

from processors.notices.stream import app, batches, consumer, places, worker
from processors.notices.stream.batches import Deciding
from processors.notices.stream.faust_types import batches_of
from processors.notices.stream.worker import LEAVE_SECONDS
from processors.pipeline.pipeline import CountsByPartition, PoisonRecord
from processors.runtime import loop
from processors.runtime.configuration import LaneConfiguration, load_for_lane
from processors.runtime.kafka.clients import SESSION_MS
from processors.runtime.kafka.feed import Record
from schemas.upstream.envelope import Unreadable
from store.postgres.session import Cursor, Database
from store.streams.cursors import Opening

READS = ("points_changed", "settings", "customers", "notices_feedback")
INSERT = """INSERT INTO read_record (topic, "partition", "offset", value)
SELECT $1, p, o, v FROM unnest($2::int[], $3::bigint[], $4::bytea[]) AS r (p, o, v)"""


class WritesRows:
    """A row for each record; the value says what else happens."""

    crashes = True

    def use(self, connection: Database) -> None:
        """Remembers nothing."""

    def committed(self) -> None:
        """Counts nothing."""

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: CountsByPartition,
    ) -> list[PoisonRecord]:
        """`poison` cannot be read, `bad` fails, `crash` ends the process, `slow` takes a while."""
        del opening
        poison: list[PoisonRecord] = []
        good = []
        for record in records:
            value = record.message.value() or b""
            if value.startswith(b"poison"):
                merchant = value.decode().partition(":")[2] or None
                poison.append((record, Unreadable("not_json", "no JSON", merchant)))
                continue
            if value == b"bad":
                raise ValueError("secret-text")
            if value == b"crash" and self.crashes:
                raise OSError("the machine")
            counts[record.place].applied += 1
            good.append((record.place.partition, record.offset, value))
        if good:
            parts, offsets, values = (list(column) for column in zip(*good, strict=True))
            cursor.execute(INSERT, [records[0].place.topic, parts, offsets, values])
        if any(value == b"slow" for _, _, value in good):
            cursor.execute("SELECT pg_sleep(3)")
        return poison


def rows(configuration: LaneConfiguration) -> Mapping[str, Deciding]:
    """The double for every topic."""
    return {getattr(configuration.topics, name): WritesRows() for name in READS}


def _acknowledge_first() -> None:
    """Ack before the transaction, and Kafka's hint right away."""

    def agent(work: app.Work, lane: Any) -> Callable[[Any], Awaitable[None]]:
        async def first(stream: Any) -> None:
            async for events in batches_of(stream, lane.batch, lane.within_ms / 1000):
                for event in events:
                    event.ack()
                await stream.app.consumer.commit()
                await work(events)

        return first

    app._agent = agent


def _has_time_to_commit() -> None:
    """What is acknowledged is committed when a crash stops the client, however busy the machine."""
    setattr(worker, "CRASH_SECONDS", LEAVE_SECONDS)  # noqa: B010 - the module's own name


def _plain_loop() -> None:
    """`async for event in stream`: whoever asks for the next has acknowledged the last."""
    _has_time_to_commit()

    def agent(work: app.Work, lane: Any) -> Callable[[Any], Awaitable[None]]:
        async def plain(stream: Any) -> None:
            batch = []
            async for event in stream.events():
                batch.append(event)
                if len(batch) == lane.batch:
                    await work(batch)
                    batch.clear()

        return plain

    app._agent = agent


def _take() -> None:
    """`stream.take`, which acknowledges what it gave even where that failed."""
    _has_time_to_commit()

    def agent(work: app.Work, lane: Any) -> Callable[[Any], Awaitable[None]]:
        async def takes(stream: Any) -> None:
            given = []

            def remember(value: Any) -> Any:
                given.append(stream.current_event)
                return value

            stream.add_processor(remember)  # of an event `take` gives only the value
            taken = stream.take(lane.batch, within=lane.within_ms / 1000)
            async with aclosing(taken):  # at once, and not when it happens to be collected
                async for values in taken:
                    events, given[: len(values)] = given[: len(values)], []
                    await work(events)

        return takes

    app._agent = agent


def _default_supervisor() -> None:
    setattr(app, "CrashingSupervisor", OneForOneSupervisor)  # noqa: B010 - the module's own name


def _kafkas_hint() -> None:
    async def seek(self: consumer.CursorConsumer) -> Any:
        generation = self.app.consumer_generation_id
        hints = await self._thread.seek_to_committed()
        starts = {tp: hints.get(tp) or 0 for tp in self.assignment()}
        await self.seek_wait({tp: at for tp, at in starts.items() if not at})
        self._thread.sought = generation
        self._lane.places.start(starts, generation)
        return starts

    consumer.CursorConsumer.seek_to_committed = seek  # type: ignore[method-assign]


def _no_gap_check() -> None:
    setattr(batches, "refuse_gaps", len)  # noqa: B010 - a guard left out


def _old_generations() -> None:
    """Takes what was read before the partitions were given anew."""

    class Anything:
        def __eq__(self, _: object) -> bool:
            return True

        def __ne__(self, _: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    started = places.AssignedPlaces.start

    def start(self: places.AssignedPlaces, starts: Any, generation: Any) -> None:
        del generation
        started(self, starts, Anything())  # type: ignore[arg-type]

    setattr(places.AssignedPlaces, "start", start)  # noqa: B010 - a guard left out


def _hears_late() -> None:
    """No guard: the event loop hears a second late that its partitions were set, as a busy one."""
    seek_wait = consumer.CursorConsumer.seek_wait

    async def late(self: consumer.CursorConsumer, partitions: Any) -> None:
        await seek_wait(self, partitions)
        await asyncio.sleep(1)

    consumer.CursorConsumer.seek_wait = late  # type: ignore[method-assign,assignment]


def _nothing_crashes() -> None:
    """No guard: what crashed the process before is a record as any other."""
    WritesRows.crashes = False


GUARDS: Mapping[str, Callable[[], None]] = {
    "ack-after": _acknowledge_first,
    "noack_take": _plain_loop,
    "take": _take,
    "supervisor": _default_supervisor,
    "cursor": _kafkas_hint,
    "gap": _no_gap_check,
    "generation": _old_generations,
    "crash": _nothing_crashes,
    "late": _hears_late,
}


def main(left_out: Sequence[str]) -> int:
    """Runs the worker with the double."""
    for guard in left_out:
        GUARDS[guard]()
    setattr(worker, "deciders", rows)  # noqa: B010 - the module's own name
    setattr(app, "SESSION_MS", int(os.environ.get("SESSION_MS", SESSION_MS)))  # noqa: B010
    return loop.run_process("notices", load_for_lane(), worker.run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
