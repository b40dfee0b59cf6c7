"""One partition or topic that cannot be read, or not be written, holds up none of the others."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from deploy.local import kafka_local
from deploy.local.kafka_local import LocalKafka
from store.postgres import session
from store.streams import outbox
from store.streams.outbox import OutboxKind
from tests.support.commands import points
from tests.support.engine import Engine, Worker, wait_for
from tests.support.servers import Databases
from tests.support.upstream import CREATED, Record, envelope, hex_id, order

SHOP = "shop-a"
MEMBER = hex_id("m")


def an_order(number: int, letter: str = "o") -> Record:
    """An order that is granted at once, 10 points."""
    return order(SHOP, hex_id(letter, number), MEMBER, 100, delivery="arrived")


def put(engine: Engine, partition: int, numbers: range) -> None:
    """Orders in this partition of their topic."""
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    for number in numbers:
        producer.produce(engine.topics["orders"], an_order(number).value, partition=partition)
    assert producer.flush(20) == 0


def cut(engine: Engine, partition: int, offset: int) -> None:
    """Retention takes the log up to an offset."""
    place = TopicPartition(engine.topics["orders"], partition, offset)
    for future in engine.admin.delete_records([place]).values():
        future.result(20)


def trouble(worker: Worker) -> str:
    return worker.get("/readyz")[1]


def test_a_partition_cut_before_it_was_read_is_left_out_and_the_others_go_on(
    engine: Engine,
) -> None:
    engine.merchant(SHOP)
    worker = engine.run("intake").wait_ready()
    put(engine, 0, range(3))
    engine.wait_consumed(3)
    assert worker.terminate() == 0
    put(engine, 0, range(3, 9))
    cut(engine, 0, 5)
    put(engine, 1, range(20, 25))
    worker = engine.run("intake").wait_ready()
    engine.wait_consumed(8)
    assert engine.balances() == {(SHOP, MEMBER): 80}
    (said,) = worker.lines("partition_left_out")
    assert f"{engine.topics['orders']}/0 lies outside the log" in said["why"]
    assert "points cursor adopt" in said["remedy"]
    wait_for("the gauge", lambda: worker.metric("points_left_out_partitions") == 1)
    assert worker.get("/readyz")[0] == 200
    doctor = points(engine.environment, "doctor")
    assert doctor.code == 4
    assert "2 offsets from 3 on were lost to retention" in doctor.out
    # A batch that goes back to the database's cursors goes past nothing either.
    with session.connect(engine.database_url, role=None) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'points-intake' AND datname = current_database()"
        )
    put(engine, 1, range(25, 26))
    engine.wait_consumed(9)
    assert points(engine.environment, "cursor", "adopt", "--yes").code == 0
    engine.wait_consumed(13)
    assert engine.balances() == {(SHOP, MEMBER): 130}
    wait_for("the gauge", lambda: worker.metric("points_left_out_partitions") == 0)
    assert worker.process.poll() is None


def test_a_log_that_ends_before_its_cursor_is_left_out_as_well(engine: Engine) -> None:
    engine.merchant(SHOP)
    worker = engine.run("intake").wait_ready()
    put(engine, 0, range(3))
    put(engine, 1, range(10, 13))
    engine.wait_consumed(6)
    assert worker.terminate() == 0
    with session.connect(engine.database_url, role=None) as connection:
        connection.execute("UPDATE cursor SET next_offset = 40 WHERE partition = 0 AND applied > 0")
    put(engine, 1, range(13, 15))
    worker = engine.run("intake").wait_ready()
    wait_for("the others", lambda: engine.balances() == {(SHOP, MEMBER): 80})
    wait_for("said", lambda: worker.lines("partition_left_out"))
    assert engine.value("SELECT max(next_offset) FROM cursor") == 40


@pytest.fixture
def guarded(postgres: Databases, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a broker that knows rights, all of which everybody has at first."""
    if (lack := kafka_local.missing()) is not None:
        pytest.skip(lack)
    broker = LocalKafka(
        tmp_path / "kafka",
        settings={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        },
        brief=True,
    )
    url = postgres.database()
    try:
        broker.launch()
        broker.wait_ready()
        with Engine(broker.bootstrap_servers, url, topic_prefix, tmp_path) as made:
            yield made.prepare()
    finally:
        broker.stop()
        postgres.drop(url)


def rights(engine: Engine, topic: str, denied: AclOperation) -> list[AclBinding]:
    """All rights on a topic but one."""
    return [
        AclBinding(
            ResourceType.TOPIC,
            engine.topics[topic],
            ResourcePatternType.LITERAL,
            "User:ANONYMOUS",
            "*",
            operation,
            permission,
        )
        for operation, permission in (
            (AclOperation.ALL, AclPermissionType.ALLOW),
            (denied, AclPermissionType.DENY),
        )
    ]


def deny(engine: Engine, topic: str, operation: AclOperation) -> None:
    for future in engine.admin.create_acls(rights(engine, topic, operation)).values():
        future.result(20)


def allow(engine: Engine, topic: str, operation: AclOperation) -> None:
    for binding in rights(engine, topic, operation):
        wanted = AclBindingFilter(
            binding.restype,
            binding.name,
            binding.resource_pattern_type,
            binding.principal,
            binding.host,
            binding.operation,
            binding.permission_type,
        )
        for future in engine.admin.delete_acls([wanted]).values():
            future.result(20)


def test_a_topic_that_may_not_be_read_any_more_is_waited_for(guarded: Engine) -> None:
    guarded.merchant(SHOP)
    tree = guarded.run("intake", "grants")
    wait_for("ready", lambda: tree.get("/readyz", "intake")[0] == 200)
    deny(guarded, "customers", AclOperation.READ)
    why = guarded.topics["customers"]
    wait_for("not ready", lambda: why in tree.get("/readyz", "intake")[1])
    guarded.produce([an_order(1)])
    guarded.wait_consumed(1)
    assert guarded.balances() == {(SHOP, MEMBER): 10}
    assert tree.get("/healthz", "intake")[0] == 200
    member = {"id": MEMBER, "updated_at": CREATED.isoformat(), "is_member": True}
    value = orjson.dumps(envelope("user/update", SHOP, member, CREATED))
    guarded.produce([Record("customers", None, value)])
    allow(guarded, "customers", AclOperation.READ)
    guarded.wait_consumed(2)
    wait_for("ready", lambda: tree.get("/readyz", "intake")[0] == 200)
    assert not tree.lines("child_ended")
    assert tree.terminate() == 0


def test_a_topic_that_may_not_be_written_any_more_holds_up_its_own_records_alone(
    guarded: Engine,
) -> None:
    guarded.merchant(SHOP)
    tree = guarded.run("intake", "relay")
    wait_for("ready", lambda: tree.get("/readyz", "relay")[0] == 200)
    guarded.wait_published()
    for topic in ("dlq_orders", "points_changed"):
        deny(guarded, topic, AclOperation.WRITE)
    guarded.produce([an_order(1)])
    letter = (OutboxKind.DEAD_ORDERS, b"k", b"letter", None)
    settings = (OutboxKind.SETTINGS, b"k", b"{}", None)
    with session.connect(guarded.database_url) as connection, connection.transaction():
        outbox.add(session.raw(connection), [letter, settings])
    wait_for("the settings", lambda: len(guarded.events("settings")) == 2)
    query = "SELECT topic FROM outbox_refused WHERE starts_with(reason, %s)"
    word = "TOPIC_AUTHORIZATION_FAILED"
    set_aside = wait_for("set aside", lambda: guarded.rows(query, word))
    assert set_aside == [(guarded.topics["dlq_orders"],)]
    wait_for("held", lambda: "TOPIC_AUTHORIZATION_FAILED" in tree.get("/readyz", "relay")[1])
    assert guarded.events() == []
    allow(guarded, "points_changed", AclOperation.WRITE)
    guarded.wait_published()
    assert len(guarded.events()) == 1
    assert tree.terminate() == 0
