"""The local stack's last rung: with Python alone, topics are made and read as with a real Kafka."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.local.mock_broker import MockBroker
from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.feed import Feed
from tests.support.commands import points
from tests.support.engine import PATIENCE


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a mock broker, with the product's topics."""
    broker = MockBroker(tmp_path_factory.mktemp("mock")).start()
    try:
        environment = {
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "POINTS_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        }
        rows = points(environment, "topics", "apply", "--json").json
        assert {row["topic"] for row in rows} >= {
            "commerce.orders.v1",
            "points.changed.v1",
            "dlq.points.orders",
        }
        assert all(row["created"] and row["differs"] == [] for row in rows)
        assert not any(
            row["created"] for row in points(environment, "topics", "apply", "--json").json
        )
        yield broker.bootstrap_servers
    finally:
        broker.stop()


def test_a_feed_reads_what_was_produced(mock: str) -> None:
    feed = Feed(
        KafkaConfiguration(bootstrap_servers=mock),
        "test",
        ["commerce.orders.v1"],
        lambda _, first: first,
    )
    feed.subscribe()
    producer = Producer({"bootstrap.servers": mock, "enable.idempotence": True})
    for n in range(30):
        producer.produce("commerce.orders.v1", str(n).encode(), key=str(n).encode())
    assert producer.flush(10) == 0
    try:
        values: list[bytes | None] = []
        until = time.monotonic() + PATIENCE
        while len(values) < 30 and time.monotonic() < until:
            records = feed.batch(100, 0.2)
            values += [record.message.value() for record in records]
            feed.done({record.place: record.offset + 1 for record in records})
        assert sorted(int(value or b"") for value in values) == list(range(30))
        feed.check_topics()
        assert feed.uuid("commerce.orders.v1") == "mock:commerce.orders.v1"
    finally:
        feed.close()


def test_a_topic_that_nobody_made_is_missed(mock: str) -> None:
    with pytest.raises(TopicChanged, match=r"nobody\.made\.me do not exist"):
        Feed(
            KafkaConfiguration(bootstrap_servers=mock),
            "test",
            ["nobody.made.me"],
            lambda _, first: first,
        )


def test_another_mock_broker_is_another_cluster(mock: str, tmp_path: Path) -> None:
    """So that cursors of a mock that ended are strangers to the next one (I6)."""
    first = Feed(
        KafkaConfiguration(bootstrap_servers=mock), "test", ["commerce.orders.v1"], lambda _, at: at
    )
    other = MockBroker(tmp_path).start()
    try:
        Producer({"bootstrap.servers": other.bootstrap_servers}).list_topics(
            "commerce.orders.v1", timeout=10
        )
        second = Feed(
            KafkaConfiguration(bootstrap_servers=other.bootstrap_servers),
            "test",
            ["commerce.orders.v1"],
            lambda _, at: at,
        )
        assert first.cluster != second.cluster
    finally:
        other.stop()
