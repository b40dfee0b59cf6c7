"""Every kind of worker in a container that may do next to nothing, on real servers."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
import redis

from deploy.images.build import Built
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from processors.registry import WORKERS
from store.valkey.keys import MemberKey, key_of
from tests.support.engine import Engine, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.compose import our_services
from tests.support.operate.containers import Contained
from tests.support.parcels import ANNA, A, M
from tests.support.servers import Databases
from tests.support.upstream import order

SERVICES = our_services()
PARTITIONS = 4
"""As `points topics apply` makes them."""
KEYS = "/run/secrets/notices-keys"
"""Where the containers find what seals contacts, as compose mounts it."""


class Fleet:
    """An engine whose every process is a container."""

    def __init__(self, lane: BusyLane, image: str, address: str | None, redis_url: str) -> None:
        self.engine, self.lane, self._image, self._address = lane.engine, lane, image, address
        self.redis_url = redis_url
        ours = {k: v for k, v in self.engine.environment.items() if k.startswith("POINTS_")}
        here = {"POINTS_REDIS__URL": redis_url, "POINTS_METRICS__HOST": "127.0.0.1"}
        notices = {**lane.environment, "POINTS_NOTICES__KEY_FILE": KEYS}
        self._environment = ours | here | notices
        self.workers: dict[str, Contained] = {}

    def container(self, service: str) -> Contained:
        """A container that runs what this service of the compose file runs."""
        return Contained(
            self._image,
            SERVICES[service]["command"],
            self._environment,
            self._address,
            files={KEYS: str(self.lane.key_file)},
        )

    def once(self, service: str) -> None:
        """Run a service that ends, with 0."""
        with self.container(service) as container:
            assert container.ended() == 0, container.output


@pytest.fixture(scope="module")
def fleet(
    built: Built,
    container_engine: str | None,
    stack: Stack,
    postgres: Databases,
    valkey_server: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """All kinds on a database and topics that containers have made, and one merchant."""
    folder: Path = tmp_path_factory.mktemp("fleet")
    url, prefix = postgres.database(), f"t{uuid.uuid4().hex[:10]}."
    with (
        Engine(stack.bootstrap_servers, url, prefix, folder, PARTITIONS) as engine,
        SinksProcess() as sinks,
        ExitStack() as running,
    ):
        lane = BusyLane(engine, sinks)
        fleet = Fleet(lane, built.tag, container_engine, valkey_server.redis_url)
        fleet.once("migrate")
        fleet.once("topics")
        engine.merchant(M)
        lane.settle_in([M])
        for kind in WORKERS:
            fleet.workers[kind] = running.enter_context(fleet.container(kind))
        yield fleet
    postgres.drop(url)


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
