"""The lane's reader while PostgreSQL is away, and when the broker was killed."""

import time

import orjson
import pytest

from deploy.local.stack import Stack
from tests.support.engine import Engine, wait_for
from tests.support.notices.reading import Reader, lost_and_doubled, produce, read, uneven, wait_read


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
