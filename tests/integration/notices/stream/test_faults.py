"""The lane's reader under faults: killed, rebalanced, crashed, and told to stop."""

import signal
import time

import orjson
import psycopg
import pytest
from confluent_kafka import TopicPartition

from deploy.local.stack import Stack
from store.postgres import session
from store.streams import quarantine
from tests.support.engine import Engine, wait_for
from tests.support.notices.lane import as_lane
from tests.support.notices.reading import (
    MISSED_SOON,
    Reader,
    lost_and_doubled,
    positions,
    prepare,
    produce,
    read,
    uneven,
    wait_read,
)


@pytest.fixture
def lane(engine: Engine) -> Engine:
    prepare(engine)
    return engine


@pytest.mark.slow
def test_a_reader_that_is_killed_five_times_loses_nothing_and_doubles_nothing(lane: Engine) -> None:
    count = 6_000
    produce(lane, count)
    for killed in range(5):
        reader = Reader(lane, POINTS_NOTICES__BATCH="200", **MISSED_SOON)
        enough = min(killed * 800 + 1, count)
        wait_read(lane, enough)
        reader.kill()
    Reader(lane, **MISSED_SOON)
    wait_read(lane, count)
    assert lost_and_doubled(lane, count) == (0, 0)
    assert uneven(lane) == 0


@pytest.mark.slow
def test_a_second_reader_takes_its_share_and_gives_it_back(lane: Engine) -> None:
    first = Reader(lane, POINTS_NOTICES__BATCH="50").wait_ready()
    produce(lane, 3_000)
    wait_read(lane, 100)
    second = Reader(lane, POINTS_NOTICES__BATCH="50").wait_ready()
    produce(lane, 0)
    wait_read(lane, 3_000)
    second.terminate()
    first.wait_ready()
    more = 1_000
    produce(lane, more)
    wait_read(lane, 3_000 + more)
    assert (len(read(lane)), sum(read(lane).values())) == (4_000, 4_000)
    assert uneven(lane) == 0
    wait_for(
        "the rebalance counted", lambda: first.metric("points_rebalances_total", event="revoked")
    )


@pytest.mark.slow
def test_a_frozen_reader_that_wakes_up_can_only_repeat(lane: Engine) -> None:
    frozen = Reader(lane, POINTS_NOTICES__BATCH="50", **MISSED_SOON).wait_ready()
    produce(lane, 2_000)
    wait_read(lane, 100)
    frozen.process.send_signal(signal.SIGSTOP)
    Reader(lane, **MISSED_SOON)
    wait_read(lane, 2_000)
    frozen.process.send_signal(signal.SIGCONT)
    produce(lane, 1_000)
    wait_read(lane, 3_000)
    assert sum(read(lane).values()) == 3_000
    assert uneven(lane) == 0


def test_trouble_of_the_machine_ends_the_process_with_1_within_seconds(lane: Engine) -> None:
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    produce(lane, 1, value="crash")
    wait_for("the crash", lambda: reader.lines("crashed") or reader.process.poll() is not None)
    assert reader.wait(30) == 1
    assert "OSError" in reader.lines("crashed")[0]["error"]
    assert set(positions(lane).values()) == {0}
    Reader(lane, **MISSED_SOON)  # the record is still there, and nothing was acknowledged
    wait_for("again", lambda: "crashed" in lane.workers[-1].output)


def test_a_batch_in_hand_is_finished_before_the_end(lane: Engine) -> None:
    reader = Reader(lane).wait_ready()
    produce(lane, 1, value="slow")
    wait_for(
        "the statement",
        lambda: lane.value(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(3)%%'"
            " AND application_name = 'points-notices'"
        ),
    )
    assert reader.terminate() == 0
    assert len(read(lane)) in {0, 1}
    assert uneven(lane) == 0
    assert sum(positions(lane).values()) == len(read(lane))


def test_poison_goes_to_the_lanes_dead_letters_and_too_much_of_it_pauses(lane: Engine) -> None:
    reader = Reader(lane).wait_ready()
    produce(lane, 5)
    produce(lane, 1, value="poison:shop-a")
    produce(lane, 1, value="bad")
    wait_for("two dead letters", lambda: lane.value("SELECT count(*) FROM notices.quarantine") == 2)
    wait_read(lane, 5)
    rows = lane.rows("SELECT reason, value FROM notices.quarantine ORDER BY reason")
    assert [(reason, bytes(value)) for reason, value in rows] == [
        ("cannot_apply", b"bad"),
        ("not_json", b"poison:shop-a"),
    ]
    assert "secret-text" not in reader.output
    assert lane.value("SELECT sum(dead)::int FROM notices.cursor") == 2
    assert lane.value("SELECT count(*) FROM notices.outbox WHERE kind = 12") == 2
    assert lane.value("SELECT count(*) FROM quarantine") == 0
    produce(lane, 200, value="poison")
    wait_for("paused", lambda: "paused" in reader.get("/readyz")[1])
    assert reader.metric("points_pipeline_paused", pipeline="notices") == 1
    assert sum(positions(lane).values()) < 5 + 2 + 200
    assert orjson.loads(reader.get("/healthz")[1])["ok"]
    with_resume(lane)
    wait_for("all of it", lambda: lane.value("SELECT sum(dead)::int FROM notices.cursor") == 202)
    reader.wait_ready()
    assert sum(positions(lane).values()) == 5 + 2 + 200
    assert uneven(lane) == 0


def with_resume(lane: Engine) -> None:
    """As an operator does."""
    with (
        as_lane(lane.database_url) as connection,
        session.transaction(connection) as cursor,
    ):
        assert quarantine.resume(cursor, "notices", 1000)


def _gap(lane: Engine, *left_out: str) -> Reader:
    produce(lane, 100)
    reader = Reader(lane).wait_ready()
    wait_read(lane, 100)
    assert reader.terminate() == 0
    produce(lane, 200)
    parts = [TopicPartition(lane.topics["points_changed"], p, 80) for p in range(lane.partitions)]
    for future in lane.admin.delete_records(parts).values():
        future.result(20)
    return Reader(lane, *left_out)


def test_records_that_retention_took_end_it_with_4_and_a_sentence(lane: Engine) -> None:
    reader = _gap(lane)
    assert reader.wait() == 4
    (line,) = reader.lines("refused")
    assert "outside the log" in line["why"]
    assert "points cursor" in line["why"]


def test_a_recreated_topic_ends_it_with_4(lane: Engine) -> None:
    produce(lane, 10)
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    wait_read(lane, 10)
    lane.delete_topics("points_changed")
    lane.create_topics("points_changed")
    assert reader.wait() == 4
    assert "recreated" in reader.lines("refused")[0]["why"]
    again = Reader(lane, **MISSED_SOON)
    assert again.wait() == 4
    assert "recreated" in again.lines("refused")[0]["why"]


def test_a_cursor_that_is_set_back_is_noticed(lane: Engine) -> None:
    produce(lane, 10)
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    wait_read(lane, 10)
    with psycopg.connect(lane.database_url) as connection:
        connection.execute(
            "UPDATE notices.cursor SET next_offset = 2, applied = 2 WHERE topic = %s",
            [lane.topics["points_changed"]],
        )
    produce(lane, 2)
    assert reader.wait() == 4
    assert "was set back" in reader.lines("refused")[0]["why"]
    Reader(lane, **MISSED_SOON)
    wait_for("all again", lambda: set(positions(lane).values()) == {6})


def test_a_reader_for_which_the_group_has_nothing_stands_by_and_is_ready(lane: Engine) -> None:
    readers = [Reader(lane, **MISSED_SOON).wait_ready() for _ in range(lane.partitions)]
    standby = Reader(lane, **MISSED_SOON).wait_ready()
    produce(lane, 200)
    wait_read(lane, 200)
    readers[0].kill()
    produce(lane, 200)
    wait_read(lane, 400)
    assert standby.process.poll() is None
    assert sum(read(lane).values()) == 400


@pytest.mark.slow
def test_22_seconds_without_postgresql_cost_no_rebalance(lane: Engine, stack: Stack) -> None:
    if stack.postgres is None:
        pytest.skip("a PostgreSQL that the test may stop is needed")
    reader = Reader(lane).wait_ready()
    produce(lane, 100)
    wait_read(lane, 100)
    assigned = reader.metric("points_rebalances_total")
    stack.postgres.stop()
    produce(lane, 100)
    wait_for("not ready", lambda: "database" in reader.get("/readyz")[1])
    until = time.monotonic() + 22
    wait_for("22 s", lambda: time.monotonic() > until)
    assert orjson.loads(reader.get("/healthz")[1])["ok"]
    stack.postgres.restart()
    wait_read(lane, 200)
    reader.wait_ready()
    assert reader.metric("points_rebalances_total") == assigned
    assert lost_and_doubled(lane, 100) == (0, 0)
    assert uneven(lane) == 0


@pytest.mark.slow
def test_a_broker_that_is_killed_and_comes_back_costs_nothing(lane: Engine, stack: Stack) -> None:
    if stack.kafka is None:
        pytest.skip("a Kafka that the test may kill is needed")
    reader = Reader(lane, POINTS_NOTICES__BATCH="50").wait_ready()
    produce(lane, 2_000)
    wait_read(lane, 100)
    stack.kafka.kill(1)
    stack.kafka.restart(1)
    assert orjson.loads(reader.get("/healthz")[1])["ok"]
    wait_read(lane, 2_000)
    reader.wait_ready()
    produce(lane, 400)
    wait_for("the rest", lambda: sum(read(lane).values()) >= 2_400)
    assert (len(read(lane)), sum(read(lane).values())) == (2_400, 2_400)
    assert uneven(lane) == 0
