"""What workers do when they are killed, when servers fail, and when their topics change."""

import random
import subprocess
import sys
import time
import urllib.request
from functools import partial
from threading import Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from deploy.local.process import free_ports, listens
from deploy.local.stack import Stack
from store.postgres.session import connect, transaction
from store.streams import quarantine
from tests.support.engine import TOPICS, Engine, wait_for
from tests.support.machine.inherited import inherited
from tests.support.upstream import Record, Trade, hex_id, order, poison

SHOPS = ("shop-a", "shop-b", "shop-c")
KILLS = 12
"""Of workers in a loop."""


def slowly(engine: Engine, records: list[Record], seconds: float) -> Thread:
    """Produces in the background, spread over so many seconds."""

    def produce() -> None:
        step = max(1, len(records) // 100)
        for at in range(0, len(records), step):
            engine.produce(records[at : at + step])
            time.sleep(seconds / 100)

    thread = Thread(target=produce)
    thread.start()
    return thread


def changed_url(url: str, **change: Any) -> str:
    """The database's address with some parts changed."""
    return make_url(url).set(**change).render_as_string(hide_password=False)


@pytest.mark.slow
@pytest.mark.usefixtures("started_plainly")
def test_killing_workers_in_a_loop_loses_and_doubles_nothing(engine: Engine) -> None:
    trade = Trade(4000, SHOPS)
    for merchant in SHOPS:
        engine.merchant(merchant)
    records = trade.records()
    draw = random.Random(5)
    small = {"POINTS_INTAKE__BATCH": "150"}
    kinds = ("intake", "intake", "relay", "grants")
    running = [engine.run(kind, **small) for kind in kinds]
    for at in range(0, len(records), len(records) // KILLS):
        engine.produce(records[at : at + len(records) // KILLS])
        victim = draw.randrange(len(kinds))
        running[victim].url()  # while it loads it has nothing in hand that could be lost
        time.sleep(draw.uniform(0.2, 0.9))  # somewhere in the middle of whatever it does
        running[victim].kill()
        running[victim] = engine.run(kinds[victim], **small)
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())
    assert engine.consumed() == len(records)
    assert engine.counts()["duplicate"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("started_plainly")
def test_two_workers_that_fight_for_a_partition_double_nothing(engine: Engine) -> None:
    trade = Trade(1000, SHOPS)
    for merchant in SHOPS:
        engine.merchant(merchant)
    groups = [f"{engine.prefix}{name}" for name in ("one", "two")]
    fighters = [
        engine.run("intake", POINTS_KAFKA__GROUP_ID=group, POINTS_INTAKE__BATCH="100").wait_ready()
        for group in groups
    ]
    engine.run("relay")
    records = trade.records()
    engine.produce(records)
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())
    assert engine.consumed() == len(records)
    # Who came too late for all of it is refused when it has read its first batch.
    refusals = "points_cursor_refusals_total"
    wait_for("a refusal", lambda: sum(worker.metric(refusals) for worker in fighters) > 0)
    assert [worker.terminate() for worker in fighters] == [0, 0]


@pytest.mark.slow
@pytest.mark.usefixtures("started_plainly")
def test_a_database_that_restarts_in_the_middle_is_waited_for(engine: Engine, stack: Stack) -> None:
    if stack.postgres is None:
        pytest.skip("restarts the server, which only the local rung can")
    trade = Trade(3000, SHOPS)
    for merchant in SHOPS:
        engine.merchant(merchant)
    workers = [
        engine.run(kind, POINTS_INTAKE__BATCH="100").wait_ready()
        for kind in ("intake", "relay", "grants")
    ]
    records = trade.records()
    producing = slowly(engine, records, 4)
    engine.wait_consumed(500)
    stack.postgres.kill()
    wait_for("not ready", lambda: all(worker.get("/readyz")[0] == 503 for worker in workers))
    assert all(worker.get("/healthz")[0] == 200 for worker in workers)
    stack.postgres.restart()
    producing.join()
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())
    for worker in workers:
        worker.wait_ready()
        assert worker.metric("points_database_reconnects_total") >= 1
        assert worker.terminate() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("started_plainly")
def test_a_broker_that_restarts_in_the_middle_is_waited_for(engine: Engine, stack: Stack) -> None:
    if stack.kafka is None:
        pytest.skip("restarts the broker, which only the local rung can")
    trade = Trade(3000, SHOPS)
    for merchant in SHOPS:
        engine.merchant(merchant)
    workers = [
        engine.run(kind, POINTS_INTAKE__BATCH="50").wait_ready() for kind in ("intake", "relay")
    ]
    records = trade.records()
    engine.produce(records)
    engine.wait_consumed(300)
    stack.kafka.kill(1)
    wait_for("not ready", lambda: workers[0].get("/readyz")[0] == 503)
    assert all(worker.get("/healthz")[0] == 200 for worker in workers)
    stack.kafka.restart(1)
    engine.wait_consumed(len(records), 60)
    engine.wait_published(60)
    engine.audit(trade.expected())
    assert [worker.wait_ready().terminate() for worker in workers] == [0, 0]


def test_a_topic_recreated_under_a_running_worker_stops_it(engine: Engine) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    engine.wait_consumed(1)
    engine.delete_topics("orders")
    engine.create_topics("orders")
    assert worker.wait() == 4
    why = worker.lines("refused")[-1]["why"]
    assert engine.topics["orders"] in why
    assert "points cursor adopt" in why


@pytest.mark.slow
def test_a_topic_deleted_under_a_running_worker_stops_it_and_a_new_one_is_not_read(
    engine: Engine,
) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    engine.wait_consumed(1)
    engine.delete_topics("orders")
    assert worker.wait(60) == 4
    assert f"topic {engine.topics['orders']} is gone" in worker.lines("refused")[-1]["why"]
    again = engine.run("intake")
    assert again.wait() == 4
    assert "do not exist" in again.lines("refused")[-1]["why"]
    engine.create_topics("orders")
    engine.produce([order("shop-a", hex_id("p"), hex_id("m"), 1000, delivery="arrived")])
    last = engine.run("intake")
    assert last.wait() == 4
    assert "was recreated" in last.lines("refused")[-1]["why"]
    assert engine.balances() == {("shop-a", hex_id("m")): 100}


def test_a_topic_recreated_meanwhile_is_refused_at_start(engine: Engine) -> None:
    engine.merchant("shop-a")
    worker = engine.run("intake").wait_ready()
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    engine.wait_consumed(1)
    assert worker.terminate() == 0
    engine.delete_topics("orders")
    engine.create_topics("orders")
    engine.produce([order("shop-a", hex_id("p"), hex_id("m"), 1000, delivery="arrived")])
    tree = engine.run("intake", "relay")
    wait_for("the intake held", lambda: tree.lines("child_held"))
    assert "was recreated" in tree.lines("refused")[-1]["why"]
    assert engine.balances() == {("shop-a", hex_id("m")): 100}
    engine.wait_published()
    assert tree.process.poll() is None
    assert engine.command("cursor", "adopt", "--yes").returncode == 0
    engine.wait_consumed(2)
    assert engine.balances() == {("shop-a", hex_id("m")): 200}
    assert tree.terminate() == 0


def test_what_cannot_be_read_of_the_notices_lane_holds_its_workers_alone(engine: Engine) -> None:
    engine.merchant("shop-a")
    tree = engine.run("notices", "intake", "relay", "notices-send", POINTS_SMTP__PORT="hushhush")
    wait_for("the lane held", lambda: len(tree.lines("child_held")) > 1)
    assert {line["child"] for line in tree.lines("child_held")} == {"notices", "notices-send"}
    engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    engine.wait_consumed(1)
    engine.wait_published()
    assert engine.balances() == {("shop-a", hex_id("m")): 100}
    told = tree.output
    assert "POINTS_SMTP__PORT: Input should be a valid integer" in told
    assert "hush" not in told
    assert tree.terminate() == 0


def test_workers_that_all_need_an_operator_end_together(engine: Engine) -> None:
    engine.delete_topics(*TOPICS)
    tree = engine.run("intake", "relay")
    assert tree.wait() == 4
    assert [line["child"] for line in tree.lines("child_held")] != []


def test_poison_of_many_merchants_pauses_until_somebody_resumes(engine: Engine) -> None:
    for merchant in SHOPS:
        engine.merchant(merchant)
    good = order("shop-a", "0" * 24, hex_id("m"), 1000, delivery="arrived")
    # One key: all of it in one partition, so that the order of the records is this one.
    flood = [Record("orders", "k", poison(SHOPS[n % 3], n).value) for n in range(60)] + [
        good._replace(key="k")
    ]
    engine.run("relay")
    worker = engine.run("intake").wait_ready()
    engine.produce(flood)
    wait_for("paused", lambda: worker.get("/readyz")[0] == 503)
    assert "unreadable records in a row" in worker.get("/readyz")[1]
    assert worker.get("/healthz")[0] == 200
    worker.wait_metric("points_pipeline_paused", 1, pipeline="intake")
    assert (engine.consumed(), engine.value("SELECT count(*) FROM quarantine")) == (0, 0)
    later = engine.run("intake")
    wait_for(
        "another one sees the pause",
        lambda: later.get("/readyz")[0] == 503 and "paused" in later.get("/readyz")[1],
    )
    with connect(engine.database_url) as connection, transaction(connection) as cursor:
        assert quarantine.resume(cursor, "intake", 1000)
    engine.wait_consumed(len(flood))
    worker.wait_ready()
    later.wait_ready()
    assert engine.counts() == {"applied": 1, "duplicate": 0, "ignored": 0, "parked": 0, "dead": 60}
    engine.wait_published()
    assert len(engine.events("dlq_orders")) == 60
    assert worker.process.poll() is None


def test_poison_of_one_merchant_stops_nobody(engine: Engine) -> None:
    for merchant in SHOPS:
        engine.merchant(merchant)
    engine.run("relay")
    worker = engine.run("intake").wait_ready()
    engine.produce([poison("shop-a", n) for n in range(300)])
    engine.produce([order("shop-b", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    engine.wait_consumed(301)
    engine.wait_published()
    assert engine.counts()["dead"] == 300
    assert engine.balances() == {("shop-b", hex_id("m")): 100}
    assert worker.get("/readyz")[0] == 200


def test_unreachable_servers_are_waited_for_and_said(engine: Engine) -> None:
    port = free_ports(1)[0]
    nowhere = changed_url(engine.database_url, port=port)
    no_broker = engine.run("intake", POINTS_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    no_database = engine.run("intake", POINTS_DATABASE__URL=nowhere)
    assert "kafka" in wait_for("a reason", lambda: no_broker.lines("not_ready"))[0]["why"]
    assert "database" in wait_for("a reason", lambda: no_database.lines("not_ready"))[0]["why"]
    for worker in (no_broker, no_database):
        assert (worker.get("/healthz")[0], worker.get("/readyz")[0]) == (200, 503)
        assert worker.terminate() == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "not-the-password"}, "password authentication failed"),
        ({"database": "no_such_database"}, "does not exist"),
    ],
)
def test_a_login_that_is_refused_is_refused_at_once(
    engine: Engine, change: dict[str, str], says: str
) -> None:
    worker = engine.run("grants", POINTS_DATABASE__URL=changed_url(engine.database_url, **change))
    assert worker.wait() == 2
    assert says in worker.lines("refused")[0]["why"]
    assert "POINTS_DATABASE__URL" in worker.lines("refused")[0]["why"]
    assert "not-the-password" not in worker.output


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM alembic_version", "points migrate"),
        ("UPDATE alembic_version SET version_num = '9999'", "newer version"),
    ],
)
def test_another_schema_is_refused(engine: Engine, statement: str, says: str) -> None:
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(statement.encode())
    worker = engine.run("expiry")
    assert worker.wait() == 3
    assert says in worker.lines("refused")[0]["why"]


def test_missing_topics_are_refused_with_what_to_do(engine: Engine) -> None:
    engine.delete_topics(*TOPICS)
    for kind in ("intake", "relay"):
        worker = engine.run(kind)
        assert worker.wait() == 4
        assert "points topics apply" in worker.lines("refused")[0]["why"]


def test_a_port_that_is_taken_is_refused(engine: Engine) -> None:
    first = engine.run("grants")
    port = first.url().rpartition(":")[2]
    second = engine.run("grants", POINTS_METRICS__PORT=port)
    assert second.wait() == 2
    assert "POINTS_METRICS__PORT" in second.output


@pytest.mark.slow
@pytest.mark.parametrize("to", ["2>&-", ">/dev/full 2>&1", ">&- 2>&- <&-", "2>&1"])
@pytest.mark.parametrize("workers", ["grants", "grants expiry"])
def test_a_log_that_cannot_be_written_ends_no_worker(workers: str, to: str) -> None:
    """They wait for a database that is not there, which they would log again and again."""
    ports = _neighbours(len(workers.split()))
    environment = {
        **inherited(),
        "POINTS_ENVIRONMENT": "development",
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "POINTS_DATABASE__URL": "postgresql://me:x@127.0.0.1:1/points",
        "POINTS_METRICS__PORT": str(ports[0]),
    }
    line = f"exec {sys.executable} -m cli run {workers} {to}"
    with subprocess.Popen(
        ["/bin/bash", "-c", line], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.close()  # with 2>&1 the log is a pipe that is read no longer
        try:
            for port in ports:
                wait_for("turns of the loop", partial(_turns_or_ended, process, port, set()), 60)
            assert process.poll() is None
        finally:
            process.terminate()
        assert process.wait(90) == 0  # the children alone may take a minute


def _neighbours(count: int) -> list[int]:
    """Free ports next to each other: a tree of workers serves on one each."""
    while True:
        first = free_ports(1)[0]
        ports = list(range(first, first + count))
        if not any(map(listens, ports)):
            return ports


def _turns_or_ended(process: subprocess.Popen[bytes], port: int, seen: set[float]) -> bool:
    """Whether the loop of the worker on this port was found to have turned at four instants."""
    if process.poll() is not None:
        return True
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return False
    name = "points_last_turn_timestamp_seconds "
    seen.update(float(line.removeprefix(name)) for line in lines if line.startswith(name))
    return len(seen) > 3
