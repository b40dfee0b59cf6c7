"""The workers, one by one and together, on days without trouble."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
import psutil
import psycopg

from processors.registry import ENGINE
from tests.support.engine import PATIENCE, Engine, Worker, wait_for
from tests.support.upstream import CREATED, Trade, delivery, hex_id, order

DAY = 86_400


@contextmanager
def each_insert_waits(engine: Engine, table: str) -> Iterator[None]:
    """Each statement that inserts into it takes half a second: who is told to stop is in one."""
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        connection.execute(
            f"""CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
                CREATE TRIGGER slow AFTER INSERT ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION slow()""".encode()
        )
        yield
        connection.execute("DROP FUNCTION slow CASCADE")


def test_a_tree_of_all_workers_grants_a_day_and_stops_when_told(engine: Engine) -> None:
    trade = Trade(300, ["shop-a", "shop-b"])
    for merchant in trade.merchants:
        engine.merchant(merchant)
    tree = engine.run("all", "--intakes", "2", "--json")
    records = trade.records()
    engine.produce(records)
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())
    table = orjson.loads(next(line for line in tree.output.splitlines() if line.startswith("[")))
    kinds = list(ENGINE)
    at = kinds.index("intake")
    workers = [*kinds[:at], "intake-1", "intake-2", *kinds[at + 1 :]]
    assert [row["worker"] for row in table] == workers
    children = psutil.Process(tree.process.pid).children()
    assert len(children) == len(ENGINE) + 1
    assert tree.terminate() == 0
    assert not any(child.is_running() for child in children)


def test_intake_that_is_told_to_stop_finishes_its_batch_and_goes_on_where_it_was(
    engine: Engine,
) -> None:
    trade = Trade(2000, ["shop-a"])
    engine.merchant("shop-a")
    records = trade.records()
    engine.produce(records)
    first = engine.run("intake", POINTS_INTAKE__BATCH="100")
    with each_insert_waits(engine, "orders"):
        engine.wait_consumed(200)
        assert first.terminate() == 0
    stopped_at = engine.consumed()
    assert 0 < stopped_at < len(records)
    engine.run("intake")
    engine.run("relay")
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())


def test_a_worker_says_how_it_is_and_what_it_did(engine: Engine) -> None:
    engine.merchant("shop-a")
    intake, relay = engine.run("intake"), engine.run("relay")
    intake.wait_ready()
    relay.wait_ready()
    order_id, at = hex_id("o"), datetime.now(UTC)
    told = order(
        "shop-a", order_id, hex_id("m"), 500, delivery="arrived", option="our own van", at=at
    )
    engine.produce([told])
    engine.produce([told])
    engine.wait_consumed(2)
    engine.wait_published()
    topic = engine.topics["orders"]
    # A batch is committed first and counted then, one figure after the other.
    intake.wait_metric("points_consumed_records_total", 2, topic=topic)
    intake.wait_metric("points_processed_records_total", 1, outcome="applied")
    intake.wait_metric("points_processed_records_total", 1, outcome="duplicate")
    intake.wait_metric("points_ledger_entries_total", 1, type="granted")
    intake.wait_metric("points_event_to_commit_seconds_count", 2)
    intake.wait_metric("points_delivery_options_total", 2)
    assert intake.metric("points_delivery_options_total", bucket="known") == 0
    assert "our own van" not in intake.get("/metrics")[1]
    intake.wait_metric("points_lag_messages", 0, topic=topic)
    intake.wait_metric("points_lag_seconds", 0, topic=topic)
    relay.wait_metric("points_end_to_end_seconds_count", 1)
    assert intake.get("/healthz")[0] == 200
    assert orjson.loads(intake.get("/readyz")[1]) == {
        "ok": True,
        "worker": "intake",
        "reason": None,
    }
    assert intake.get("/else")[0] == 404


def test_points_are_granted_by_themselves_when_their_time_comes_and_never_before(
    engine: Engine,
) -> None:
    engine.merchant("shop-a", pending_days=3)
    engine.run("intake")
    grants = engine.run("grants").wait_ready()
    now = engine.value("SELECT points_now()") / 1e6
    # Midnight in Taipei after three days; the clock is moved to a second before it.
    arrived = datetime.fromtimestamp(now - 3600, UTC)
    engine.produce(
        [order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived", at=arrived)]
    )
    due = wait_for("a plan", lambda: engine.rows("SELECT due_us FROM due"))[0][0]
    assert engine.balances() == {}
    engine.move_clock(due / 1e6 - engine.value("SELECT points_now()") / 1e6 - 1)
    wait_for("granted", engine.balances)
    assert engine.balances() == {("shop-a", hex_id("m")): 100}
    assert engine.value("SELECT recorded_us FROM ledger") >= due
    grants.wait_metric("points_grant_lateness_seconds_count", 1)
    assert engine.rows("SELECT * FROM due") == []


def test_orders_heard_of_before_their_merchants_first_settings_earn_afterwards(
    engine: Engine,
) -> None:
    for worker in ("intake", "recheck"):
        engine.run(worker)
    records = [
        order("shop-a", hex_id(n), hex_id("m"), 100, delivery="arrived") for n in range(1200)
    ]
    engine.produce(records)
    engine.wait_consumed(len(records))
    assert engine.balances() == {}
    engine.merchant("shop-a")
    wait_for("all granted", lambda: engine.balances() == {("shop-a", hex_id("m")): 12_000})
    assert engine.value("SELECT count(*) FROM ledger") == 1200


def test_points_that_nobody_touches_expire_and_it_is_announced(engine: Engine) -> None:
    now = engine.value("SELECT points_now()") / 1e6
    day = datetime.fromtimestamp(now, UTC)
    engine.merchant(
        "shop-a", expiry={"kind": "fixed_date", "month": day.month, "day": min(day.day, 28)}
    )
    for worker in ("intake", "relay", "expiry"):
        engine.run(worker)
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived", at=day)])
    wait_for("granted", lambda: engine.balances() == {("shop-a", hex_id("m")): 100})
    engine.move_clock(400 * DAY)
    wait_for("expired", lambda: engine.balances() == {("shop-a", hex_id("m")): 0})
    engine.wait_published()
    told = [orjson.loads(message.value()) for message in engine.events()]
    assert [(event["type"], event["points"], event["sequence"]) for event in told] == [
        ("granted", 100, 1),
        ("expired", -100, 2),
    ]


def test_a_child_that_crashes_is_started_again(engine: Engine) -> None:
    engine.merchant("shop-a")
    tree = engine.run("intake", "relay")
    child = intake_of(tree)
    os.kill(child, signal.SIGKILL)
    assert wait_for("another intake", lambda: (found := intake_of(tree)) != child and found)
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    wait_for("granted", engine.balances)
    assert tree.terminate() == 0


def test_children_end_when_their_supervisor_is_killed(engine: Engine) -> None:
    tree = engine.run("grants", "relay")
    wait_for(
        "both serve",
        lambda: {line["worker"] for line in tree.lines("serving")} == {"grants", "relay"},
    )
    children = psutil.Process(tree.process.pid).children()
    tree.kill()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []


def test_deliveries_and_late_orders_meet(engine: Engine) -> None:
    engine.merchant("shop-a")
    engine.run("intake")
    order_id = hex_id("late")
    engine.produce([delivery("shop-a", order_id, "arrived", at=CREATED + timedelta(days=2))])
    engine.wait_consumed(1)
    engine.produce([order("shop-a", order_id, hex_id("m"), 770, delivery="pending")])
    wait_for("granted", lambda: engine.balances() == {("shop-a", hex_id("m")): 77})


def test_an_intake_for_which_no_partition_is_left_stands_by(engine: Engine) -> None:
    engine.merchant("shop-a")
    intakes = [engine.run("intake") for _ in range(engine.partitions + 1)]
    for intake in intakes:
        intake.wait_ready()
    trade = Trade(100, ["shop-a"])
    records = trade.records()
    engine.produce(records)
    engine.wait_consumed(len(records))
    assert [intake.terminate() for intake in intakes] == [0] * len(intakes)
    assert engine.consumed() == len(records)


def intake_of(tree: Worker) -> int:
    """The process id of the intake that a tree started last."""
    lines = wait_for(
        "an intake", lambda: [x for x in tree.lines("child_started") if x["child"] == "intake"]
    )
    return int(lines[-1]["pid"])
