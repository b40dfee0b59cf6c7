"""A million lots that lapse at one instant, and a job for a million members, while orders come in.

Both are measured from the instant to the last entry's commit, with workload A coming in at a
quarter of its own figure, whose p99 from produce to commit is told for that time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg

from bench.contestant import ROOT, Json
from bench.kafka import BenchError, ReadBack, create_topics, produce_all
from bench.machine import Usage
from bench.measure import Progress, Stack, Workers, site_for
from bench.ours import Ours
from bench.pacing import Pacer, Spread
from bench.parts.account.running import Figures, shown_cpu
from bench.parts.latency import BURST_SECONDS, RECORDS_OF_A, Running, took_meanwhile
from bench.workloads.a import WorkloadA
from bench.workloads.commands import MERCHANT, settings_of_shop
from bench.workloads.workload import Record

EXPIRING_SQL = ROOT / "bench" / "sql" / "expiring.sql"
INTAKE_SECONDS = 180
"""How much of workload A is kept ready."""
WARM_UP_SECONDS = 5.0
MEMBERS_A_COMMAND = 1_000
GIVEN = 10

EXPIRED = "SELECT count(*), {} FROM ledger WHERE type = 4"
ASSIGNED = "SELECT count(*), {} FROM ledger WHERE type = 5"
LAST_COMMIT = "max((extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint)"


def expiring(lots: int, rate_of_a: float, stack: Stack, progress: Progress) -> Figures:
    """So many lots, one a member, that lapse at one instant."""
    with _beside_intake("expiring", ("relay", "expiry"), rate_of_a, stack) as (running, measured):
        at = datetime.now(UTC) + timedelta(seconds=WARM_UP_SECONDS + 10 + lots / 40_000)
        instant = int(at.timestamp() * 1e6)
        progress("expiring: writing the lots", 0)
        with psycopg.connect(running.site.database_url, autocommit=True) as database:
            with psycopg.ClientCursor(database) as cursor:
                values = {"lots": lots, "at": instant, "merchant": MERCHANT}
                cursor.execute(EXPIRING_SQL.read_text().encode(), values)
            database.execute("VACUUM (ANALYZE) ledger, lot, account")
            database.execute("CHECKPOINT")
        if time.time() * 1e6 > instant:
            raise BenchError("The lots were not written before their instant.")
        return measured(lots, EXPIRED, lambda: instant, progress)


def bulk(members: int, rate_of_a: float, stack: Stack, progress: Progress) -> Figures:
    """A job of so many members in commands of a thousand members each."""
    kinds = ("relay", "commands")
    with _beside_intake("bulk", kinds, rate_of_a, stack) as (running, measured):

        def begin() -> int:
            sent = int(time.time() * 1e6)
            topic = running.site.topics["commands"]
            produce_all(running.site.bootstrap_servers, topic, _job(members))
            return sent

        return measured(members, ASSIGNED, begin, progress)


def _job(members: int) -> Iterator[Record]:
    issued_at = datetime.now(UTC).isoformat()
    for first in range(0, members, MEMBERS_A_COMMAND):
        content = {
            "command_id": f"part {first}",
            "type": "bulk_assign",
            "merchant_id": MERCHANT,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": issued_at,
            "job_id": "summer",
            "members": [f"{n:024x}" for n in range(first, min(first + MEMBERS_A_COMMAND, members))],
            "points": GIVEN,
            "reason": "summer",
        }
        yield Record(MERCHANT, orjson.dumps(content), "commands")


Measured = Callable[[int, str, Callable[[], int], Progress], Figures]


@contextmanager
def _beside_intake(
    name: str, kinds: tuple[str, ...], rate_of_a: float, stack: Stack
) -> Iterator[tuple[Running, Measured]]:
    """Workers with two intakes; `measured` runs what begins at an instant beside workload A."""
    ours = Ours(f"ours-{name}", kinds=(*kinds, "intake", "intake"))
    workload = WorkloadA(int(rate_of_a * INTAKE_SECONDS))
    records = list(workload.records())
    settings: Mapping[str, Json] = {MERCHANT: settings_of_shop(), **workload.settings()}
    with site_for(ours, stack) as site:
        topics = [site.topics["commands"], site.topics["command_results"]]
        create_topics(site.bootstrap_servers, topics, site.partitions)
        ours.prepare(site, settings)
        with (
            Workers(ours, site) as workers,
            ReadBack(site.bootstrap_servers, site.topic_out, keep=False) as output,
        ):
            workers.wait_until_assigned()
            running = Running(site, workers, output)

            def measured(
                count: int, query: str, begin: Callable[[], int], progress: Progress
            ) -> Figures:
                rate = rate_of_a * RECORDS_OF_A
                with Pacer(site.bootstrap_servers, site.topic_in, records, rate) as pacer:
                    time.sleep(WARM_UP_SECONDS)
                    began, before = begin(), Usage.of(workers.parts())
                    progress(f"{name}: at work", 0.5)
                    end = _all_posted(running, query, count)
                    used = Usage.of(workers.parts()).cpu_since(before)
                    pacer.stop()
                return _figures(running, pacer, (began, end), count, used)

            yield running, measured


def _all_posted(running: Running, query: str, count: int) -> int:
    """When the last of so many entries was committed, in microseconds."""
    with psycopg.connect(running.site.database_url, autocommit=True) as database:

        def posted(what: str) -> int:
            row = database.execute(query.format(what).encode()).fetchone()
            return int(row[0] if what == "0" else row[1]) if row else 0

        deadline = time.monotonic() + BURST_SECONDS
        while posted("0") < count:
            running.workers.check()
            if time.monotonic() > deadline:
                raise BenchError(f"{posted('0')} of {count} entries when the time was up.")
            time.sleep(1)
        return posted(LAST_COMMIT)


def _figures(
    running: Running, pacer: Pacer, span: tuple[int, int], count: int, used: Mapping[str, float]
) -> Mapping[str, Any]:
    began, end = span
    meanwhile = took_meanwhile(pacer, running.site, running.workers, span)
    seconds = (end - began) / 1e6
    return {
        "entries": count,
        "all posted after, s": seconds,
        "entries/s": count / seconds,
        "CPU µs an entry, intake's load with it": shown_cpu(
            {part: seconds * 1e6 / count for part, seconds in used.items()}
        ),
        "intake meanwhile, produce to commit": str(Spread.of(meanwhile)),
    }
