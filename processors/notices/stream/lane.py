"""What the agents share: the database's thread, our partitions, and whether the lane is paused."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from processors import metrics
from processors.notices.stream.app import Work
from processors.notices.stream.batches import Batch, Deciding, TopicBatches, set_back
from processors.notices.stream.consumer import Bounds
from processors.notices.stream.database import Ending, LaneDatabase
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces
from processors.notices.stream.records import records_of
from processors.pipeline.bisection import Interrupted
from processors.pipeline.pipeline import NOTICES, Pipeline, dead_letters_of_notices
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import TopicChanged
from schemas import remedies
from schemas.errors import PointsError
from store.postgres.session import Database, raw
from store.streams import cursors, quarantine


class Lane:
    """The lane's pipeline, as its agents work it off."""

    def __init__(
        self,
        configuration: LaneConfiguration,
        database: LaneDatabase,
        places: AssignedPlaces,
        deciding: Mapping[str, Deciding],
    ) -> None:
        """`deciding` by topic."""
        topics = configuration.topics
        letters = dead_letters_of_notices(topics)
        self._database, self._places = database, places
        self._pipeline = Pipeline(NOTICES, configuration, places, letters)
        self._batches = {
            # Only the first is written by nobody but us: never compacted, and not in transactions.
            topic: TopicBatches(
                self._pipeline,
                places,
                of_topic,
                gapless=topic == topics.points_changed,
                personal=topic == topics.customers,
            )
            for topic, of_topic in deciding.items()
        }
        self._stopping = False
        self._busy = 0
        self.pause: str | None = None
        self._going, self._idle = asyncio.Event(), asyncio.Event()
        self._going.set()
        self._idle.set()

    def work(self) -> Mapping[str, Work]:
        """What is done with the events of each topic."""
        return {topic: partial(self._work_off, batches) for topic, batches in self._batches.items()}

    async def _work_off(self, batches: TopicBatches, events: Sequence[Any]) -> bool:
        """Whether what the events ask for is committed; otherwise they are read again."""
        batch = Batch(records_of(events, self._places), self._places.generation)
        self._busy += 1
        self._idle.clear()
        try:
            while not self._stopping:
                self.show_pause(await self._database.call(partial(self._try, batches, batch)))
                if self.pause is None:
                    return batch.generation == self._places.generation
                await self._going.wait()
        except (Ending, Interrupted):
            pass
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()
        return False

    def _try(self, batches: TopicBatches, batch: Batch, connection: Database) -> str | None:
        return batches.work_off(connection, batch, lambda: self._stopping)

    def show_pause(self, reason: str | None) -> None:
        """The pipeline is paused for this reason, or an operator has resumed it."""
        self.pause = reason
        if reason is None or self._stopping:
            self._going.set()
        else:
            self._going.clear()
        metrics.PIPELINE_PAUSED.labels(NOTICES).set(reason is not None)

    def look_for_pause(self, connection: Database) -> str | None:
        """Why the pipeline is paused, as the database says."""
        pause = quarantine.paused(raw(connection), NOTICES)
        return pause[1] if pause is not None else None

    def refuse_set_back(self, connection: Database) -> None:
        """Looks for cursors that were set back, since no record may come that would show it.

        Raises CursorMoved.
        """
        # Before the cursors: these only move forward otherwise.
        positions = self._places.positions.copy()
        found = cursors.positions(raw(connection), self._places.cluster)
        for place, before in positions.items():
            at = found.get((NOTICES, place.topic_uuid, place.partition))
            if at is not None and at < before:
                raise set_back(place, before, at)

    def pass_markers(self, connection: Database) -> None:
        """Nothing is left of a log that ends with markers of transactional producers (I7)."""
        for topic, batches in self._batches.items():
            batches.pass_markers(connection, topic)

    async def start_at(self, bounds: Bounds) -> Mapping[TP, int]:
        """Where to read partitions from: the database's cursors, else the beginnings of the logs.

        Raises TopicChanged where a cursor lies outside its log.
        """
        return await self._database.call(partial(self._start_at, bounds))

    def _start_at(self, bounds: Bounds, connection: Database) -> Mapping[TP, int]:
        starts = {}
        for tp, (first, end) in bounds.items():
            place = self._places.place(tp)
            at = cursors.start(raw(connection), NOTICES, self._places.cluster, place, first)
            if not first <= at <= end:
                raise TopicChanged(
                    f"the cursor of {tp.topic}/{tp.partition} is at {at}, outside the log, which "
                    f"goes from {first} to {end}: records were lost to retention, or the topic was "
                    "recreated",
                    remedies.adopt_cursor(NOTICES),
                    where=tp.topic,
                )
            starts[tp] = at
        return starts

    async def finish(self) -> None:
        """The batches in hand are finished, and no others begun.

        Markers at the ends of logs are passed: once retention has taken them, nothing tells them
        from records that were lost.
        """
        self._stopping = True
        self._going.set()
        await self._idle.wait()
        if any(self._places.ahead(topic) for topic in self._batches):
            with suppress(Ending, PointsError):
                await self._database.call(self.pass_markers)
