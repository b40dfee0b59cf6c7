"""What the local broker is started with."""

import uuid
from pathlib import Path

import pytest

from deploy.local.kafka_local import BRIEF, Node, cluster_id, java, properties


@pytest.mark.parametrize("first_byte", [0xF8, 0xFB])
def test_a_cluster_id_never_looks_like_an_option(first_byte: int) -> None:
    written = cluster_id(uuid.UUID(bytes=bytes([first_byte]) + b"\x01" * 15))
    assert not written.startswith("-")
    assert len(written) == 22


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, 1), (3, 3, 2)])
def test_a_cluster_loses_no_acknowledged_message_with_one_broker(
    brokers: int, copies: int, in_sync: int
) -> None:
    nodes = [
        Node(number, Path("/data"), 20_000 + number, 21_000 + number)
        for number in range(1, brokers + 1)
    ]
    lines = properties(nodes[0], nodes).splitlines()
    assert f"default.replication.factor={copies}" in lines
    assert f"min.insync.replicas={in_sync}" in lines


def test_topics_are_made_on_purpose_and_old_events_are_kept() -> None:
    node = Node(1, Path("/data"), 20_001, 21_001)
    lines = properties(node, [node]).splitlines()
    assert "auto.create.topics.enable=false" in lines
    assert "log.retention.ms=-1" in lines


def test_only_a_broker_of_some_minutes_is_started_for_them() -> None:
    command = java("kafka.Kafka", "server.properties", heap_mb=384, brief=False)
    assert not set(BRIEF) & set(command)
    assert set(BRIEF) < set(java("kafka.Kafka", "server.properties", heap_mb=384, brief=True))
