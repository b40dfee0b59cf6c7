"""The feed between refusals: nothing is skipped, and only what holds no record is passed over."""

import random
import threading
import time

from confluent_kafka import Producer

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka.feed import Feed
from store.streams.cursors import PartitionId
from tests.support.engine import Engine

RECORDS = 1_000
SECONDS = 120


def test_refused_batches_and_markers_lose_no_record(engine: Engine) -> None:
    """A batch that is refused is read again, whatever end of the log was seen meanwhile."""
    topic = engine.topics["orders"]
    cursors: dict[PartitionId, int] = {}
    configuration = KafkaConfiguration(
        bootstrap_servers=engine.bootstrap, group_id=f"{engine.prefix}g"
    )
    feed = Feed(configuration, "feed", [topic], cursors.setdefault)
    feed.subscribe()
    writer = threading.Thread(target=_write, args=[engine], daemon=True)
    writer.start()
    applied: list[bytes] = []
    control = 0
    deadline = time.monotonic() + SECONDS
    noise = random.Random(4)
    while len(applied) < RECORDS or writer.is_alive() or feed.ahead():
        assert time.monotonic() < deadline, f"{len(applied)} of {RECORDS}"
        batch = feed.batch(50, 0.01)
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
