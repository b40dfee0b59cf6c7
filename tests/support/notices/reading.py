"""The worker `notices` with a double in a process of its own, and what it wrote."""

from collections import Counter
from collections.abc import Mapping

import psycopg
from confluent_kafka import Consumer as Client
from confluent_kafka import Producer, TopicPartition

from tests.support.engine import Engine, Worker, wait_for

CHILD = "tests.support.notices.stream_child"
MISSED_SOON: Mapping[str, str] = {"SESSION_MS": "6000"}
"""For readers that are killed: others need not wait for longer than brokers make them."""


class Reader(Worker):
    """`points run notices` with the double; `left_out` are guards that it does without."""

    def __init__(self, engine: Engine, *left_out: str, **environment: str) -> None:
        log = engine.folder / f"{len(engine.workers)}-notices.log"
        super().__init__(left_out, {**engine.environment, **environment}, log, CHILD)
        engine.workers.append(self)


def prepare(engine: Engine) -> None:
    """The table that the double writes to."""
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            'CREATE TABLE notices.read_record (topic text, "partition" int, "offset" bigint,'
            " value bytea, at timestamptz DEFAULT clock_timestamp())"
        )
        connection.execute("GRANT SELECT, INSERT ON notices.read_record TO points_notices")


def produce(engine: Engine, count: int, *, topic: str = "points_changed", value: str = "n") -> None:
    """So many records, over all partitions in turn."""
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0, "linger.ms": 5})
    for n in range(count):
        producer.produce(
            engine.topics[topic], value.encode(), b"m:%d" % n, partition=n % engine.partitions
        )
        if n % 10_000 == 9_999:
            producer.flush(30)
    assert producer.flush(30) == 0


def read(engine: Engine, topic: str = "points_changed") -> Counter[tuple[int, int]]:
    """How often each partition and offset has a row."""
    return Counter(
        engine.rows(
            'SELECT "partition", "offset" FROM notices.read_record WHERE topic = %s',
            engine.topics[topic],
        )
    )


def lost_and_doubled(engine: Engine, count: int, topic: str = "points_changed") -> tuple[int, int]:
    """Of `count` records produced in turn: how many have no row, and how many have two."""
    rows = read(engine, topic)
    wanted = {(n % engine.partitions, n // engine.partitions) for n in range(count)}
    return len(wanted - rows.keys()), sum(rows.values()) - len(rows)


def wait_read(
    engine: Engine, count: int, topic: str = "points_changed", within: float = 60
) -> None:
    """Return once so many records have rows."""
    wait_for(f"{count} rows", lambda: len(read(engine, topic)) >= count, within)


def positions(engine: Engine, topic: str = "points_changed") -> dict[int, int]:
    """The cursors of a topic."""
    return dict(
        engine.rows(
            "SELECT partition, next_offset FROM notices.cursor WHERE topic = %s",
            engine.topics[topic],
        )
    )


def set_hint(engine: Engine, offset: int, topic: str = "points_changed") -> None:
    """What the group's offsets say of every partition."""
    group = f"{engine.environment['POINTS_KAFKA__GROUP_ID']}.notices"
    client = Client({"bootstrap.servers": engine.bootstrap, "group.id": group, "log_level": 0})
    parts = [TopicPartition(engine.topics[topic], p, offset) for p in range(engine.partitions)]
    client.commit(offsets=parts, asynchronous=False)
    client.close()


def hints(engine: Engine, topic: str = "points_changed", *, of: str = "notices") -> dict[int, int]:
    """What the offsets of a group say, 0 where they say nothing."""
    group = f"{engine.environment['POINTS_KAFKA__GROUP_ID']}.{of}"
    client = Client({"bootstrap.servers": engine.bootstrap, "group.id": group, "log_level": 0})
    parts = [TopicPartition(engine.topics[topic], p) for p in range(engine.partitions)]
    found = {part.partition: max(0, part.offset) for part in client.committed(parts, timeout=20)}
    client.close()
    return found


def set_cursor(engine: Engine, offset: int, topic: str = "points_changed") -> None:
    """Where the database stands in every partition."""
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            "UPDATE notices.cursor SET next_offset = %s, applied = %s - first_offset"
            " WHERE topic = %s",
            [offset, offset, engine.topics[topic]],
        )


def uneven(engine: Engine) -> int:
    """Cursors whose counts do not add up to their offsets (I7)."""
    return int(
        engine.value(
            "SELECT count(*) FROM notices.cursor WHERE next_offset - first_offset"
            " <> applied + duplicate + ignored + parked + dead + control"
        )
    )
