"""What is measured: programs that read a topic, keep points in PostgreSQL and write changes."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import psycopg
from psycopg import sql
from typing_extensions import override

from bench.kafka import PARTITIONS, BenchError
from bench.workloads.workload import Member, Workload

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
SHOWN = 3
"""How many differences an error lists; the first ones tell what is wrong."""


@dataclass(frozen=True)
class Site:
    """Where one run takes place: everything in it is its own."""

    bootstrap_servers: str
    database_url: str
    topic_in: str
    topic_out: str
    group: str
    state: Path
    partitions: int

    @property
    def topics(self) -> Mapping[str, str]:
        """The topic of each kind of record."""
        kinds = ("deliveries", "customers", "commands", "command_results")
        return {kind: f"{self.group}.{kind}" for kind in kinds} | {"orders": self.topic_in}


@dataclass(frozen=True)
class Command:
    """A process to start, and the part of the table that its CPU counts for."""

    part: str
    arguments: Sequence[str]


class Contestant(ABC):
    """One line of the result table."""

    name: str
    readers: int
    """How many processes share the topic in."""
    reads = "orders"
    """Which topic in that is (`Site.topics`)."""
    partitions = PARTITIONS
    """Of every topic of its runs."""
    held: bool
    """Whether it reads committed records only, so that a load can be held back until all are
    assigned.
    """

    @abstractmethod
    def prepare(self, site: Site, settings: Mapping[str, Json]) -> None:
        """Make tables and topics in the empty database, for merchants with these settings."""

    @abstractmethod
    def commands(self, site: Site) -> Sequence[Command]:
        """The processes to start, those that read the topic last."""

    @abstractmethod
    def environment(self, site: Site) -> Mapping[str, str]:
        """What the processes find in their environment."""

    @abstractmethod
    def audit(self, site: Site, workload: Workload, values: Iterable[bytes]) -> None:
        """Compare tables and outputs with what the workload must give.

        Raises `BenchError` on any difference.
        """

    @abstractmethod
    def is_connected(self, site: Site, processes: int) -> bool:
        """Whether every process is ready as far as the database shows it."""

    @abstractmethod
    def when_planned(self, site: Site, workload: Workload) -> Iterator[float | None]:
        """Advanced until the run ends.

        Once all is planned it makes the points due and yields that instant.
        """

    def start(self, site: Site, command: Command, number: int) -> subprocess.Popen[bytes]:
        """Start one process; it writes to `<part>-<number>.log` in the site's directory.

        In a session of its own, as services are: Linux shares the cores out among sessions first.
        """
        with (site.state / f"{command.part}-{number}.log").open("wb") as log:
            return subprocess.Popen(
                command.arguments,
                cwd=ROOT,
                env={**inherited(), **self.environment(site)},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


class Peer(Contestant):
    """A program of `bench/peers`: one table schema, one output shape."""

    def __init__(self, name: str, module: str, readers: int, *, held: bool = True) -> None:
        self.name, self.readers, self.held = name, readers, held
        self._module = module

    @override
    def prepare(self, site: Site, settings: Mapping[str, Json]) -> None:
        """Create the tables; the peers know one rule and no settings."""
        schema = files("bench.peers").joinpath("schema.sql").read_text()
        with psycopg.connect(site.database_url) as database:
            database.execute(schema.encode())

    @override
    def is_connected(self, site: Site, processes: int) -> bool:
        """The consumer group alone tells."""
        return True

    @override
    def when_planned(self, site: Site, workload: Workload) -> Iterator[float | None]:
        """Nothing is planned: points are granted at the final status."""
        return iter(())

    @override
    def commands(self, site: Site) -> Sequence[Command]:
        """The same program as often as there are readers."""
        return [
            Command("worker", (sys.executable, "-m", f"bench.peers.{self._module}"))
        ] * self.readers

    @override
    def environment(self, site: Site) -> Mapping[str, str]:
        """The `BENCH_…` names of `bench.peers.common`."""
        return {
            "BENCH_BOOTSTRAP_SERVERS": site.bootstrap_servers,
            "BENCH_DATABASE_URL": site.database_url,
            "BENCH_TOPIC_IN": site.topic_in,
            "BENCH_TOPIC_OUT": site.topic_out,
            "BENCH_GROUP": site.group,
            "BENCH_STATE": str(site.state),
        }

    @override
    def audit(self, site: Site, workload: Workload, values: Iterable[bytes]) -> None:
        """Ledger, lots, balances and outputs each add up to the generator's balances."""
        expected = workload.expected()
        sums = {
            "ledger": "SELECT merchant_id, customer_id, sum(points) FROM ledger GROUP BY 1, 2",
            "lots": "SELECT merchant_id, customer_id, sum(remaining) FROM lots GROUP BY 1, 2",
            "balances": "SELECT merchant_id, customer_id, balance FROM balances",
        }
        with psycopg.connect(site.database_url) as database:
            for label, query in sums.items():
                rows = database.execute(query.encode()).fetchall()
                compare(f"{self.name}: {label}", expected, {(m, c): int(n) for m, c, n in rows})
        audit_outputs(self.name, workload, values)


def audit_outputs(name: str, workload: Workload, values: Iterable[bytes]) -> None:
    """One event an order, and sums by member as the generator has them."""
    events = [orjson.loads(value) for value in values]
    orders = {event["order_id"] for event in events}
    compare_count(f"{name}: orders in the output", workload.orders, len(orders))
    compare_count(f"{name}: output events", workload.orders, len(events))
    totals: Counter[Member] = Counter()
    for event in events:
        totals[event["merchant_id"], event["member_id"]] += event["points"]
    compare(f"{name}: outputs", workload.expected(), totals)


def inherited() -> dict[str, str]:
    """The environment without `POINTS_…`: the shell's configuration must not leak into a run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POINTS_")}


FLOOR = Peer("floor", "floor", 2)
CONFLUENT = Peer("confluent", "confluent_sqlalchemy", 2)
FAUST = Peer("faust", "faust_sqlalchemy", 1, held=False)


def compare(what: str, expected: Mapping[Member, int], actual: Mapping[Member, int]) -> None:
    """Raise when two sets of balances differ, with the first differences."""
    if expected == actual:
        return
    wrong = sorted(
        key for key in expected.keys() | actual.keys() if expected.get(key) != actual.get(key)
    )
    shown = "; ".join(
        f"{m}/{c}: {expected.get((m, c))} expected, {actual.get((m, c))} found"
        for m, c in wrong[:SHOWN]
    )
    raise BenchError(f"{what} differ for {len(wrong)} of {len(expected)} members: {shown}")


def compare_count(what: str, expected: int, actual: int) -> None:
    """Raise when a count differs."""
    if expected != actual:
        raise BenchError(f"{what}: {expected} expected, {actual} found")


def own_database(server_url: str, name: str) -> str:
    """Make an empty database of that name on the server, in place of an older one.

    Returns its URL.
    """
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def drop_database(server_url: str, name: str) -> None:
    """Drop the database of a run."""
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
