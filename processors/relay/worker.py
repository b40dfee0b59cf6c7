"""The relay: sends the outbox's heads to Kafka and deletes what was delivered.

See architecture.md 2.5, I4.

A crash between delivery and deletion sends a row again, with the same event id: consumers drop a
`sequence` they know.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from confluent_kafka import KafkaException, Producer

from processors import metrics
from processors.relay import landing
from processors.relay.lane import FULL_HEAD, Landed, Lane, Rest, any_lands
from processors.relay.records import topics_of_kinds
from processors.runtime.configuration import Configuration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.clients import ClientErrorListener, producer
from processors.runtime.logs import log
from processors.runtime.phases import PHASES
from processors.runtime.worker import DatabaseWorker
from processors.tracing.spans import spans
from schemas import remedies
from store.postgres.session import Database, raw
from store.streams import outbox
from store.streams.outbox import EVENT_SHARDS, SHARD_OF_KIND, OutboxKind

SHARD_SECONDS = 1.0
"""Between two looks who shares the shards."""
FIRST_RELAY_SLEEP, LONGEST_RELAY_SLEEP = 0.005, 0.05
"""Seconds to wait while the outbox is empty, growing from the first to the longest."""
GATHER_SECONDS = 0.04
"""After a head that is not full a lane lets more come together: a flight costs both servers more
than some records more in it.
"""
ANSWERS, FEW_ANSWERS_SECONDS, ANSWERS_SECONDS = 20, 0.02, 0.005
"""Somebody waits for each answer: half as long after so many at most, as of commands that come one
by one; behind a batch of commands is the next one, and the shorter time.
"""
COMMANDS_SECONDS = 0.25
"""The same of commands that were applied without Kafka: they were answered, and nobody waits for
them. The worker that meets them as repeats takes a hundred at once in little more time than one.
"""
RESTS: Final[Mapping[int, Sequence[Rest]]] = {
    SHARD_OF_KIND[OutboxKind.COMMAND_RESULT]: [
        (ANSWERS, FEW_ANSWERS_SECONDS),
        (FULL_HEAD, ANSWERS_SECONDS),
    ],
    SHARD_OF_KIND[OutboxKind.COMMAND]: [(FULL_HEAD, COMMANDS_SECONDS)],
}
USUAL_REST: Final[Sequence[Rest]] = [(FULL_HEAD, GATHER_SECONDS)]
FLUSH_SLICE = 0.25
"""Seconds for which deliveries are awaited in a turn."""
CLOSE_SECONDS = 5.0
"""For what is on its way when the relay is to stop."""
TOPICS_TIMEOUT = 5.0


class Relay(DatabaseWorker):
    """Sends what is in its share of the shards."""

    def __init__(self, configuration: Configuration, connection: Database) -> None:
        """Takes no shard yet; `turn` does.

        Raises TopicChanged when the topic of the members' events is missing, KafkaException when
        the broker does not answer.
        """
        self._kafka = configuration.kafka
        self._listener = ClientErrorListener()
        self._topics = topics_of_kinds(configuration.topics)
        self._lanes = lanes_of(self._topics, self._producer)
        self._sleep = FIRST_RELAY_SLEEP
        self._told: str | None = None
        self._check_topics()
        super().__init__(connection)

    @classmethod
    def of(cls, configuration: Configuration, connection: Database) -> Self:
        """A relay to the configured topics. Its turns are short, whatever the brokers do."""
        return cls(configuration, connection)

    def _producer(self, more: Mapping[str, Any]) -> Producer:
        return Producer(
            {**producer(self._kafka, "relay"), "error_cb": self._listener, **more},
        )

    def _check_topics(self) -> None:
        client = self._lanes[0].connect()
        try:
            known = client.list_topics(timeout=TOPICS_TIMEOUT).topics
        except KafkaException:
            client.poll(0)
            if self._listener.refused is not None:
                raise KafkaException(self._listener.refused) from None
            raise
        missing = sorted(set(self._topics.values()) - known.keys())
        if not missing:
            return
        remedy = "create them with `points topics apply`"
        what = f"topics {', '.join(missing)} do not exist"
        if self._topics[OutboxKind.CHANGED] in missing:
            raise TopicChanged(what, remedy)
        # Members' events do not wait for a topic that others need.
        log().warning("topics_missing", why=f"{what}: {remedy}")

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; the shards' locks went with the old one."""
        super().use(connection)
        for lane in self._lanes:
            lane.abandon()
        cursor = raw(connection)
        outbox.relax(cursor)
        outbox.join_relays(cursor)
        self.shards: set[int] = set()
        self._share: set[int] = set()
        self._shards_at = 0.0

    def turn(self) -> float:
        """Sends the heads of its shards, and deletes what was delivered.

        While there is nothing, waits a little longer each time.
        """
        self._share_shards()
        self._fill()
        delivered = self._settle() if self._await() else 0
        self.worked = delivered > 0
        if delivered:
            self._sleep = FIRST_RELAY_SLEEP
        if any(lane.flying for lane in self._lanes):
            return 0.0
        if delivered:
            return 0.0 if delivered >= FULL_HEAD else next_look(self._lanes)
        self._sleep = min(LONGEST_RELAY_SLEEP, self._sleep * 1.2)
        return self._sleep if self.shards else SHARD_SECONDS

    def _share_shards(self) -> None:
        """Takes what is in this relay's share and free; gives back what is in another one's."""
        cursor = raw(self._connection)
        if time.monotonic() > self._shards_at:
            self._shards_at = time.monotonic() + SHARD_SECONDS
            self._share = outbox.share(cursor)
            for shard in sorted(self._share - self.shards):
                if outbox.try_shard(cursor, shard):
                    self.shards.add(shard)
        for lane in self._lanes:
            leaving = [] if lane.flying else self.shards.intersection(lane.shards) - self._share
            for shard in leaving:
                self.shards.discard(shard)
                lane.forget(shard)
                outbox.give_back(cursor, shard)
        metrics.RELAY_SHARDS.set(len(self.shards))

    def _fill(self) -> None:
        """Sends the heads of all open shards that are ours and are to stay so."""
        ours = self.shards & self._share
        wanted = {lane: ours.intersection(lane.open_shards()) for lane in self._lanes}
        shards = sorted(shard for open_shards in wanted.values() for shard in open_shards)
        limit, size = self.share_of(outbox.HEAD_EVENTS), self.share_of(outbox.HEAD_BYTES)
        rows = outbox.head(raw(self._connection), shards, limit, size) if shards else []
        for lane, open_shards in wanted.items():
            mine = [row for row in rows if row.shard in open_shards]
            if mine:
                with PHASES.spending("produce"):
                    lane.send(mine)

    def _await(self) -> bool:
        """Waits a moment for deliveries; whether a flight has landed.

        No transaction is open meanwhile: the shards are ours for as long as the connection lives.
        """
        flying = [lane for lane in self._lanes if lane.flying]
        if not flying:
            return False
        # While no event is on its way, new ones must not wait for what is slow.
        with PHASES.spending("produce"):
            return any_lands(flying, FLUSH_SLICE if self._lanes[0].flying else LONGEST_RELAY_SLEEP)

    def _settle(self) -> int:
        """Lets the database know what has landed; how many records were delivered."""
        delivered = 0
        for lane in self._lanes:
            if lane.wait(0):
                landed = lane.landed()
                landing.keep(self._connection, landed, remedies.refused_row("relay"))
                lane.close_flight()
                _observe(landed, self._topics[OutboxKind.CHANGED])
                delivered += sum(landed.records.values())
        return delivered

    def trouble(self) -> str | None:
        """Why rows wait that should not: a shard that is held, or no progress."""
        reason = next(filter(None, (lane.trouble() for lane in self._lanes)), None)
        kind = reason.partition(":")[0] if reason is not None else None
        if kind is not None and kind != self._told:
            metrics.BROKER_TROUBLES.inc()
        self._told = kind
        return reason

    def close(self) -> None:
        """Gives what is on its way some seconds to arrive; the rest is sent again later."""
        deadline = time.monotonic() + CLOSE_SECONDS
        for lane in self._lanes:
            lane.wait(max(0.0, deadline - time.monotonic()))
        if not self._connection.closed:
            self._settle()
        for lane in self._lanes:
            lane.abandon()


def lanes_of(
    topics: Mapping[OutboxKind, str], make: Callable[[dict[str, Any]], Producer]
) -> list[Lane]:
    """The lane of events, and one for each shard of what else is sent."""
    lanes = [Lane("events", range(EVENT_SHARDS), topics, make, USUAL_REST)]
    for shard in range(EVENT_SHARDS, outbox.SHARDS):
        kinds = [kind.name.lower() for kind, at in SHARD_OF_KIND.items() if at == shard]
        lanes.append(Lane(kinds[0], [shard], topics, make, RESTS.get(shard, USUAL_REST)))
    return lanes


def next_look(lanes: Sequence[Lane]) -> float:
    """Seconds until one of the lanes that rest goes on; whatever rests longer holds up no event."""
    return min([GATHER_SECONDS, *filter(None, (lane.resting() for lane in lanes))])


def _observe(landed: Landed, topic: str) -> None:
    """Tells metrics and traces; `topic` is that of events."""
    landing.count(landed)
    spans().sent(topic, [trace for _, trace in landed.traces], landed.sent_ns)
    now = time.time()
    ages: list[float] = []
    trace_at = dict(landed.traces)
    traces: list[bytes | None] = []
    for recorded_at, count in landed.recorded.items():
        age = max(0.0, now - datetime.fromisoformat(recorded_at).timestamp())
        ages += [age] * count
        traces += [trace_at.get(recorded_at)] * count
    metrics.END_TO_END.observe_all(ages, traces.__getitem__)
