"""Ready means that it can write; alive means that it turns, whatever PostgreSQL does."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson
import psycopg
import pytest

from deploy.local.stack import Stack
from tests.support.database.read_only import READ_ONLY, database_setting, led_to_a_standby
from tests.support.engine import Engine, Worker, wait_for
from tests.support.upstream import CREATED, Record, hex_id, order

_NUMBERS = count()
KINDS = ("intake", "grants", "recheck", "expiry", "cleanup", "relay")


def unhurried(engine: Engine) -> psycopg.Connection[tuple[Any, ...]]:
    """A session without a limit on its statements, not even on its first."""
    return psycopg.connect(engine.database_url, autocommit=True, options="-c statement_timeout=0")


@contextmanager
def writes_fail(engine: Engine, table: str, code: str) -> Iterator[None]:
    """Every write to the table fails as with this error, without the session being lost."""
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        connection.execute(
            f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$;
                CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {table}
                EXECUTE FUNCTION fail()""".encode()
        )
        try:
            yield
        finally:
            connection.execute(f"DROP FUNCTION fail CASCADE; SELECT '{table}'".encode())


def an_order(at: datetime = CREATED) -> Record:
    number = next(_NUMBERS)
    ids = hex_id("o", number), hex_id("m", number)
    return order("shop-a", *ids, 1000, delivery="arrived", at=at)


def reason(worker: Worker) -> str:
    """Why it is not ready, nothing while it is; it must be alive."""
    code, page = worker.get("/readyz")
    assert worker.get("/healthz")[0] == 200
    return str(orjson.loads(page)["reason"]) if code == 503 else ""


def shows_life_while_it_waits(engine: Engine, worker: Worker) -> bool:
    """Whether the intake's last turn is later than the statement that waits for a lock."""
    waiting = """SELECT extract(epoch FROM query_start)::float8 FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND datname = current_database()
                 AND application_name = 'points-intake'"""
    since = engine.rows(waiting)
    turned = worker.metric("points_last_turn_timestamp_seconds")
    # Still the same wait, so that the turn was in it.
    return bool(since) and engine.rows(waiting) == since and turned > since[0][0]


def wait_not_ready(worker: Worker, words: str) -> None:
    """Return once it says that it is not ready, with these words in the reason."""
    wait_for(words, lambda: words in reason(worker))


def test_workers_on_a_read_only_database_are_not_ready_even_without_work(engine: Engine) -> None:
    workers = [engine.run(kind).wait_ready() for kind in KINDS]
    with database_setting(engine, READ_ONLY, "on"):
        for worker in workers:
            wait_not_ready(worker, "read-only transaction")
    for worker in workers:
        assert worker.wait_ready().process.poll() is None


def test_a_worker_started_on_a_read_only_database_waits_for_it(engine: Engine) -> None:
    with database_setting(engine, READ_ONLY, "on"):
        worker = engine.run("grants")
        wait_not_ready(worker, "read-only transaction")
    worker.wait_ready()


@pytest.mark.parametrize("kind", ["grants", "watch", "readmodel"])
def test_a_worker_that_was_led_to_a_standby_goes_on_when_it_would_be_led_to_the_primary(
    engine: Engine, kind: str
) -> None:
    with led_to_a_standby(engine):
        worker = engine.run(kind)
        wait_not_ready(worker, "read-only transaction")
    worker.wait_ready()


def test_a_full_disk_makes_not_ready_and_the_work_is_done_when_there_is_room(
    engine: Engine,
) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    with writes_fail(engine, "orders", "53100"):
        engine.produce([an_order()])
        wait_for("no room", lambda: reason(worker) == "database: could not extend file")
    worker.wait_ready()
    engine.wait_consumed(1)


def test_one_failure_that_does_not_come_again_leaves_it_ready(engine: Engine) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE tries; GRANT USAGE ON tries TO points_app")
        connection.execute(
            """CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('tries') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '40P01';
                 END IF; RETURN NEW; END $$;
               CREATE TRIGGER fail BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION fail()"""
        )
    engine.produce([an_order()])
    engine.wait_consumed(1)
    assert worker.lines("rolled_back")
    assert not worker.lines("not_ready") or "once" not in str(worker.lines("not_ready"))


def test_a_statement_timeout_makes_not_ready(engine: Engine) -> None:
    worker = engine.run("grants").wait_ready()
    with database_setting(engine, "statement_timeout", "1ms"):
        with unhurried(engine) as connection:
            connection.execute(
                """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
                   BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
                   CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON worker_beat
                   FOR EACH ROW EXECUTE FUNCTION slow()"""
            )
        wait_not_ready(worker, "statement timeout")
        with unhurried(engine) as connection:
            connection.execute("DROP FUNCTION slow CASCADE")
    worker.wait_ready()


def test_a_batch_that_takes_too_long_is_made_smaller(engine: Engine) -> None:
    engine.merchant("shop-a")
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        connection.execute(
            """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
               CREATE TRIGGER slow BEFORE INSERT ON orders
               FOR EACH ROW EXECUTE FUNCTION slow()"""
        )
    engine.produce([an_order() for _ in range(300)])  # three seconds in one batch
    with database_setting(engine, "statement_timeout", "1s"):
        worker = engine.run("intake")
        engine.wait_consumed(300)
    assert worker.lines("rolled_back")


def test_a_lock_that_an_administrator_holds_is_named_and_given_up(engine: Engine) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    with psycopg.connect(engine.database_url) as administrator:
        administrator.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        engine.produce([an_order()])
        wait_for("a sign of life", lambda: shows_life_while_it_waits(engine, worker))
        wait_not_ready(worker, "lock timeout")
        administrator.rollback()
    worker.wait_ready()
    engine.wait_consumed(1)


def test_a_worker_that_waits_for_a_lock_hears_that_it_is_to_stop(engine: Engine) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    with psycopg.connect(engine.database_url) as administrator:
        administrator.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        engine.produce([an_order()])
        waiting = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                     AND datname = current_database() AND application_name = 'points-intake')"""
        wait_for("the lock wanted", lambda: engine.value(waiting))
        # The table stays locked until it has ended.
        assert worker.terminate() == 0
    engine.run("intake")
    engine.wait_consumed(1)


def test_a_server_that_says_nothing_leaves_it_alive_and_able_to_stop(
    engine: Engine, stack: Stack
) -> None:
    if stack.postgres is None:
        pytest.skip("stops a process of the server, which only the local rung can")
    worker = engine.run("grants", POINTS_METRICS__STALLED_AFTER="2").wait_ready()
    query = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'points-grants'"
    )
    backend = engine.value(query)
    os.kill(backend, signal.SIGSTOP)
    try:
        wait_not_ready(worker, "no answer")
        # The server says nothing until it has ended.
        assert worker.terminate() == 0
    finally:
        os.kill(backend, signal.SIGCONT)


def test_gauges_go_on_while_every_turn_fails(engine: Engine) -> None:
    engine.merchant("shop-a", pending_days=1)
    intake, grants = engine.run("intake").wait_ready(), engine.run("grants").wait_ready()
    engine.produce([an_order(datetime.now(UTC))])
    engine.wait_consumed(1)
    assert intake.terminate() == 0
    with writes_fail(engine, "account", "53100"):
        engine.move_clock(2 * 86_400)
        wait_for("no room", lambda: reason(grants) == "database: could not extend file")
        with psycopg.connect(engine.database_url) as connection:
            connection.execute("UPDATE settings_epoch SET epoch = 77")
        wait_for("the epoch", lambda: grants.metric("points_settings_epoch") == 77)


def test_gauges_go_on_while_the_pipeline_is_paused(engine: Engine) -> None:
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            "INSERT INTO pipeline_state (pipeline, paused_us, reason)"
            " VALUES ('intake', points_now(), 'much poison')"
        )
    worker = engine.run("intake")
    wait_not_ready(worker, "much poison")
    with psycopg.connect(engine.database_url) as connection:
        connection.execute("UPDATE settings_epoch SET epoch = 77")
    wait_for("the epoch", lambda: worker.metric("points_settings_epoch") == 77)
    with psycopg.connect(engine.database_url) as connection:
        connection.execute("UPDATE settings_epoch SET epoch = 78")
    wait_for("the next epoch", lambda: worker.metric("points_settings_epoch") == 78)


@pytest.mark.slow
def test_gauges_say_how_old_they_are_when_their_tables_cannot_be_read(engine: Engine) -> None:
    worker = engine.run("grants").wait_ready()

    def sampled() -> float:
        return worker.metric("points_last_sample_timestamp_seconds")

    before = wait_for("sampled", sampled)
    wait_for("sampled again", lambda: sampled() > before)
    with psycopg.connect(engine.database_url) as administrator:
        administrator.execute("LOCK TABLE settings_epoch IN ACCESS EXCLUSIVE MODE")
        wait_for("not sampled", lambda: worker.lines("not_sampled"))
        at = sampled()
        wait_for("not sampled again", lambda: len(worker.lines("not_sampled")) > 1)
        assert sampled() == at < time.time() - 5
        administrator.rollback()
    wait_for("sampled again", lambda: sampled() > at)
