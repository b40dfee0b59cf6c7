"""How far pipelines are behind is right from outside, whoever works or does not."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from processors.watch.worker import Watch
from tests.support.engine import Engine, wait_for
from tests.support.notices.lane import a_key
from tests.support.operate.watching import looked, shown, watching
from tests.support.upstream import Record

IGNORED = Record("orders", None, b"{}")
HOUR = 3600


@pytest.fixture
def watch(engine: Engine) -> Iterator[Watch]:
    with watching(engine) as made:
        yield made


def lag(watch: Watch, engine: Engine, topic: str = "orders") -> tuple[float, float, float]:
    """Messages, seconds and the oldest timestamp of intake in a topic, after one more look."""
    looked(watch)
    labels = {"pipeline": "intake", "topic": engine.topics[topic]}
    names = ("lag_messages", "lag_seconds", "oldest_unprocessed_timestamp_seconds")
    values = [shown(f"points_pipeline_{name}", **labels) for name in names]
    assert None not in values
    return values[0] or 0.0, values[1] or 0.0, values[2] or 0.0


def produce_old(engine: Engine, seconds: float, records: int = 1, partition: int = 0) -> float:
    """Records that were written so long ago; when."""
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    at = int((time.time() - seconds) * 1000)
    for _ in range(records):
        producer.produce(engine.topics["orders"], b"{}", partition=partition, timestamp=at)
    assert producer.flush(20) == 0
    return at / 1000


def test_where_nothing_was_ever_committed_all_that_is_in_the_log_is_behind(
    engine: Engine, watch: Watch
) -> None:
    assert lag(watch, engine) == (0, 0, 0)
    oldest = produce_old(engine, HOUR, 3)
    produce_old(engine, 60, 2, partition=1)
    messages, seconds, since = lag(watch, engine)
    assert (messages, since) == (5, oldest)
    assert seconds == pytest.approx(HOUR, abs=30)
    assert lag(watch, engine, "customers") == (0, 0, 0)


def test_a_quiet_topic_is_not_behind_however_old_its_records(engine: Engine, watch: Watch) -> None:
    intake = engine.run("intake").wait_ready()
    produce_old(engine, 24 * HOUR, 2)
    engine.wait_consumed(2)
    wait_for("no lag", lambda: lag(watch, engine) == (0, 0, 0))
    assert intake.terminate() == 0
    assert lag(watch, engine) == (0, 0, 0)


def test_it_grows_while_every_intake_is_dead(engine: Engine, watch: Watch) -> None:
    intake = engine.run("intake").wait_ready()
    produce_old(engine, HOUR)
    engine.wait_consumed(1)
    wait_for("no lag", lambda: lag(watch, engine) == (0, 0, 0))
    intake.kill()
    oldest = produce_old(engine, 120)
    first = lag(watch, engine)
    assert (first[0], first[2]) == (1, oldest)
    engine.produce([IGNORED] * 3)
    second = lag(watch, engine)
    assert (second[0], second[2]) == (4, oldest)
    assert second[1] > first[1] >= 120
    # An age grows between looks as well.
    labels = {"pipeline": "intake", "topic": engine.topics["orders"]}
    wait_for("time", lambda: (shown("points_pipeline_lag_seconds", **labels) or 0) > second[1])


def test_a_recreated_topic_is_behind_from_its_beginning(engine: Engine, watch: Watch) -> None:
    intake = engine.run("intake").wait_ready()
    engine.produce([IGNORED] * 5)
    engine.wait_consumed(5)
    assert intake.terminate() == 0
    engine.delete_topics("orders")
    engine.create_topics("orders")
    engine.produce([IGNORED] * 2)
    # The cursor of the former topic says nothing of this one.
    wait_for("both", lambda: lag(watch, engine)[0] == 2)


def test_a_cursor_that_is_adopted_or_outside_its_log_is_followed(
    engine: Engine, watch: Watch
) -> None:
    intake = engine.run("intake").wait_ready()
    produce_old(engine, HOUR, 5)
    engine.wait_consumed(5)
    assert intake.terminate() == 0

    def move(offset: int) -> None:
        with psycopg.connect(engine.database_url) as connection:
            connection.execute(
                "UPDATE cursor SET next_offset = %s WHERE topic = %s AND partition = 0",
                [offset, engine.topics["orders"]],
            )

    move(3)
    assert lag(watch, engine)[0] == 2
    move(50)
    # Intake leaves the partition out: what it would read once that is mended.
    assert lag(watch, engine)[0] == 5


def test_a_topic_that_is_missing_is_told_and_hides_no_other(engine: Engine, watch: Watch) -> None:
    engine.delete_topics("customers")
    produce_old(engine, HOUR)
    name = "points_pipeline_lag_messages"

    def behind() -> float | None:
        watch.look()
        return shown(name, pipeline="intake", topic=engine.topics["orders"])

    wait_for("one", lambda: behind() == 1)
    watch.speaks = True
    assert engine.topics["customers"] in (watch.trouble() or "")
    assert shown(name, pipeline="intake", topic=engine.topics["customers"]) is None


def test_the_notices_lane_is_followed_once_it_has_run(
    engine: Engine, watch: Watch, tmp_path: Path
) -> None:
    changed = [Record("points_changed", f"shop-a:{n}", b"{}") for n in range(3)]
    labels = {"pipeline": "notices", "topic": engine.topics["points_changed"]}
    names = [f"points_pipeline_{name}" for name in ("lag_messages", "lag_seconds")]

    def behind() -> list[float | None]:
        watch.look()
        return [shown(name, **labels) for name in names]

    engine.produce(changed)
    engine.delete_topics("notices_feedback")
    looked(watch)
    # Where the lane is not used, nothing of it is shown, and no topic of it is missed.
    assert behind() == [None, None]
    engine.create_topics("notices_feedback")
    keys = tmp_path / "sealing.keys"
    keys.write_text(a_key("first") + "\n")
    lane = engine.run("notices", POINTS_NOTICES__KEY_FILE=str(keys)).wait_ready()
    wait_for("no lag", lambda: behind() == [0, 0])
    assert lane.terminate() == 0
    engine.produce(changed)
    wait_for("three", lambda: behind()[0] == 3)
    assert shown("points_pipeline_lag_messages", **labels | {"pipeline": "intake"}) is None


def test_the_read_models_group_is_followed_once_it_has_offsets(engine: Engine, valkey: str) -> None:
    engine.produce([Record("points_changed", "shop-a:anna", b"{}")])
    labels = {"pipeline": "readmodel", "topic": engine.topics["points_changed"]}
    with watching(engine, redis={"url": valkey}) as watch:
        looked(watch)
        assert shown("points_pipeline_lag_messages", **labels) is None
        worker = engine.run("readmodel", POINTS_REDIS__URL=valkey).wait_ready()
        assert worker.terminate() == 0
        engine.produce([Record("points_changed", "shop-a:anna", b"{}")] * 2)

        def behind() -> float | None:
            watch.look()
            return shown("points_pipeline_lag_messages", **labels)

        wait_for("two", lambda: behind() == 2)
