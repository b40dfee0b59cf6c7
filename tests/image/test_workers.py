"""Every kind of worker in a container that may do next to nothing, on real servers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import orjson
import pytest
import redis

from processors.registry import WORKERS
from store.valkey.keys import MemberKey, key_of
from tests.support.engine import wait_for
from tests.support.operate.containers import Contained
from tests.support.operate.fleet import SERVICES, Fleet
from tests.support.parcels import ANNA, A, M
from tests.support.upstream import order


@pytest.mark.parametrize("kind", WORKERS)
def test_worker_in_a_container_is_alive_and_ready(fleet: Fleet, kind: str) -> None:
    worker = fleet.workers[kind]
    wait_for(f"{kind} ready", worker.ready)
    assert worker.alive()
    assert f'points_worker_up{{worker="{kind}"}} 1.0' in worker.get("/metrics")[1]


@pytest.mark.slow
def test_an_order_goes_in_and_points_and_what_tells_of_them_come_out(fleet: Fleet) -> None:
    engine, lane = fleet.engine, fleet.lane
    # A read model that joins its group later leaves the first order's balance to the database.
    for kind, worker in fleet.workers.items():
        wait_for(f"{kind} ready", worker.ready)
    lane.know([(M, ANNA)])
    wait_for("the contact", lambda: engine.value("SELECT count(*) FROM notices.contact"))
    engine.produce([order(M, A, ANNA, 1_000, delivery="arrived")])
    wait_for("points in the ledger", lambda: engine.balances() == {(M, ANNA): 100})
    engine.wait_published()
    event = orjson.loads(wait_for("the event", engine.events)[0].value())
    assert (event["member_id"], event["points"]) == (ANNA, 100)
    with redis.Redis.from_url(fleet.redis_url) as client:
        wait_for("the balance for checkout", lambda: client.get(key_of(MemberKey(M, ANNA))))
    wait_for("mail and SMS", lambda: lane.notices("state = 'sent'") == 2)
    told = {message["provider"]: message for message in lane.sinks.messages(taken=True)}
    assert told.keys() == {"smtp", "mitake"}
    assert told["smtp"]["to"] == f"{ANNA}@tea.example"
    assert "100" in told["mitake"]["content"]


def test_the_health_check_of_compose_is_answered_inside_the_container(fleet: Fleet) -> None:
    worker = fleet.workers["grants"]
    wait_for("grants ready", worker.ready)
    port = worker.url().rpartition(":")[2]
    check = [word.replace("9464", port) for word in SERVICES["grants"]["healthcheck"]["test"][1:]]
    assert worker.run_inside(*check) == (0, "")
    assert worker.run_inside(*(word.replace(port, "1") for word in check))[0] == 1


def test_a_worker_can_write_nowhere_and_gain_no_right(fleet: Fleet) -> None:
    worker = fleet.workers["grants"]
    code, said = worker.run_inside(
        "python3",
        "-c",
        "import os\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(os.getuid(), os.getgid(), *(status[k].strip() for k in ('CapBnd', 'NoNewPrivs')))\n"
        "open('/opt/points/written', 'w')",
    )
    assert said.splitlines()[0].split() == ["10001", "10001", "0000000000000000", "1"]
    assert code == 1
    assert "Read-only file system" in said


@pytest.mark.slow
def test_every_kind_ends_with_0_within_the_grace_time_when_it_is_stopped(fleet: Fleet) -> None:
    with ExitStack() as running:
        others = {kind: running.enter_context(fleet.container(kind)) for kind in WORKERS}
        for kind, worker in others.items():
            wait_for(f"{kind} alive", worker.alive)
        with ThreadPoolExecutor(len(others)) as pool:
            codes = list(pool.map(Contained.stopped, others.values()))
        assert codes == [0] * len(others), [each.output for each in others.values()]
