"""Topics, loading and reading back: the benchmark's own clients, apart from any worker's."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupState,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from bench.background import Background
from bench.workloads.workload import Record

PARTITIONS = 4
POLL_SECONDS = 0.05
ERRORS_ONLY = 3
"""librdkafka's level: it warns of retries while a broker warms up, which mean nothing here."""
HOLD_MILLISECONDS = 900_000
"""The broker's default limit for a transaction: how long a load may be held back."""


class BenchError(Exception):
    """The benchmark cannot go on, or a run's result is wrong; the text says what and where."""


def admin_client(bootstrap_servers: str) -> AdminClient:
    """For topics and groups."""
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": ERRORS_ONLY})


def create_topics(bootstrap_servers: str, names: Iterable[str], partitions: int) -> None:
    """Create topics and wait until the broker answers for them."""
    admin = admin_client(bootstrap_servers)
    wanted = [NewTopic(name, partitions, 1) for name in names]
    for name, future in admin.create_topics(wanted).items():
        try:
            future.result()
        except KafkaException as error:
            raise BenchError(
                f"Topic {name} was not created at {bootstrap_servers}: {error}"
            ) from error
    deadline = time.monotonic() + 30
    while not {topic.topic for topic in wanted} <= admin.list_topics(timeout=10).topics.keys():
        if time.monotonic() > deadline:
            raise BenchError(
                f"The broker at {bootstrap_servers} does not list the new topics after 30 s."
            )
        time.sleep(POLL_SECONDS)


def delete_topics(bootstrap_servers: str, prefix: str) -> None:
    """Delete the topics of a run and their changelogs, so that the disk does not fill up."""
    admin = admin_client(bootstrap_servers)
    names = [name for name in admin.list_topics(timeout=10).topics if f"{prefix}." in name]
    for future in admin.delete_topics(names).values() if names else ():
        future.exception()


class HeldLoad:
    """Records that lie on the topic but are seen by no consumer until `release`.

    They are written in one open transaction; consumers read committed records only (librdkafka's
    default). So the workers can all be assigned first, then get everything at one instant, and the
    producer takes no CPU meanwhile.
    """

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str]) -> None:
        """`topics` names the topic of each kind of record."""
        self._topics = topics
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "log_level": ERRORS_ONLY,
                "transactional.id": f"bench-{uuid.uuid4()}",
                "transaction.timeout.ms": HOLD_MILLISECONDS,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "batch.size": 1 << 20,
                "queue.buffering.max.messages": 200_000,
            }
        )
        self._producer.init_transactions(30)

    def write(self, records: Iterable[Record]) -> int:
        """Write all records, unseen; returns how many."""
        self._producer.begin_transaction()
        count = 0
        for record in records:
            produce(self._producer, self._topics[record.topic], record)
            count += 1
        if self._producer.flush(120):
            raise BenchError(
                f"The broker did not take the whole load for {self._topics['orders']} within 120 s."
            )
        return count

    def release(self) -> float:
        """Show the records to everybody; returns the instant just before (monotonic seconds)."""
        started = time.monotonic()
        self._producer.commit_transaction(60)
        return started


def produce_all(bootstrap_servers: str, topic: str, records: Iterable[Record]) -> None:
    """Write records, visible at once, as fast as the broker takes them."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
        }
    )
    for record in records:
        produce(producer, topic, record)
    if producer.flush(120):
        raise BenchError(f"The broker did not take the whole load for {topic} within 120 s.")


def produce(producer: Producer, topic: str, record: Record) -> None:
    """Queue one record; waits while the queue is full."""
    while True:
        try:
            producer.produce(topic, record.value, record.order_id)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


class ReadBack(Background):
    """A consumer of the output topic in a thread: keeps every value, and when each batch came."""

    def __init__(self, bootstrap_servers: str, topic: str, *, keep: bool = True) -> None:
        super().__init__("read-back")
        self.values: list[bytes] = []
        self.stamps: list[int] = []
        """The records' own timestamps in milliseconds, as long as `values`."""
        self.count = 0
        self.last_at = 0.0
        self._keep = keep
        self._listener: Callable[[bytes, int], None] | None = None
        self._failure: BaseException | None = None
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": f"bench-{uuid.uuid4()}"}
        )
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions]
        )

    def stop(self) -> None:
        """Read no more."""
        super().stop()
        self._consumer.close()

    def listen(self, listener: Callable[[bytes, int], None] | None) -> None:
        """Hand every value on with its timestamp at once, from the thread that reads."""
        self._listener = listener

    def run(self) -> None:
        """Take what comes; a failure is raised to whoever waits."""
        try:
            while not self.stopping.is_set():
                self._take()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._failure = error

    def _take(self) -> None:
        # Whoever waits for single answers wants each at once, not with what comes soon after.
        most, wait = (10_000, POLL_SECONDS) if self._listener is None else (1, POLL_SECONDS)
        batch = self._consumer.consume(most, wait)
        good = [message for message in batch if message.error() is None]
        if not good:
            return
        self.last_at = time.monotonic()
        if self._keep:
            self.values.extend(message.value() or b"" for message in good)
            self.stamps.extend(message.timestamp()[1] for message in good)
        if self._listener is not None:
            for message in good:
                self._listener(message.value() or b"", message.timestamp()[1])
        self.count += len(good)

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._failure is not None:
            raise BenchError(f"Reading the output back failed: {self._failure}") from self._failure


def group_is_ready(
    admin: AdminClient, prefix: str, topic: str, members: int, partitions: int
) -> bool:
    """Whether so many members of the group that reads `topic` share its partitions equally."""
    listed = admin.list_consumer_groups(request_timeout=10).result().valid or []
    names = [group.group_id for group in listed if group.group_id.startswith(prefix)]
    for future in (
        admin.describe_consumer_groups(names, request_timeout=10).values() if names else ()
    ):
        group = future.result()
        if group.state != ConsumerGroupState.STABLE:
            continue
        held = [
            {part.partition for part in member.assignment.topic_partitions if part.topic == topic}
            for member in group.members
        ]
        sizes = [len(numbers) for numbers in held if numbers]
        if len(sizes) == members and sum(sizes) == partitions and max(sizes) - min(sizes) <= 1:
            return True
    return False
