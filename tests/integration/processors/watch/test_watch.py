"""One watch speaks, whatever becomes of it, and what it cannot look at hides nothing else."""

import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from processors import metrics
from processors.runtime import exposition
from processors.runtime.exposition import Exposition
from processors.watch import worker as watch_module
from processors.watch.worker import OWN
from schemas.heartbeat import Heartbeat
from store.streams.outbox import EVENT_SHARDS
from tests.support.engine import Engine, Worker, wait_for
from tests.support.operate.watching import looked, shown, watching


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What one watch of this process silences, others show."""
    yield
    exposition.show(OWN)


def page(worker: Worker) -> str:
    return worker.get("/metrics")[1]


def speaks(worker: Worker) -> bool:
    return "points_watch_last_timestamp_seconds " in page(worker)


def test_one_speaks_and_the_next_one_does_when_it_is_killed(engine: Engine) -> None:
    first = engine.run("watch").wait_ready()
    wait_for("the first", lambda: speaks(first))
    second = engine.run("watch").wait_ready()
    assert not speaks(second)
    assert {name for name in OWN if f"# TYPE {name}" in page(second)} == set()
    assert 'points_worker_ready{worker="watch"} 1.0' in page(second)
    first.kill()
    wait_for("the second", lambda: speaks(second))
    assert second.metric("points_due_rows") == 0
    assert second.terminate() == 0


def test_one_that_hangs_loses_its_session_and_another_speaks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SILENT_SECONDS", 5.0)
    with watching(engine) as first, watching(engine) as second:
        first.turn()
        second.turn()
        assert (first.speaks, second.speaks) == (True, False)

        def taken_over() -> bool:
            second.turn()
            return second.speaks

        wait_for("the second", taken_over)
        with pytest.raises(psycopg.OperationalError):
            first.look()


def test_without_kafka_the_tables_are_read_and_the_lag_is_not_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "UNKNOWN_SECONDS", 0.0)
    labels = {"pipeline": "intake", "topic": engine.topics["orders"]}
    with watching(engine) as reached:
        looked(reached)
        assert shown("points_pipeline_lag_messages", **labels) == 0
    errors = metrics.WATCH_ERRORS.labels("kafka")._value
    before, began = errors.get(), time.time()
    with watching(engine, kafka={"bootstrap_servers": "127.0.0.1:1"}) as watch:
        watch.turn()
        assert (watch.trouble() or "").startswith("kafka: ")
    assert errors.get() == before + 1
    assert (shown("points_watch_last_timestamp_seconds") or 0) >= began
    assert shown("points_due_rows") == 0
    assert shown("points_pipeline_lag_messages", **labels) is None


def test_a_table_that_is_locked_hides_its_own_gauge_alone(engine: Engine) -> None:
    errors = metrics.WATCH_ERRORS.labels("database")._value
    before = errors.get()
    with watching(engine) as watch, psycopg.connect(engine.database_url) as administrator:
        administrator.execute("INSERT INTO parked_record VALUES ('i','t','u',0,0,1,'r','k',0,7)")
        administrator.commit()
        looked(watch)
        administrator.execute("LOCK TABLE outbox_refused IN ACCESS EXCLUSIVE MODE")
        watch.look()
        watch.speaks = True
        assert "lock timeout" in (watch.trouble() or "")
        administrator.rollback()
        assert errors.get() == before + 1
        assert shown("points_parked_reports") == 1
        looked(watch)
        assert watch.trouble() is None


def unsent(engine: Engine) -> list[bytes]:
    """The heartbeats in the outbox, by shard."""
    return [
        bytes(value)
        for (value,) in engine.rows("SELECT value FROM outbox WHERE kind = 10 ORDER BY shard")
    ]


def test_a_shard_holds_no_second_heartbeat_that_was_not_sent(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "HEARTBEAT_SECONDS", 0.0)
    with watching(engine) as watch:
        looked(watch)
        watch.turn()
        first = unsent(engine)
        assert [Heartbeat.read(value).shard for value in first] == [*range(EVENT_SHARDS)]
        watch.turn()
        assert unsent(engine) == first
        engine.rows("DELETE FROM outbox WHERE shard = 0 RETURNING 1")
        watch.turn()
        assert [Heartbeat.read(value).shard for value in unsent(engine)] == [*range(EVENT_SHARDS)]
        assert unsent(engine)[1:] == first[1:]


def test_heartbeats_come_back_through_outbox_and_relay(engine: Engine) -> None:
    watch = engine.run("watch").wait_ready()
    name = "points_heartbeat_seconds_count"
    wait_for("written", lambda: len(unsent(engine)) == EVENT_SHARDS)
    began, first = time.time(), unsent(engine)
    # Nothing sends them, and no other figure counts them.
    assert watch.metric("points_outbox_rows") == 0
    assert watch.metric(name) == 0
    assert watch.metric("points_heartbeat_timestamp_seconds") < began
    engine.run("relay")
    wait_for("all of them", lambda: watch.metric(name) >= EVENT_SHARDS)
    # It writes the next ones meanwhile: each comes out once, and none before the first.
    came = Counter(message.value() for message in engine.events("heartbeat"))
    assert set(came.values()) == {1}
    assert set(first) <= set(came)
    wait_for("newer", lambda: watch.metric("points_heartbeat_timestamp_seconds") > began)
    assert engine.events("points_changed") == []


def test_without_a_topic_for_heartbeats_none_is_written_and_that_is_told(engine: Engine) -> None:
    engine.delete_topics("heartbeat")
    with watching(engine) as watch:
        watch.turn()
        assert engine.topics["heartbeat"] in (watch.trouble() or "")
        assert engine.value("SELECT count(*) FROM outbox") == 0
        newest = shown("points_heartbeat_timestamp_seconds")
        watch.turn()
        assert shown("points_heartbeat_timestamp_seconds") == newest


def test_a_watch_that_stands_by_shows_what_every_worker_shows() -> None:
    exposition.silence(OWN)
    names = {family.name for family in Exposition("watch").collect()}
    assert names & OWN == set()
    assert "points_worker_ready" in names
    exposition.show(OWN)
    assert {family.name for family in Exposition("watch").collect()} >= OWN
