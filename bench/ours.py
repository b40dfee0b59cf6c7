"""Our own workers as a contestant: two intakes, relay and grants, started as users start them."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import sql
from typing_extensions import override

from bench import collector
from bench.contestant import (
    ROOT,
    Command,
    Contestant,
    Json,
    Site,
    compare,
    compare_count,
    inherited,
)
from bench.kafka import PARTITIONS, BenchError
from bench.preload import preload
from bench.workloads.b import PENDING_DAYS
from bench.workloads.workload import Member, Workload

POINTS = str(Path(sys.executable).with_name("points"))
CLOCK_JUMP_DAYS = PENDING_DAYS + 2
"""Past the last merchant's midnight, whatever the zone."""

READERS = ("intake", "intake")
KINDS = ("relay", "grants", *READERS)

SUMS = {
    "ledger": "SELECT account_no, sum(points) AS points FROM ledger GROUP BY 1",
    "lots": "SELECT account_no, sum(remaining) AS points FROM lot GROUP BY 1",
    "accounts": "SELECT account_no, available + held - debt AS points FROM account",
}
"""Balances as three tables tell them (I2)."""
ENTRIES = "SELECT account_no, count(*) AS points FROM ledger GROUP BY 1"
BY_MEMBER = r"""
    SELECT m.merchant_id, encode(a.member, 'hex'), s.points::bigint
    FROM ({}) s JOIN account a USING (account_no) JOIN merchant m USING (merchant_no)
    WHERE substr(a.member, 9) <> '\x00000000'"""
"""The same by member, without those of `sql/preload.sql`."""


class Ours(Contestant):
    """The project's workers."""

    held = True

    def __init__(
        self,
        name: str = "ours",
        *,
        entries: int = 0,
        with_orders: bool = True,
        kinds: Sequence[str] = KINDS,
        partitions: int = PARTITIONS,
        checkout: Path = ROOT,
        reader: str = "intake",
        traced: float = 0.0,
    ) -> None:
        """`traced`: the share of the records that begin a trace."""
        self.name, self._entries, self._kinds = name, entries, kinds
        self._with_orders, self._traced = with_orders, traced
        self.readers, self.partitions = list(kinds).count(reader), partitions
        self.reads = "commands" if reader == "commands" else "orders"
        self.checkout = checkout
        self._points = POINTS if checkout == ROOT else str(checkout / ".venv" / "bin" / "points")

    @override
    def prepare(self, site: Site, settings: Mapping[str, Json]) -> None:
        """Migrate, make the other topics and apply every merchant's settings, with `points`."""
        self.points(site, "migrate")
        self.points(site, "topics", "apply")
        for merchant, document in settings.items():
            file = site.state / f"{merchant}.json"
            file.write_bytes(orjson.dumps(document))
            self.points(site, "settings", "apply", merchant, str(file))
        if self._entries:
            merchant = next(iter(settings))
            preload(site.database_url, self._entries, merchant, with_orders=self._with_orders)

    @override
    def commands(self, site: Site) -> Sequence[Command]:
        """Each worker kind as a process of its own."""
        return [Command(kind, (self._points, "run", kind)) for kind in self._kinds]

    @override
    def environment(self, site: Site) -> Mapping[str, str]:
        """The contract's names; port 0 leaves the choice of a free port to each worker."""
        return {
            **self._tracing(),
            "POINTS_ENVIRONMENT": "development",
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": site.bootstrap_servers,
            "POINTS_KAFKA__GROUP_ID": site.group,
            "POINTS_DATABASE__URL": site.database_url,
            "POINTS_METRICS__PORT": "0",
            "POINTS_TOPICS__ORDERS": site.topic_in,
            "POINTS_TOPICS__DELIVERIES": site.topics["deliveries"],
            "POINTS_TOPICS__CUSTOMERS": site.topics["customers"],
            "POINTS_TOPICS__COMMANDS": site.topics["commands"],
            "POINTS_TOPICS__COMMAND_RESULTS": site.topics["command_results"],
            "POINTS_TOPICS__POINTS_CHANGED": site.topic_out,
        }

    def _tracing(self) -> Mapping[str, str]:
        if not self._traced:
            return {}
        return {
            "POINTS_TRACING__ENABLED": "true",
            "POINTS_TRACING__SAMPLE": str(self._traced),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url(),
        }

    @override
    def is_connected(self, site: Site, processes: int) -> bool:
        """Relay and grants join no group: they are ready once every process has a session."""
        with psycopg.connect(site.database_url) as database:
            row = database.execute(
                "SELECT count(DISTINCT (client_addr, client_port)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            ).fetchone()
        return row is not None and int(row[0]) >= processes

    @override
    def when_planned(self, site: Site, workload: Workload) -> Iterator[float | None]:
        """When all is consumed and nothing is left to recheck, all is planned.

        Then the clock jumps past the dues.
        """
        with psycopg.connect(site.database_url, autocommit=True) as database:
            while consumed(database) < workload.events or (
                "recheck" in self._kinds and rechecks(database)
            ):
                yield None
            planned = time.monotonic()
            move_clock(database, CLOCK_JUMP_DAYS)
        yield planned

    @override
    def audit(self, site: Site, workload: Workload, values: Iterable[bytes]) -> None:
        """Ledger, lots, accounts and outputs add up to the generator's balances.

        Sequences have no gap (I2, I4).
        """
        expected = workload.expected()
        with psycopg.connect(site.database_url) as database:
            for label, query in SUMS.items():
                rows = database.execute(BY_MEMBER.format(query).encode()).fetchall()
                compare(
                    f"{self.name}: {label}",
                    expected,
                    {(merchant, member): n for merchant, member, n in rows},
                )
            entries = database.execute(BY_MEMBER.format(ENTRIES).encode()).fetchall()
        compare_count(
            f"{self.name}: ledger entries", workload.orders, sum(n for _, _, n in entries)
        )
        audit_events(expected, workload.orders, [orjson.loads(value) for value in values])

    def points(self, site: Site, *arguments: str) -> str:
        """Run a `points` command; raises with what it said when it fails."""
        environment = {**inherited(), **self.environment(site)}
        done = subprocess.run(
            [self._points, *arguments],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"`points {' '.join(arguments)}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout


OURS = Ours()
TRACED = Ours("ours-traced", traced=0.01)
"""As OURS, with one record of a hundred in a trace."""
KINDS_OF_C = ("relay", "grants", "recheck", *READERS)
"""Customers' events are looked at again by the recheck worker."""
OURS_C = Ours(kinds=KINDS_OF_C)


def audit_events(
    expected: Mapping[Member, int], count: int, events: Sequence[dict[str, object]]
) -> None:
    """One event an entry, its own id each, sequences 1…n for every member, and sums as expected."""
    compare_count("ours: output events", count, len(events))
    compare_count("ours: event ids", count, len({event["event_id"] for event in events}))
    totals: Counter[Member] = Counter()
    last: Counter[Member] = Counter()
    for event in events:
        member = str(event["merchant_id"]), str(event["member_id"])
        totals[member] += int(str(event["points"]))
        last[member] = max(last[member], int(str(event["sequence"])))
    compare("ours: outputs", expected, totals)
    compare_count("ours: sum of last sequences", count, sum(last.values()))


def consumed(database: psycopg.Connection[Any]) -> int:
    """Records that the cursors have counted (I7)."""
    row = database.execute(
        "SELECT coalesce(sum(applied + duplicate + ignored + parked + dead), 0) FROM cursor"
    ).fetchone()
    return int(row[0]) if row else 0


def rechecks(database: psycopg.Connection[Any]) -> int:
    """Rows of the recheck queue."""
    row = database.execute("SELECT count(*) FROM recheck").fetchone()
    return int(row[0]) if row else 0


def move_clock(database: psycopg.Connection[Any], days: int) -> None:
    """Set the database's one clock ahead, as tests do."""
    body = "SELECT ((extract(epoch FROM clock_timestamp()) + {}) * 1000000)::bigint"
    later = sql.SQL(body).format(sql.Literal(days * 86_400)).as_string(database)
    head = (
        "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint "
        "LANGUAGE sql VOLATILE PARALLEL SAFE AS {}"
    )
    database.execute(sql.SQL(head).format(sql.Literal(later)))
