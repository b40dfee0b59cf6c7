"""Faust's consumer, starting where the database's cursors are and not where Kafka's hint is (I6).

The hint may be ahead, and records between the two would never be decided.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, cast

from aiokafka.errors import NoOffsetForPartitionError
from faust.transport.consumer import RecordMap
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.transports import ConsumerT
from mode.threads import WorkerThread

from processors import metrics
from processors.notices.stream.bundles import Bundle, Records, bundled
from processors.notices.stream.ends import Ends
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces
from processors.notices.stream.readable import read_any_name
from processors.runtime.logs import log

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

Bounds = Mapping[TP, tuple[int, int]]
"""Where the log of each partition begins and ends."""
StartAt = Callable[[Bounds], Awaitable[Mapping[TP, int]]]
"""Asks the database where to read each partition from."""


UNSOUGHT_SECONDS: Final = 0.05


class KnowsCursors(Protocol):
    """The application, as far as its consumer asks it."""

    start_at: StartAt
    places: AssignedPlaces
    bundle: int


class _Daemon(WorkerThread):
    """A thread that keeps no process alive that has crashed."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.daemon = True


class CursorConsumerThread(AIOKafkaConsumerThread):
    """The client of Kafka, in a thread of its own: its heartbeats go on whatever we do."""

    Worker = _Daemon
    seeking: int | None = None
    """The generation of the group for which the partitions are to be set."""
    sought: int | None = None
    """The generation of the group in which the partitions were set to the database's cursors."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._ends = Ends()

    def _create_worker_consumer(self, transport: Transport) -> "AIOKafkaConsumer":
        """As Faust makes it, but blind for what a transactional producer has aborted."""
        read_any_name()
        consumer = super()._create_worker_consumer(transport)
        # Faust reads committed records only where it also writes in transactions.
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - given to the fetcher at start
        return consumer

    async def _seek_wait(self, consumer: "AIOKafkaConsumer", partitions: Mapping[TP, int]) -> None:
        """As Faust's: it sets all positions before it waits for anything.

        So nothing is fetched between the two, and what is fetched afterwards counts, whenever the
        event loop hears of it. Records that were thrown away then would never come again.
        """
        self.sought = self.seeking
        self._ends.seek(partitions)
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(self, *arguments: Any, **more: Any) -> RecordMap:
        """Records by the bundle, once the partitions were set to the database's cursors.

        A fetch that waited while they were given anew would bring what follows on Kafka's hint, or
        complain that there is none.
        """
        try:
            records = await super()._fetch_records(*arguments, **more)
        except NoOffsetForPartitionError:
            if self._is_sought:
                raise
            records = {}
        if self._is_sought:
            self._note_ends(records)
            return bundled(records, self._lane.bundle)
        await asyncio.sleep(UNSOUGHT_SECONDS)
        return {}

    def _note_ends(self, records: RecordMap) -> None:
        """Tells where nothing but markers follows what was given."""
        self._ends.give({tp: of_tp[-1].offset + 1 for tp, of_tp in records.items() if of_tp})
        consumer = self._ensure_consumer()
        positions = {}
        for tp in consumer.assignment():
            state = consumer._subscription.subscription.assignment.state_value(tp)  # noqa: SLF001 - asking it waits for a partition that has none
            if state is not None and state.has_valid_position:
                positions[tp] = state.position
        self._lane.places.reach(self._ends.reached(positions))

    @property
    def _lane(self) -> KnowsCursors:
        return cast("KnowsCursors", self.app)

    @property
    def _is_sought(self) -> bool:
        return bool(self.sought == self.app.consumer_generation_id)

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """One of our lines, instead of a traceback on the terminal."""
        del kwargs
        log().error("kafka_client", says=msg.format(*fmt))


class CursorConsumer(Consumer):
    """Starts every assignment where the database stands."""

    _thread: CursorConsumerThread

    @property
    def _lane(self) -> KnowsCursors:
        return cast("KnowsCursors", self.app)

    def _new_consumer_thread(self) -> CursorConsumerThread:
        return CursorConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Records) -> Bundle:
        return Bundle(tp, record, self.app.consumer_generation_id)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: what lies between two bundles' offsets is in the second, or no record."""

    def _new_offset(self, tp: TP) -> int | None:
        """Behind the last bundle that was acknowledged: the agents acknowledge in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seeks every partition of ours to the database's cursor; where that is.

        Nowhere if partitions were given anew meanwhile: then whoever seeks for those has done it,
        and what we know is what was.
        """
        generation = self.app.consumer_generation_id
        assigned = self.assignment()
        firsts = await self.earliest_offsets(*assigned) if assigned else {}
        ends = await self.highwaters(*assigned) if assigned else {}
        starts = await self._lane.start_at({tp: (firsts[tp], ends[tp]) for tp in assigned})
        if generation != self.app.consumer_generation_id:
            return {}
        # Before the seeks: records may come before we hear that these are done.
        self._lane.places.start(starts, generation)
        self._thread.seeking = generation
        if starts:
            await self.seek_wait(starts)
        else:
            self._thread.sought = generation
        metrics.REBALANCES.labels("assigned").inc()
        return starts

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """The group may have nothing for us: then Faust seeks nothing either."""
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            self._lane.places.start({}, generation_id)
            self._thread.sought = generation_id

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """What is in hand of them is another's from now on."""
        self._lane.places.revoke(revoked)
        self._lane.places.wait()
        metrics.REBALANCES.labels("revoked").inc()
        await super().on_partitions_revoked(revoked)


class CursorTransport(Transport):
    """Makes that consumer."""

    Consumer: ClassVar[type[ConsumerT]] = CursorConsumer
