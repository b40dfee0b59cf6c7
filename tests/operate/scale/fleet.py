"""Three of each kind of worker on three brokers, and what brings them down."""

import threading
import time
from collections.abc import Mapping, Sequence

from confluent_kafka.admin import AdminClient

from tests.support.engine import Engine, Worker, wait_for
from tests.support.upstream import Record

EACH, PARTITIONS = 3, 6
WITHIN = 150.0
"""Seconds for a state, on a machine that has other things to do."""


class Fleet:
    """The workers that are meant to run, by kind."""

    def __init__(
        self,
        engine: Engine,
        kinds: Sequence[str],
        environment: Mapping[str, str] | None = None,
        each: int = EACH,
    ) -> None:
        """So many of each kind; `environment` are further variables of all."""
        self._engine, self._environment = engine, dict(environment or {})
        self.running: dict[str, list[Worker]] = {kind: [] for kind in kinds}
        for _ in range(each):
            for kind in kinds:
                self.add(kind)
            self.wait_ready()

    def wait_ready(self) -> None:
        """Returns when all are."""
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
        self.running[kind][number] = self._started(kind)

    def add(self, kind: str) -> None:
        """One more of a kind."""
        self.running[kind].append(self._started(kind))

    def _started(self, kind: str) -> Worker:
        return self._engine.run(kind, **self._environment)

    def take_away(self, kind: str) -> None:
        """One less of a kind."""
        go(self.running[kind].pop(0))

    def upgrade(self) -> None:
        """A new one of each kind, and when it is ready, an old one of each kind goes."""
        new = {kind: self._started(kind) for kind in self.running}
        for worker in new.values():
            wait_until_ready(worker)
        leaving = [workers.pop(0) for workers in self.running.values()]
        for worker in leaving:
            worker.process.terminate()
        assert [worker.wait(WITHIN) for worker in leaving] == [0] * len(leaving)
        for kind, worker in new.items():
            self.running[kind].append(worker)

    def end(self) -> None:
        """All end in order."""
        self.wait_ready()
        workers = [worker for each in self.running.values() for worker in each]
        for worker in workers:
            worker.process.terminate()
        assert {worker.wait(WITHIN) for worker in workers} == {0}

    def counted(self, kind: str, name: str, **labels: str) -> list[float]:
        """A counter of each worker of a kind."""
        return [worker.metric(name, **labels) for worker in self.running[kind]]


def go(worker: Worker) -> None:
    """Asks a worker to go, which it hears once it serves: before that it has nothing in hand."""
    wait_for("served", lambda: worker.lines("serving"), WITHIN)
    assert worker.terminate(WITHIN) == 0


def wait_until_ready(worker: Worker) -> None:
    """As `Worker.wait_ready`, with the patience that two dozen processes at once need."""
    wait_for("served", lambda: worker.lines("serving"), WITHIN)
    worker.wait_ready(WITHIN)


class Groups(threading.Thread):
    """Watches that no group is without a member while workers are replaced."""

    def __init__(self, engine: Engine, kinds: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._admin = AdminClient({"bootstrap.servers": engine.bootstrap, "log_level": 0})
        self._groups = [f"{engine.prefix}points.{kind}" for kind in kinds]
        self._over = threading.Event()
        self.fewest: Mapping[str, int] = {}
        self.looks = 0

    def run(self) -> None:
        """Until `end`."""
        fewest: dict[str, int] = {}
        while not self._over.wait(0.2):
            for group, future in self._admin.describe_consumer_groups(self._groups).items():
                members = len(future.result(20).members)
                fewest[group] = min(members, fewest.get(group, members))
            self.looks += 1
        self.fewest = fewest

    def end(self) -> None:
        """Looks no more; in between no group was without a member."""
        self._over.set()
        self.join(30)
        assert self.looks > 5
        assert min(self.fewest.values()) >= 1, self.fewest


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
