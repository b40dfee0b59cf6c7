"""Topics that lost what was not read, or take no answers; and their runbooks."""

from datetime import UTC, datetime

import orjson
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.support.engine import Engine, wait_for
from tests.support.operate.following import Operator
from tests.support.upstream import Record, hex_id, order

pytestmark = pytest.mark.slow
SHOP, MEMBER = "shop-a", hex_id("anna")


def put(engine: Engine, names: range) -> None:
    """Orders of 100 points each in the first partition."""
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    for name in names:
        bought = order(SHOP, hex_id(name), MEMBER, 1_000, delivery="arrived")
        producer.produce(engine.topics["orders"], bought.value, partition=0)
    assert producer.flush(20) == 0


def test_a_partition_that_lost_what_was_not_read_is_left_out_until_a_position_is_adopted(
    engine: Engine,
) -> None:
    engine.merchant(SHOP)
    assert engine.run("intake").wait_ready().terminate() == 0
    put(engine, range(4))
    place = TopicPartition(engine.topics["orders"], 0, 2)
    for future in engine.admin.delete_records([place]).values():
        future.result(20)
    intake, relay = engine.run("intake").wait_ready(), engine.run("relay").wait_ready()
    wait_for("left out", lambda: intake.metric("points_left_out_partitions") == 1)
    operator = Operator(engine)
    operator.look(
        "PointsPartitionLeftOut",
        {
            "points cursor show": r"(?m)intake +\S+orders .*\n.*\n +0 +0 +0 +",
            "points doctor": r"✗ cursor of intake in \S+orders/0: the log begins at 2",
            "points status": r"intake \S+orders *\n +0 ",
        },
        wrong={"points doctor": 4},
    )
    said = operator.fix("PointsPartitionLeftOut", "points cursor adopt", agrees=True)
    assert engine.topics["orders"] in said
    wait_for("read on", lambda: engine.balances() == {(SHOP, MEMBER): 200})
    wait_for("not left out", lambda: intake.metric("points_left_out_partitions") == 0)
    assert [worker.terminate() for worker in (intake, relay)] == [0, 0]


def sized(engine: Engine, name: str, most: int) -> None:
    """Sets how large a record of the topic may be."""
    entry = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, engine.topics[name], incremental_configs=[entry])
    for future in engine.admin.incremental_alter_configs([resource]).values():
        future.result(20)


def test_answers_that_kafka_refuses_wait_aside_until_the_topic_is_mended(engine: Engine) -> None:
    engine.merchant(SHOP)
    sized(engine, "command_results", 100)
    running = [engine.run(kind).wait_ready() for kind in ("commands", "relay")]
    command = {
        "command_id": "gift-1",
        "type": "assign",
        "merchant_id": SHOP,
        "member_id": MEMBER,
        "performer": {"kind": "staff", "id": "sue"},
        "issued_at": datetime.now(UTC).isoformat(),
        "points": 5,
        "reason": "welcome",
    }
    engine.produce([Record("commands", f"{SHOP}:{MEMBER}", orjson.dumps(command))])
    wait_for("refused", lambda: engine.value("SELECT count(*) FROM outbox_refused") == 1)
    topic = engine.topics["command_results"]
    operator = Operator(engine)
    operator.look(
        "PointsOutboxRefused",
        {
            "points outbox list": rf"{topic} .*MSG_SIZE_TOO_LARGE",
            "points doctor": "✗ outbox: 1 row .*refused",
            "points status": r"outbox +0",
        },
        wrong={"points doctor": 4},
    )
    sized(engine, "command_results", 1 << 20)
    operator.fix("PointsOutboxRefused", "points outbox retry --all")
    (answer,) = wait_for("the answer", lambda: engine.events("command_results"))
    assert orjson.loads(answer.value())["command_id"] == "gift-1"
    assert [worker.terminate() for worker in running] == [0, 0]
