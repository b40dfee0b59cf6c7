"""The relay before a broker that refuses: what is refused, what goes on, and who sends what."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from deploy.local import kafka_local
from deploy.local.stack import Stack
from processors.relay.worker import SHARD_SECONDS, Relay
from processors.runtime.configuration import Configuration
from schemas.events import Balance, Cause, CauseKind, EntryType, PointsChanged
from schemas.ids import instant
from store.postgres import session
from store.streams import outbox
from store.streams.dead_letters import REDRIVE, TIME, TOPIC
from store.streams.outbox import Event, OutboxKind, headers_bytes
from tests.support.engine import Engine, Worker, wait_for

GOOD = 400
"""Events that must go out whatever else is refused."""
LONG_AGO = b"1500000000000"


def event(member: int, sequence: int) -> Event:
    made = PointsChanged(
        event_id=UUID(int=(5 << 76) + member * 1_000_000 + sequence),
        type=EntryType.granted,
        merchant_id="shop",
        member_id=f"m-{member}",
        sequence=sequence,
        points=1,
        balance=Balance(available=sequence, held=0, debt=0),
        lots=(),
        order_id=None,
        cause=Cause(kind=CauseKind.order, id="o"),
        settings_version=1,
        reason=None,
        performer=None,
        occurred_at=instant(1_700_000_000_000_000),
        recorded_at=instant(1_700_000_000_000_000),
    )
    return Event(outbox.shard_of(member), made.to_json())


def put(
    engine: Engine,
    rows: Sequence[tuple[OutboxKind, bytes | None, bytes | None, bytes | None]] = (),
    events: Sequence[Event] = (),
) -> None:
    with session.connect(engine.database_url) as connection, connection.transaction():
        outbox.add(session.raw(connection), rows)
        outbox.add_events(session.raw(connection), events)


def some_events(first: int = 1) -> list[Event]:
    return [event(n % 10, first + n // 10) for n in range(GOOD)]


def configure(engine: Engine, topic: str, **settings: str) -> None:
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, engine.topics[topic], incremental_configs=entries)
    for future in engine.admin.incremental_alter_configs([resource]).values():
        future.result(20)


def refused(engine: Engine) -> list[dict[str, Any]]:
    done = engine.command("outbox", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = orjson.loads(done.stdout)
    return rows


def wait_empty(engine: Engine, *, but: int = 0) -> None:
    wait_for("the outbox empty", lambda: engine.value("SELECT count(*) FROM outbox") == but)


def published_once(engine: Engine, topic: str = "points_changed") -> int:
    """How many records the topic has; each is there once."""
    counts = Counter(bytes(message.value()) for message in engine.events(topic))
    assert set(counts.values()) <= {1}, "a record was published again"
    return len(counts)


def test_a_letter_that_is_too_large_is_set_aside_and_events_go_on_once(engine: Engine) -> None:
    too_large = {"for the topic": 2 << 20, "for every topic": 9 << 20}
    letters = [
        (OutboxKind.DEAD_ORDERS, b"k", b"small", None),
        *((OutboxKind.DEAD_ORDERS, b"k", os.urandom(size), None) for size in too_large.values()),
        (OutboxKind.DEAD_ORDERS, b"k", b"behind", None),
    ]
    put(engine, letters, some_events())
    relay = engine.run("relay").wait_ready()
    wait_empty(engine)
    assert published_once(engine) == GOOD
    assert {m.value() for m in engine.events("dlq_orders")} == {b"small", b"behind"}
    rows = refused(engine)
    assert [(row["kind"], row["topic"], row["size"]) for row in rows] == [
        ("dead_orders", engine.topics["dlq_orders"], size + 1) for size in too_large.values()
    ]
    assert all(row["reason"].startswith("MSG_SIZE_TOO_LARGE") for row in rows)
    assert relay.get("/readyz")[0] == 200
    refusals = "points_refused_records_total"
    wait_for("both", lambda: relay.metric(refusals, error="MSG_SIZE_TOO_LARGE") == 2)
    said = [line["why"] for line in relay.lines("row_refused")]
    assert all(engine.topics["dlq_orders"] in why and "bytes" in why for why in said)
    _the_operator_decides(engine, [row["id"] for row in rows])


def _the_operator_decides(engine: Engine, ids: list[int]) -> None:
    doctor = engine.command("doctor", "--json")
    lines = [f for f in orjson.loads(doctor.stdout) if "refused" in f["what"]]
    assert (doctor.returncode, [f["verdict"] for f in lines]) == (4, ["wrong"])
    assert engine.topics["dlq_orders"] in lines[0]["what"]
    configure(engine, "dlq_orders", max_message_bytes=str(4 << 20))
    assert engine.command("outbox", "retry", str(ids[0])).returncode == 0
    wait_for("the letter", lambda: len(engine.events("dlq_orders")) == 3)
    assert engine.command("outbox", "retry", str(ids[0])).returncode == 6
    assert engine.command("outbox", "discard", str(ids[1]), "--json").returncode == 0
    assert refused(engine) == []
    doctor = engine.command("doctor", "--json")
    assert not [f for f in orjson.loads(doctor.stdout) if f["verdict"] == "wrong"]


def test_of_a_batch_that_is_refused_only_the_record_at_fault_is_set_aside(engine: Engine) -> None:
    configure(engine, "dlq_customers", max_message_bytes="10000")
    letters = [
        (OutboxKind.DEAD_CUSTOMERS, b"k", os.urandom(size), None)
        for size in (3000, 3000, 20_000, 3000, 3000, 3000)
    ]
    put(engine, letters)
    engine.run("relay")
    wait_empty(engine)
    assert [row["size"] for row in refused(engine)] == [20_001]
    assert published_once(engine, "dlq_customers") == 5


def test_a_redrive_whose_time_is_too_old_is_set_aside(engine: Engine) -> None:
    configure(engine, "orders", message_timestamp_before_max_ms="3000")
    ours = [(TOPIC, engine.topics["orders"].encode()), (TIME, LONG_AGO), (REDRIVE, b"1")]
    put(engine, [(OutboxKind.REDRIVE, b"k", b"{}", headers_bytes(ours))], some_events())
    engine.run("relay")
    wait_empty(engine)
    assert published_once(engine) == GOOD
    (row,) = refused(engine)
    assert (row["kind"], row["topic"]) == ("redrive", engine.topics["orders"])
    assert row["reason"].startswith("INVALID_TIMESTAMP")


def test_a_topic_that_is_gone_holds_up_no_events_not_even_at_the_start(engine: Engine) -> None:
    engine.delete_topics("dlq_orders", "settings")
    put(engine, [(OutboxKind.DEAD_ORDERS, b"k", b"letter", None)], some_events())
    relay = engine.run("relay").wait_ready()
    wait_for("the events", lambda: len(engine.events()) == GOOD)
    assert "topics apply" in relay.lines("topics_missing")[0]["why"]
    wait_empty(engine)
    (row,) = refused(engine)
    assert row["topic"] == engine.topics["dlq_orders"]
    assert "UNKNOWN" in row["reason"]
    assert published_once(engine) == GOOD


def test_a_topic_deleted_while_its_records_come_holds_up_its_own_alone(engine: Engine) -> None:
    letters = [(OutboxKind.DEAD_ORDERS, b"k", b"%d" % n, None) for n in range(3)]
    relay = engine.run("relay").wait_ready()
    put(engine, letters[:1], some_events())
    wait_empty(engine)
    engine.delete_topics("dlq_orders")
    put(engine, letters[1:], some_events(1 + GOOD // 10))
    wait_empty(engine)
    assert published_once(engine) == 2 * GOOD
    rows = refused(engine)
    assert {(row["topic"], row["reason"].partition(":")[0]) for row in rows} <= {
        (engine.topics["dlq_orders"], word)
        for word in (
            "UNKNOWN_TOPIC_OR_PART",
            "_UNKNOWN_TOPIC",
            "UNKNOWN_TOPIC_ID",
            "_UNKNOWN_PARTITION",
        )
    }
    assert len(rows) == 2
    engine.create_topics("dlq_orders")

    def retried() -> bool:
        """Until its client hears of the new topic, a second or so, they are refused again."""
        assert engine.command("outbox", "retry", "--all").returncode == 0
        wait_empty(engine)
        return len(engine.events("dlq_orders")) == 2

    wait_for("the letters", retried)
    assert relay.process.poll() is None


def test_the_events_topic_deleted_under_a_running_relay_loses_none(engine: Engine) -> None:
    relay = engine.run("relay").wait_ready()
    put(engine, events=some_events()[:10])
    wait_empty(engine)
    engine.delete_topics("points_changed")
    put(engine, events=some_events(2)[:10])
    wait_for("not ready", lambda: engine.topics["points_changed"] in relay.get("/readyz")[1])
    assert refused(engine) == []
    engine.create_topics("points_changed")
    wait_empty(engine)
    assert published_once(engine) == 10
    relay.wait_ready()


def test_a_head_is_made_smaller_by_what_the_loop_asks_for(engine: Engine) -> None:
    rows = [(OutboxKind.DEAD_ORDERS, None, b"x", None) for _ in range(100)]
    put(engine, rows)
    shard = outbox.SHARD_OF_KIND[OutboxKind.DEAD_ORDERS]
    with session.connect(engine.database_url) as connection:
        relay = Relay(_configuration(engine), connection)
        relay.batch_share = 1 / 1024
        wait_for("the first head", lambda: relay.turn() is not None and relay.worked)
        limit = max(1, int(outbox.HEAD_EVENTS / 1024))
        left = engine.value("SELECT count(*) FROM outbox WHERE shard = %s", shard)
        assert left == 100 - limit
        relay.close()


def _configuration(engine: Engine) -> Configuration:
    return Configuration.model_validate(
        {
            "kafka": {"bootstrap_servers": engine.bootstrap},
            "database": {"url": engine.database_url},
            "topics": engine.topics,
        }
    )


QUOTA, LETTERS, LETTER_BYTES = 2 << 20, 4_000, 13_000


@pytest.mark.slow
def test_a_broker_that_throttles_gets_fifty_megabytes_once(engine: Engine, stack: Stack) -> None:
    if stack.kafka is None:
        pytest.skip("sets a quota with Kafka's own tool, which only the local rung has")
    names = ["--entity-type", "clients", "--entity-name", "points-relay"]
    _quota(engine, "--add-config", f"producer_byte_rate={QUOTA}", *names)
    try:
        letters = [
            (OutboxKind.DEAD_ORDERS, b"k", os.urandom(LETTER_BYTES), None) for _ in range(LETTERS)
        ]
        put(engine, letters, some_events())
        began = time.monotonic()
        engine.run("relay")
        wait_for("the events", lambda: len(engine.events()) == GOOD)
        wait_for("the letters sent", lambda: engine.value("SELECT count(*) FROM outbox") == 0, 150)
        least = LETTERS * LETTER_BYTES / QUOTA / 2
        assert time.monotonic() - began > least, "the broker did not throttle"
        assert published_once(engine, "dlq_orders") == LETTERS
        assert published_once(engine) == GOOD
    finally:
        _quota(engine, "--delete-config", "producer_byte_rate", *names)


def _quota(engine: Engine, *arguments: str) -> None:
    base = ["--bootstrap-server", engine.bootstrap, "--alter"]
    command = kafka_local.java("kafka.admin.ConfigCommand", *base, *arguments, heap_mb=128)
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_events_that_are_refused_wait_for_their_topic_while_the_others_go_on(
    engine: Engine,
) -> None:
    configure(engine, "points_changed", max_message_bytes="200")
    put(engine, [(OutboxKind.DEAD_ORDERS, b"k", b"letter", None)], some_events())
    relay = engine.run("relay")
    wait_for("not ready", lambda: "refuses an event" in relay.get("/readyz")[1])
    reason = relay.get("/readyz")[1]
    assert engine.topics["points_changed"] in reason
    assert "MSG_SIZE_TOO_LARGE" in reason
    assert "bytes" in reason
    wait_for("the letter", lambda: len(engine.events("dlq_orders")) == 1)
    assert (engine.events(), refused(engine)) == ([], [])
    configure(engine, "points_changed", max_message_bytes="1000000")
    wait_empty(engine)
    assert published_once(engine) == GOOD
    relay.wait_ready()
    last: Counter[str] = Counter()
    for message in engine.events():
        value = orjson.loads(message.value())
        assert value["sequence"] == last[value["member_id"]] + 1
        last[value["member_id"]] += 1


def test_relays_share_the_shards_and_one_that_dies_leaves_its_to_the_others(
    engine: Engine,
) -> None:
    def shares(*relays: Worker) -> list[float]:
        return sorted(relay.metric("points_relay_shards") for relay in relays)

    within = 10 * SHARD_SECONDS
    first = engine.run("relay").wait_ready()
    wait_for("all shards", lambda: shares(first) == [9], within)
    second = engine.run("relay").wait_ready()
    wait_for("half each", lambda: shares(first, second) == [4, 5], within)
    put(engine, events=some_events())
    third = engine.run("relay").wait_ready()
    wait_for("a third each", lambda: shares(first, second, third) == [3, 3, 3], within)
    put(engine, events=some_events(1 + GOOD // 10))
    wait_empty(engine)
    working = [w for w in (first, second, third) if w.metric("points_relayed_records_total")]
    assert len(working) >= 2
    second.kill()
    wait_for("half each again", lambda: shares(first, third) == [4, 5], within)
    put(engine, events=some_events(1 + 2 * GOOD // 10))
    wait_empty(engine)
    assert published_once(engine) == 3 * GOOD
    assert [relay.terminate() for relay in (first, third)] == [0, 0]
