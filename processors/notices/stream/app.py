"""The Faust application in the one shape that loses nothing.

See docs/explanation/notices-stream.md for why each setting is as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import faust
from aiokafka.errors import KafkaError
from faust.types.transports import TransportT
from mode import ServiceT
from mode.supervisors import CrashingSupervisor

from processors.notices.stream.bundles import BUNDLES, size_of_bundles
from processors.notices.stream.consumer import CursorTransport, StartAt
from processors.notices.stream.faust_types import TP, Stream, batches_of
from processors.notices.stream.login import credentials_of
from processors.notices.stream.places import AssignedPlaces
from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka.clients import NEW_PARTITIONS_MS, SESSION_MS
from processors.runtime.notices_configuration import NoticesConfiguration

POLL_INTERVAL: Final = timedelta(days=1)
"""For which the client may ask for no records: a pipeline is paused for as long as it takes an
operator, and whether the worker is alive says its event loop.
"""
COMMIT_SECONDS: Final = 5.0
"""Between two hints to Kafka of where we are."""

Work = Callable[[Sequence[faust.EventT[Any]]], Awaitable[bool]]
"""Does what a batch of events asks for; whether that is committed."""


class LaneApp(faust.App):
    """Reads topics for the lane; writes none, declares none and keeps no state."""

    def __init__(
        self,
        *arguments: Any,
        start_at: StartAt,
        places: AssignedPlaces,
        batch: int,
        **settings: Any,
    ) -> None:
        """`start_at` answers where to begin, `places` hears which partitions we have.

        `batch`: how many records make a batch.
        """
        super().__init__(*arguments, **settings)
        self.start_at, self.places = start_at, places
        self.bundle = size_of_bundles(batch)

    def _new_transport(self) -> TransportT:
        return CursorTransport(self.conf.broker_consumer, self)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Without Faust's sensor, which counts at each step of each event what nobody asks for."""
        dependencies = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return dependencies

    def on_rebalance_start(self) -> None:
        """As Faust's, which takes no sensors for an answer that was lost, and warns of it."""
        super().on_rebalance_start()
        self._rebalancing_sensor_state = self._rebalancing_sensor_state or {"none": None}

    def _create_directories(self) -> None:
        """None: there are no tables to keep in them."""

    def show_lag(self) -> None:
        """Tells the metrics how many records are left of each partition."""
        if not self.places.answered:
            return
        lags = {}
        for key, place in self.places.places.items():
            with suppress(AssertionError, KafkaError):  # revoked meanwhile
                end = self.consumer.highwater(TP(*key)) or 0
                lags[place] = max(0, end - self.places.positions.get(place, end))
        self.places.show_lag(lags)


def make_app(
    kafka: KafkaConfiguration,
    group: str,
    places: AssignedPlaces,
    start_at: StartAt,
    batch: int,
) -> LaneApp:
    """The application, without agents. Raises LoginRefused for a login that its client has not."""
    servers = [f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")]
    return LaneApp(
        group,
        start_at=start_at,
        places=places,
        batch=batch,
        stream_buffer_maxsize=2 * BUNDLES,
        broker=servers,
        broker_client_id="points-notices",
        broker_credentials=credentials_of(kafka),
        broker_session_timeout=SESSION_MS / 1000,
        broker_heartbeat_interval=SESSION_MS / 3000,
        broker_max_poll_interval=POLL_INTERVAL.total_seconds(),
        broker_commit_interval=COMMIT_SECONDS,
        broker_commit_every=None,
        # Out of range stops, and never skips: the cursor is wrong, or records were lost.
        consumer_auto_offset_reset="none",
        consumer_metadata_max_age_ms=NEW_PARTITIONS_MS,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        agent_supervisor=CrashingSupervisor,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        web_enabled=False,
        autodiscover=False,
    )


def add_agents(app: LaneApp, lane: NoticesConfiguration, work: Mapping[str, Work]) -> None:
    """An agent for each topic: batch, one transaction, then acknowledge, in order."""
    for topic, of_topic in work.items():
        app.agent(app.topic(topic, key_type=bytes, value_type=bytes), name=topic, concurrency=1)(
            _agent(of_topic, lane)
        )


def _agent(work: Work, lane: NoticesConfiguration) -> Callable[[Stream], Awaitable[None]]:
    most = min(BUNDLES, lane.batch)

    async def agent(stream: Stream) -> None:
        committing: asyncio.Task[None] | None = None
        try:
            # A batch is collected while the one before it is in the database. What that fails with
            # ends the group at once, and not with the next batch.
            async with asyncio.TaskGroup() as group:
                async for events in batches_of(stream, most, lane.within_ms / 1000):
                    if committing is not None:
                        await committing
                    committing = group.create_task(_commit(work, events))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    return agent


async def _commit(work: Work, events: Sequence[faust.EventT[Any]]) -> None:
    # I6: nothing is acknowledged before the transaction of its effects; but for what was read
    # in an older generation, which is read again at the cursor, whatever Kafka's hint says.
    if await work(events):
        for event in events:
            event.ack()
