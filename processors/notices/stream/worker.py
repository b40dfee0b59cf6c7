"""The worker `notices`: reads the lane's topics and decides, until it is asked to stop.

run: one life in one event loop, `Life`
app, consumer: Faust in the one shape that loses nothing
lane, batches: what an agent does with a batch, in the thread of `database`
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaException

from processors import metrics
from processors.notices.deciding.reminders import Timer
from processors.notices.stream.app import LaneApp, add_agents, make_app
from processors.notices.stream.batches import Deciding
from processors.notices.stream.database import Ending, LaneDatabase
from processors.notices.stream.deciders import deciders, timer
from processors.notices.stream.lane import Lane
from processors.notices.stream.places import AssignedPlaces
from processors.notices.stream.watching import Watching
from processors.pipeline.pipeline import NOTICES
from processors.pipeline.recreated import refuse_recreated
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import TROUBLES, TopicChanged, waited_out
from processors.runtime.garbage import Garbage
from processors.runtime.health import Health
from processors.runtime.kafka.errors import LACKING
from processors.runtime.logs import hand_on, log
from processors.runtime.loop import SAMPLE_SECONDS, Backoff, in_short
from processors.runtime.stopping import Stop
from processors.runtime.worker import new_instance
from schemas import remedies
from schemas.errors import AccessRefused
from store.postgres import migrate, worker_beats
from store.postgres.session import Database, raw
from store.reads import gauges

TURN_SECONDS: Final = 0.1
"""Between two looks whether to stop, and whether the application has crashed."""
GARBAGE_TURNS: Final = 50
"""Turns between two collections: five seconds, for what a library left in cycles meanwhile."""
PAUSED_SAMPLE_SECONDS: Final = 1.0
TIMER_SECONDS: Final = 1.0
"""Between two looks at what is due by time."""
LEAVE_SECONDS: Final = 10.0
"""For leaving the group in order; a broker that is away must not keep a worker from its end."""
CRASH_SECONDS: Final = 0.5
"""The same after a crash: what is in hand is void, and the next start must not wait."""
_LIBRARIES: Final = ("faust", "mode", "aiokafka")


def run(configuration: LaneConfiguration, health: Health, stop: Stop) -> None:
    """Runs until it is asked to stop. Raises as the loop of the other workers does."""
    for library in _LIBRARIES:
        hand_on(library, "kafka_client").setLevel("WARNING")
    if configuration.kafka.group_protocol == "consumer":
        log().warning(
            "classic_protocol",
            why="POINTS_KAFKA__GROUP_PROTOCOL=consumer is not for the worker notices: its client "
            "speaks the classic protocol only",
        )
    life = Life(configuration, health, stop, deciders(configuration), timer(configuration))
    asyncio.run(life.live())


class Life:
    """One worker from its start to its end."""

    def __init__(
        self,
        configuration: LaneConfiguration,
        health: Health,
        stop: Stop,
        deciding: Mapping[str, Deciding],
        timer: Timer,
    ) -> None:
        """`deciding` by topic, and by time."""
        self._configuration, self._health, self._stop = configuration, health, stop
        self._deciding, self._timer = deciding, timer
        self._timer_on: Database | None = None
        self._timing: asyncio.Task[bool] | None = None
        self._timer_at = 0.0
        self._database = LaneDatabase(configuration, health)
        self._instance = new_instance()
        self._watching: Watching | None = None
        self._app: LaneApp | None = None
        self._lane: Lane | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._sample_at = 0.0
        self._kafka_trouble: str | None = None

    async def live(self) -> None:
        """Works until it is asked to stop. Raises what ends it otherwise."""
        starting, garbage = asyncio.create_task(self._start()), Garbage(GARBAGE_TURNS)
        try:
            while not self._stop.asked:
                self._turn(starting)
                garbage.turn()
                await asyncio.sleep(TURN_SECONDS)
        except BaseException as error:
            # Crash-only: nothing in hand is saved by an error; the database has what was committed.
            why = f"ended: {in_short(error)}"
            await self._end(
                CRASH_SECONDS,
                partial(worker_beats.beat, kind=NOTICES, instance=self._instance, trouble=why),
            )
            raise
        finally:
            starting.cancel()
        if self._lane is not None:
            self._database.end()
            await self._lane.finish()
        await self._end(
            LEAVE_SECONDS, partial(worker_beats.leave, kind=NOTICES, instance=self._instance)
        )

    def _turn(self, starting: "asyncio.Task[None]") -> None:
        self._health.beat()
        if starting.done() and not starting.cancelled():
            starting.result()
        if self._app is not None and self._app.crashed:
            raise self._explained(self._app.crash_reason or RuntimeError("Faust has crashed"))
        if self._watching is not None and self._app is not None:
            self._watching.look(self._app)
        self._sample()
        self._decide_by_time()
        self._report(self._trouble())

    async def _start(self) -> None:
        watching = await self._patiently_watching()
        topics = watching.topics
        await self._database.call(partial(self._refuse_recreated, watching))
        places = AssignedPlaces(topics.cluster, topics.uuids)
        lane = Lane(self._configuration, self._database, places, self._deciding)
        group = self._configuration.kafka.group_of(NOTICES)
        batch = self._configuration.notices.batch
        app = make_app(self._configuration.kafka, group, places, lane.start_at, batch)
        add_agents(app, self._configuration.notices, lane.work())
        self._watching, self._lane, self._app = watching, lane, app
        await app.start()

    async def _patiently_watching(self) -> Watching:
        """Waits for the brokers. Raises a PointsError that needs an operator."""
        backoff = Backoff()
        while True:
            try:
                return await asyncio.to_thread(
                    Watching, self._configuration, NOTICES, list(self._deciding)
                )
            except TROUBLES as error:
                self._kafka_trouble = f"kafka: {waited_out(error, first=True)}"
                metrics.BROKER_TROUBLES.inc()
                await asyncio.sleep(backoff.next())

    def _refuse_recreated(self, watching: Watching, connection: Database) -> None:
        for topic, uuid in watching.topics.uuids.items():
            refuse_recreated(raw(connection), NOTICES, watching.topics.cluster, topic, uuid)

    def _explained(self, error: BaseException) -> BaseException:
        """What the client of Kafka ended with, as an operator can use it."""
        if isinstance(error, OffsetOutOfRangeError):
            return TopicChanged(
                "the cursor of a partition lies outside the log: records were lost to retention, "
                "or the topic was recreated",
                remedies.adopt_cursor(NOTICES),
            )
        denied = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)
        if isinstance(error, denied) and self._watching is not None:
            with suppress(KafkaException):
                lacking = self._watching.rights.now()
                if lacking is not None:
                    return AccessRefused(lacking, LACKING)
        return error

    def _trouble(self) -> str | None:
        """Why it cannot do its work at the moment; None when it can."""
        if self._database.trouble is not None:
            return self._database.trouble
        if self._watching is None or self._lane is None:
            return self._kafka_trouble or "starting"
        if (trouble := self._watching.trouble()) is not None:
            return trouble
        if self._lane.pause is not None:
            return f"paused: {self._lane.pause}"
        if self._app is None or not self._app.places.answered:
            return "kafka: waiting for the group to assign partitions"
        return None

    def _report(self, reason: str | None) -> None:
        if self._health.become(reason):
            if reason is None:
                log().info("ready")
            else:
                log().warning("not_ready", why=reason)

    def _sample(self) -> None:
        """By the clock: proves that it can write, and looks whether the lane is paused."""
        if self._sampling is not None:
            if not self._sampling.done():
                return
            self._sampling.result()
            self._sampling = None
        if self._lane is not None and time.monotonic() >= self._sample_at:
            paused = self._lane.pause is not None
            self._sample_at = time.monotonic() + (
                PAUSED_SAMPLE_SECONDS if paused else SAMPLE_SECONDS
            )
            self._sampling = asyncio.create_task(self._look_into_database(self._lane))

    def _decide_by_time(self) -> None:
        """A piece at a time, and a moment apart when there is nothing."""
        if self._timing is not None:
            if not self._timing.done():
                return
            more = self._timing.result()
            self._timing = None
            self._timer_at = time.monotonic() + (0.0 if more else TIMER_SECONDS)
        lane = self._lane
        if lane is None or lane.pause is not None or time.monotonic() < self._timer_at:
            return
        self._timing = asyncio.create_task(self._timed())

    async def _timed(self) -> bool:
        with suppress(Ending):
            return await self._database.call(self._timer_turn)
        return False

    def _timer_turn(self, connection: Database) -> bool:
        if connection is not self._timer_on:
            self._timer.use(connection)
            self._timer_on = connection
        return self._timer.turn()

    async def _look_into_database(self, lane: Lane) -> None:
        with suppress(Ending):
            lane.show_pause(await self._database.call(partial(self._beat, lane)))

    def _beat(self, lane: Lane, connection: Database) -> str | None:
        migrate.check(connection)
        worker_beats.beat(connection, NOTICES, self._instance, self._health.reason)
        metrics.SETTINGS_EPOCH.set(gauges.epoch(raw(connection)))
        metrics.LAST_SAMPLE.set(time.time())
        lane.refuse_set_back(connection)
        pause = lane.look_for_pause(connection)
        if pause is None:
            lane.pass_markers(connection)
        return pause

    async def _end(self, seconds: float, last: "partial[None]") -> None:
        """Leaves the group, and notes in the database that it ended."""
        self._database.end()
        if self._app is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._app.stop(), seconds)
        await self._database.close(last)
