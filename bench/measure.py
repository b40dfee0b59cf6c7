"""One run: from the instant when all workers are assigned to the last output read back."""

import contextlib
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
import psycopg

from bench.contestant import Contestant, Site, drop_database, own_database
from bench.kafka import (
    BenchError,
    HeldLoad,
    ReadBack,
    admin_client,
    create_topics,
    delete_topics,
    group_is_ready,
)
from bench.machine import Neighbours, Usage, broker_process, postgres_process
from bench.workloads.workload import Workload

READY_SECONDS = 60.0
STARTS = 5
"""How often the readers are started before giving up on an even assignment."""
END_SECONDS = 15.0
SLOWEST_ORDERS_PER_SECOND = 15
"""A run slower than this is given up."""
LOG_TAIL = 2_000
FIRST = re.compile(rb"^FIRST ([0-9.]+)$", re.MULTILINE)

Progress = Callable[[str, float], None]
"""Told what goes on and how far it is, 0 to 1."""


def silent(_text: str, _share: float) -> None:
    """No progress."""


@dataclass(frozen=True)
class Stack:
    """The servers that all runs use, and where logs may go."""

    bootstrap_servers: str
    database_url: str
    state: Path
    kafka: str
    """The broker's version, or which rung of the ladder it came from."""


@dataclass(frozen=True)
class Measurement:
    """The result of one run that was found right."""

    contestant: str
    workload: str
    orders: int
    events: int
    seconds: float
    cpu_us_per_order: Mapping[str, float]
    wal_bytes_per_order: float
    resident_mb: Mapping[str, float]
    others_cores: float
    """What others than the benchmark had of the machine meanwhile."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Orders a second of the parts of a run that is planned first and granted later."""

    @property
    def orders_per_second(self) -> float:
        """The figure that is compared."""
        return self.orders / self.seconds

    @property
    def events_per_second(self) -> float:
        """The same in records read."""
        return self.events / self.seconds


def measure(
    contestant: Contestant,
    workload: Workload,
    stack: Stack,
    progress: Progress = silent,
    watch: Callable[[Site], AbstractContextManager[object]] | None = None,
) -> Measurement:
    """Run a workload through a contestant's processes on empty tables and topics.

    `watch` is entered for the time that is measured. Raises `BenchError` when a process ends, when
    the outputs do not come, and when any sum is wrong.
    """
    with site_for(contestant, stack) as site:
        progress(f"{contestant.name}: preparing", 0)
        contestant.prepare(site, workload.settings())
        load = HeldLoad(site.bootstrap_servers, site.topics)
        load.write(workload.records())
        if not contestant.held:
            load.release()
        with (
            Workers(contestant, site) as workers,
            ReadBack(site.bootstrap_servers, site.topic_out) as output,
        ):
            started = workers.wait_for_first() if not contestant.held else None
            if started is None:
                workers.wait_until_assigned()
            before, wal = Usage.of(workers.parts()), wal_position(stack)
            neighbours = Neighbours()
            with watch(site) if watch is not None else contextlib.nullcontext():
                started = started or load.release()
                planned = run_to_end(contestant, workload, site, workers, output, progress)
            seconds = output.last_at - started
            after = Usage.of(workers.parts())
            written, others = wal_position(stack) - wal, neighbours.cores()
        progress(f"{contestant.name}: checking", 1)
        output.check()
        contestant.audit(site, workload, output.values)
    return Measurement(
        contestant=contestant.name,
        workload=workload.name,
        orders=workload.orders,
        events=workload.events,
        seconds=seconds,
        cpu_us_per_order=after.cpu_of_each(workload.orders, before),
        wal_bytes_per_order=written / workload.orders,
        resident_mb={part: size / 2**20 for part, size in after.resident.items()},
        others_cores=others,
        phases={
            "planned": workload.orders / (planned - started),
            "granted": workload.orders / (output.last_at - planned),
        }
        if planned
        else {},
    )


def run_to_end(
    contestant: Contestant,
    workload: Workload,
    site: Site,
    workers: "Workers",
    output: ReadBack,
    progress: Progress,
) -> float | None:
    """Wait for one output an order.

    Returns the instant at which all was planned, where points are planned first.
    """
    deadline = time.monotonic() + READY_SECONDS + workload.orders / SLOWEST_ORDERS_PER_SECOND
    planning = contestant.when_planned(site, workload) if workload.planned else iter(())
    planned: float | None = None
    while output.count < workload.orders:
        workers.check()
        output.check()
        planned = planned or next(planning, None)
        if time.monotonic() > deadline:
            raise BenchError(
                f"{contestant.name}: {output.count} of {workload.orders} outputs"
                " when the time was up."
            )
        progress(f"{contestant.name}: running {workload.name}", output.count / workload.orders)
        time.sleep(0.02)
    return planned


class Workers:
    """The processes of one run; they are ended with it, however it ends."""

    def __init__(self, contestant: Contestant, site: Site) -> None:
        self._contestant, self._site = contestant, site
        self._running: list[tuple[str, Path, subprocess.Popen[bytes]]] = []
        self._servers = {
            "postgresql": postgres_process(site.database_url),
            "kafka": broker_process(site.bootstrap_servers),
        }

    def __enter__(self) -> Self:
        try:
            self._start_from(0)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_from(self, first: int) -> None:
        for number, command in enumerate(self._contestant.commands(self._site)[first:], first):
            log = self._site.state / f"{command.part}-{number}.log"
            self._running.append(
                (command.part, log, self._contestant.start(self._site, command, number))
            )

    def stop(self) -> None:
        """End every process."""
        end([process for _, _, process in self._running])

    def parts(self) -> list[tuple[str, psutil.Process]]:
        """Every process whose CPU is counted, with its part's name."""
        self.check()
        workers = [(part, psutil.Process(process.pid)) for part, _, process in self._running]
        return workers + [
            (name, server) for name, server in self._servers.items() if server is not None
        ]

    def check(self) -> None:
        """Raise with the end of its log when a process has ended."""
        for part, log, process in self._running:
            if process.poll() is not None:
                tail = log.read_bytes()[-LOG_TAIL:].decode(errors="replace")
                raise BenchError(
                    f"{self._contestant.name}: {part} ended with code {process.returncode}:\n{tail}"
                )

    def wait_until_assigned(self) -> None:
        """Wait until the readers share the partitions and every process has its database session.

        Where a group balances over several topics at once, one reader may get all of this topic and
        the others none; that is no state to measure, so the readers are started again.
        """
        for _ in range(STARTS):
            if self._assigned_within(READY_SECONDS / STARTS):
                return
            self._restart_readers()
        raise BenchError(
            f"{self._contestant.name}: its workers did not come to share "
            f"{self._site.topics[self._contestant.reads]}."
        )

    def _assigned_within(self, seconds: float) -> bool:
        admin = admin_client(self._site.bootstrap_servers)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            ready = group_is_ready(
                admin,
                self._site.group,
                self._site.topics[self._contestant.reads],
                self._contestant.readers,
                self._site.partitions,
            )
            if ready and self._contestant.is_connected(self._site, len(self._running)):
                return True
            time.sleep(0.1)
        return False

    def _restart_readers(self) -> None:
        readers = self._running[-self._contestant.readers :]
        end([process for _, _, process in readers])
        del self._running[-self._contestant.readers :]
        self._start_from(len(self._running))

    def wait_for_first(self) -> float:
        """Wait until a worker has said that its first event came.

        Returns when that was (monotonic seconds).
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            matches = [FIRST.search(log.read_bytes()) for _, log, _ in self._running]
            moments = [float(match[1]) for match in matches if match]
            if moments:
                return min(moments)
            time.sleep(0.02)
        raise BenchError(f"{self._contestant.name}: no event came within {READY_SECONDS:.0f} s.")


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask each process to end, then insist."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def site_for(contestant: Contestant, stack: Stack) -> Iterator[Site]:
    """A database, topics and a directory of their own, taken away afterwards.

    Logs stay when the run fails.
    """
    name, mark = contestant.name, uuid.uuid4().hex[:8]
    database, group = f"bench_{name}_{mark}", f"bench-{name}-{mark}"
    site = Site(
        bootstrap_servers=stack.bootstrap_servers,
        database_url=own_database(stack.database_url, database),
        topic_in=f"{group}.orders",
        topic_out=f"{group}.changed",
        group=group,
        state=stack.state / group,
        partitions=contestant.partitions,
    )
    site.state.mkdir(parents=True)
    try:
        create_topics(site.bootstrap_servers, [site.topic_in, site.topic_out], site.partitions)
        checkpoint(stack)
        yield site
        shutil.rmtree(site.state)
    finally:
        drop_database(stack.database_url, database)
        delete_topics(site.bootstrap_servers, site.group)


def checkpoint(stack: Stack) -> None:
    """Begin each run just after a checkpoint, so that all write their full pages alike."""
    with psycopg.connect(stack.database_url, autocommit=True) as server:
        server.execute("CHECKPOINT")


def wal_position(stack: Stack) -> int:
    """Bytes of write-ahead log since the server was made."""
    with psycopg.connect(stack.database_url) as server:
        row = server.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
        ).fetchone()
    return int(row[0]) if row else 0
