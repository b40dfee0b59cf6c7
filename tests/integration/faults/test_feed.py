"""The feed between refusals: nothing is skipped, and only what holds no record is passed over."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.failures import is_waited_out
from processors.runtime.kafka.feed import FIRST_SECONDS, Feed, Record
from store.streams.cursors import PartitionId
from tests.support.engine import Engine, wait_for

RECORDS = 1_000
SECONDS = 120


def opened(engine: Engine, start_at: Callable[[PartitionId, int], int]) -> Feed:
    """A feed of the orders that has joined its group."""
    configuration = KafkaConfiguration(
        bootstrap_servers=engine.bootstrap, group_id=f"{engine.prefix}g"
    )
    feed = Feed(configuration, "feed", [engine.topics["orders"]], start_at)
    feed.subscribe()
    return feed


def test_refused_batches_and_markers_lose_no_record(engine: Engine) -> None:
    """A batch that is refused is read again, whatever end of the log was seen meanwhile."""
    cursors: dict[PartitionId, int] = {}
    feed = opened(engine, cursors.setdefault)
    writer = threading.Thread(target=_write, args=[engine], daemon=True)
    writer.start()
    applied: list[bytes] = []
    control = 0
    deadline = time.monotonic() + SECONDS
    noise = random.Random(4)
    while len(applied) < RECORDS or writer.is_alive() or feed.ahead():
        assert time.monotonic() < deadline, f"{len(applied)} of {RECORDS}"
        batch = _next(feed, 50, 0.01)
        if noise.random() < 0.3:
            feed.drop()
            if noise.random() < 0.2:
                feed.idle(0.05)
            continue
        ends = {record.place: record.offset + 1 for record in batch}
        for place, end in ends.items():
            mine = [record for record in batch if record.place == place]
            control += end - cursors[place] - len(mine)
            applied += [record.message.value() or b"" for record in mine]
        cursors.update(ends)
        feed.done(ends)
        ahead = feed.ahead()
        control += sum(end - cursors[place] for place, end in ahead.items())
        cursors.update(ahead)
        feed.done(ahead)
    feed.close()
    assert sorted(map(int, applied)) == list(range(RECORDS))
    assert sum(cursors.values()) - len(applied) == control


def test_partitions_that_are_held_back_go_on_where_they_were_and_others_are_read_meanwhile(
    engine: Engine,
) -> None:
    topic = engine.topics["orders"]
    cursors: dict[PartitionId, int] = {}
    feed = opened(engine, cursors.setdefault)
    _put(engine, {0: ["a0", "a1"], 1: ["b0", "b1", "b2"]})
    first = _read(feed, 5)
    large = next(record.place for record in first if record.place.partition == 1)
    generation = feed.generation
    feed.hold_back({large, PartitionId(topic, "another", 9)})
    _put(engine, {0: ["a2"], 1: ["b3"]})
    assert _values(_read(feed, 1)) == [(0, "a2")]
    _put(engine, {0: ["a3"]})
    assert _values(_read(feed, 1)) == [(0, "a3")]
    feed.hold_back(set())
    assert _values(_read(feed, 1)) == [(1, "b3")]
    assert feed.generation == generation
    feed.drop()
    assert len(_read(feed, 8)) == 8
    assert feed.generation > generation
    feed.close()


def test_a_broker_that_cannot_answer_yet_is_asked_again_and_no_record_is_lost(
    engine: Engine,
) -> None:
    """Where partitions are given before their leaders are there, as of new topics."""
    asked: Counter[int] = Counter()

    def start_at(place: PartitionId, first: int) -> int:
        asked[place.partition] += 1
        if (place.partition, asked[1]) == (1, 1):
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return first

    feed = opened(engine, start_at)
    _put(engine, {0: ["a0", "a1"], 1: ["b0"]})
    assert _values(_read(feed, 3)) == [(0, "a0"), (0, "a1"), (1, "b0")]
    assert asked[1] == 2
    feed.close()


class _Noting:
    """A consumer that notes how it was asked."""

    def __init__(self, reader: Consumer) -> None:
        self._reader, self.asked = reader, list[tuple[int, float]]()

    def consume(self, number: int, seconds: float) -> list[Message]:
        self.asked.append((number, seconds))
        return self._reader.consume(number, seconds)


def test_a_quiet_topic_is_waited_for_and_not_looked_at_all_the_time(engine: Engine) -> None:
    """Two commands workers with nothing to do took a twentieth of a core."""
    topic = engine.topics["orders"]
    cursors: dict[PartitionId, int] = {}
    feed = opened(engine, cursors.setdefault)
    _put(engine, {0: ["a0"]})
    _read(feed, 1)
    reader = feed._consumers[topic]
    noting = feed._consumers[topic] = _Noting(reader)  # type: ignore[assignment]

    def waits() -> bool:
        """Where a log ends is told in between, like a record."""
        assert feed.batch(5, 0.001) == []
        return noting.asked[-1] == (1, FIRST_SECONDS)

    wait_for("a call that waits", waits)
    noting.asked.clear()
    assert feed.batch(5, 0) == []
    assert {seconds for _, seconds in noting.asked} == {0}
    _put(engine, {0: ["a1", "a2"]})
    assert _values(_read(feed, 2)) == [(0, "a1"), (0, "a2")]
    feed._consumers[topic] = reader
    feed.close()


def _next(feed: Feed, size: int, wait: float) -> list[Record]:
    """A batch as a worker has it, which waits out a broker that cannot answer yet."""
    try:
        return feed.batch(size, wait)
    except KafkaException as error:
        if not is_waited_out(error):
            raise
        return []


def _values(records: list[Record]) -> list[tuple[int, str]]:
    return [(r.place.partition, (r.message.value() or b"").decode()) for r in records]


def _put(engine: Engine, values: dict[int, list[str]]) -> None:
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    for partition, some in values.items():
        for value in some:
            producer.produce(engine.topics["orders"], value, partition=partition)
    assert producer.flush(20) == 0


def _read(feed: Feed, count: int) -> list[Record]:
    """The next records, so many, and no more that come with them."""
    found: list[Record] = []

    def read() -> bool:
        found.extend(_next(feed, 10, 0.1))
        return len(found) >= count

    wait_for("the records", read)
    assert len(found) == count
    return sorted(found, key=lambda record: (record.place, record.offset))


def _write(engine: Engine) -> None:
    """Transactions of ten records, a third of them aborted and written again."""
    producer = Producer(
        {
            "bootstrap.servers": engine.bootstrap,
            "transactional.id": f"{engine.prefix}feed",
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    noise = random.Random(5)
    done = 0
    while done < RECORDS:
        producer.begin_transaction()
        for number in range(done, done + 10):
            producer.produce(engine.topics["orders"], str(number))
        producer.flush(20)
        if noise.random() < 0.3:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
            done += 10
