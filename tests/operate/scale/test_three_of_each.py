"""Three processes of each kind on three brokers: they share, come and go, and nothing is lost.

One story, since its servers and workers take most of its time. No setting differs from those of a
single worker.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import orjson
import pytest
from confluent_kafka.admin import AdminClient

from deploy.local import kafka_local
from deploy.local.kafka_local import LocalKafka
from processors.registry import ENGINE
from tests.support.engine import Engine, Worker, wait_for
from tests.support.servers import Databases
from tests.support.upstream import CREATED, Record, Trade

AT_ONCE, LATER = ("shop-a", "shop-b", "shop-c"), ("slow-a", "slow-b", "slow-c")
TRADE = Trade(4_500, (*AT_ONCE, *LATER), members=60)
EACH, PARTITIONS = 3, 6
BROUGHT_DOWN = ("intake", "commands", "grants", "relay", "recheck", "readmodel")
WITHIN = 150.0
"""Seconds for a state, on a machine that has other things to do."""

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(postgres: Databases, valkey: str, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine on three brokers of its own, every topic on all of them."""
    if (lack := kafka_local.missing()) is not None:
        pytest.skip(lack)
    brokers = LocalKafka(tmp_path / "kafka", brokers=3, heap_mb=256)
    url = postgres.database()
    try:
        brokers.launch()
        brokers.wait_ready()
        with Engine(
            brokers.bootstrap_servers, url, topic_prefix, tmp_path, PARTITIONS, replicas=3
        ) as made:
            made.environment["POINTS_REDIS__URL"] = valkey
            yield made.prepare()
    finally:
        brokers.stop()
        postgres.drop(url)


class Fleet:
    """The workers that are meant to run, by kind."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.running: dict[str, list[Worker]] = {kind: [] for kind in ENGINE}
        for _ in range(EACH):
            for kind in ENGINE:
                self.add(kind)
            self.wait_ready()

    def wait_ready(self) -> None:
        for workers in self.running.values():
            for worker in workers:
                wait_until_ready(worker)

    def replace(self, kind: str, number: int, *, kill: bool) -> None:
        """One goes, in order or not, and another comes."""
        old = self.running[kind][number]
        if kill:
            old.kill()
        else:
            go(old)
        self.running[kind][number] = self._engine.run(kind)

    def add(self, kind: str) -> None:
        self.running[kind].append(self._engine.run(kind))

    def take_away(self, kind: str) -> None:
        go(self.running[kind].pop(0))

    def upgrade(self) -> None:
        """A new one of each kind, and when it is ready, an old one of each kind goes."""
        new = {kind: self._engine.run(kind) for kind in self.running}
        for worker in new.values():
            wait_until_ready(worker)
        leaving = [workers.pop(0) for workers in self.running.values()]
        for worker in leaving:
            worker.process.terminate()
        assert [worker.wait(WITHIN) for worker in leaving] == [0] * len(leaving)
        for kind, worker in new.items():
            self.running[kind].append(worker)

    def counted(self, kind: str, name: str, **labels: str) -> list[float]:
        """A counter of each worker of a kind."""
        return [worker.metric(name, **labels) for worker in self.running[kind]]


def go(worker: Worker) -> None:
    """Asks a worker to go, which it hears once it serves: before that it has nothing in hand."""
    wait_for("served", lambda: worker.lines("serving"), WITHIN)
    assert worker.terminate(WITHIN) == 0


def wait_until_ready(worker: Worker) -> None:
    """As `Worker.wait_ready`, with the patience that two dozen processes at once need."""

    def is_ready() -> bool:
        try:
            return worker.get("/readyz")[0] == HTTPStatus.OK
        except OSError:
            return False

    wait_for("served", lambda: worker.lines("serving"), WITHIN)
    wait_for("ready", is_ready, WITHIN)


class Groups(threading.Thread):
    """Watches that no group is without a member while workers are replaced."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._admin = AdminClient({"bootstrap.servers": engine.bootstrap, "log_level": 0})
        self._groups = [f"{engine.prefix}points.{kind}" for kind in ("intake", "commands")]
        self._over = threading.Event()
        self.fewest: Mapping[str, int] = {}
        self.looks = 0

    def run(self) -> None:
        fewest: dict[str, int] = {}
        while not self._over.wait(0.2):
            for group, future in self._admin.describe_consumer_groups(self._groups).items():
                members = len(future.result(20).members)
                fewest[group] = min(members, fewest.get(group, members))
            self.looks += 1
        self.fewest = fewest

    def end(self) -> None:
        self._over.set()
        self.join(30)


def assigned() -> tuple[list[Record], Counter[tuple[str, str]]]:
    """Commands that give every member a point, some more than one; what they give."""
    given: Counter[tuple[str, str]] = Counter()
    records = []
    for number, (merchant, _, member, _) in enumerate(TRADE.drawn()):
        if number % 3:
            continue
        command = {
            "command_id": f"gift-{number}",
            "type": "assign",
            "merchant_id": merchant,
            "member_id": member,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": CREATED.isoformat(),
            "points": 1,
            "reason": "for the scale",
        }
        records.append(Record("commands", f"{merchant}:{member}", orjson.dumps(command)))
        given[merchant, member] += 1
    return records, given


def set_clock(engine: Engine, at: datetime) -> None:
    engine.move_clock((at - datetime.now(UTC)).total_seconds())


def spread(engine: Engine, records: list[Record], seconds: float) -> threading.Thread:
    """Produces in the background, spread over so many seconds."""

    def produce() -> None:
        step = max(1, len(records) // 100)
        for at in range(0, len(records), step):
            engine.produce(records[at : at + step])
            time.sleep(seconds / 100)

    thread = threading.Thread(target=produce)
    thread.start()
    return thread


def test_three_of_each_share_the_work_and_come_and_go(engine: Engine) -> None:
    # The clock stands where the made-up orders are new, so that plans are made first and fall due
    # together in the middle.
    set_clock(engine, CREATED + timedelta(hours=12))
    for merchant in AT_ONCE:
        engine.merchant(merchant)
    for merchant in LATER:
        engine.merchant(merchant, pending_days=3)
    commands, given = assigned()
    records = TRADE.records()
    third = len(records) // 3
    fleet = Fleet(engine)

    engine.produce([*records[:third], *commands[:500]])
    engine.wait_consumed(third + 500, WITHIN)
    they_share(engine, fleet)

    going_and_coming(engine, fleet, [*records[third : 2 * third], *commands[500:]])
    engine.wait_consumed(2 * third + len(commands), WITHIN)

    groups = Groups(engine)
    groups.start()
    producing = spread(engine, records[2 * third :], 12)
    for _ in range(EACH):
        fleet.upgrade()
    producing.join()
    groups.end()
    assert groups.looks > 5
    assert min(groups.fewest.values()) >= 1, groups.fewest

    total = len(records) + len(commands)
    engine.wait_consumed(total, WITHIN)
    engine.wait_published(WITHIN)
    assert engine.consumed() == total
    expected = Counter(TRADE.expected()) + given
    engine.audit(expected)
    assert engine.value("SELECT count(*) FROM command") == len(commands)
    answered = {orjson.loads(m.value())["command_id"] for m in engine.events("command_results")}
    assert len(answered) == len(commands)
    fleet.wait_ready()
    for workers in fleet.running.values():
        for worker in workers:
            worker.process.terminate()
    assert {w.wait(WITHIN) for workers in fleet.running.values() for w in workers} == {0}


def they_share(engine: Engine, fleet: Fleet) -> None:
    """Partitions, shards and what is due are spread over the three."""
    assert min(fleet.counted("intake", "points_consumed_records_total")) > 0
    assert min(fleet.counted("commands", "points_consumed_records_total")) > 0
    wait_for(
        "each relay has a third of the shards",
        lambda: fleet.counted("relay", "points_relay_shards") == [3.0] * EACH,
        WITHIN,
    )
    plans = int(engine.value("SELECT count(*) FROM due"))
    assert plans > 0
    # Far more than one claim, and a claim leaves to others what it does not take.
    set_clock(engine, CREATED + timedelta(days=5))
    engine.wait_published(WITHIN)
    granted = fleet.counted("grants", "points_ledger_entries_total", type="granted")
    assert sum(granted) == plans
    set_clock(engine, CREATED + timedelta(hours=12))


def going_and_coming(engine: Engine, fleet: Fleet, records: list[Record]) -> None:
    """Under load workers are killed, asked to go, added and taken away."""
    draw = random.Random(11)
    producing = spread(engine, records, 20)
    fleet.add("intake")
    fleet.add("relay")
    changes = 0
    while producing.is_alive() or changes < 8:
        time.sleep(draw.uniform(0.3, 0.9))
        kind = draw.choice(BROUGHT_DOWN)
        fleet.replace(kind, draw.randrange(EACH), kill=draw.random() < 0.6)
        changes += 1
        if changes == 5:
            # What was planned falls due while those who grant it come and go.
            engine.move_clock(0)
    producing.join()
    fleet.take_away("intake")
    fleet.take_away("relay")
