"""Workers scale: 1 to 8 intakes and 1 to 4 grants workers, and what they wait for.

On few cores orders a second stop growing when the cores are used up. What tells whether more
machines would help is the CPU that an order costs, and how long sessions wait for each other.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import psycopg

from bench.background import Background
from bench.contestant import Site
from bench.measure import Measurement, Progress, Stack, measure
from bench.ours import Ours
from bench.workloads.a import WorkloadA
from bench.workloads.b import WorkloadB

INTAKES, GRANTS = (1, 2, 4, 8), (1, 2, 4)
PARTITIONS = 8
"""In all runs of this part, so that they differ in nothing but the workers."""
SAMPLE_SECONDS = 0.02

WAITING = """
SELECT coalesce(wait_event_type, 'CPU'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND backend_type = 'client backend'
  AND pid <> pg_backend_pid() GROUP BY 1"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class Waits(Background):
    """What the sessions of a database are doing, sampled while they work."""

    def __init__(self, site: Site) -> None:
        super().__init__("waits")
        self._url = site.database_url
        self._counts: Counter[str] = Counter()
        self.deadlocks = self._samples = 0

    def run(self) -> None:
        """Counts what they do, again and again."""
        with psycopg.connect(self._url, autocommit=True) as database:
            while not self.stopping.wait(SAMPLE_SECONDS):
                self._counts.update(dict(database.execute(WAITING.encode()).fetchall()))
                self._samples += 1
            row = database.execute(DEADLOCKS).fetchone()
            self.deadlocks = int(row[0]) if row else 0

    def microseconds_an_order(self, kind: str, run: Measurement) -> float:
        """How long all sessions together spent in one kind of wait, for each order."""
        return self._counts[kind] / max(1, self._samples) * run.seconds * 1e6 / run.orders


def workers(orders: int, stack: Stack, progress: Progress) -> Mapping[str, Any]:
    """Workload A with more and more intakes, then B's dues with more and more grants workers."""
    figures: dict[str, Any] = {}
    for count in INTAKES:
        kinds = ["relay", "grants", *["intake"] * count]
        run, waits = _run(f"{count} intakes", kinds, WorkloadA(orders), stack, progress)
        figures[f"{count} intakes, workload A"] = _shown(
            run.orders_per_second, "intake", run, waits
        )
    for count in GRANTS:
        kinds = ["relay", *["grants"] * count, "intake", "intake"]
        run, waits = _run(f"{count} grants", kinds, WorkloadB(orders // 3), stack, progress)
        figures[f"{count} grants workers, dues of workload B"] = _shown(
            run.phases["granted"], "grants", run, waits
        )
    return figures


def _run(
    name: str,
    kinds: list[str],
    workload: WorkloadA | WorkloadB,
    stack: Stack,
    progress: Progress,
) -> tuple[Measurement, Waits]:
    watched: list[Waits] = []

    def watch(site: Site) -> Waits:
        watched.append(Waits(site))
        return watched[0]

    contestant = Ours(name.replace(" ", "_"), kinds=kinds, partitions=PARTITIONS)
    return measure(contestant, workload, stack, progress, watch), watched[0]


def _shown(rate: float, part: str, run: Measurement, waits: Waits) -> str:
    cpu = run.cpu_us_per_order
    return (
        f"{rate:,.0f} orders/s; CPU an order {sum(cpu.values()):,.0f} µs ({part} {cpu[part]:,.0f}, "
        f"postgresql {cpu.get('postgresql', 0):,.0f}); sessions wait for locks "
        f"{waits.microseconds_an_order('Lock', run):,.1f} µs an order, for lightweight locks "
        f"{waits.microseconds_an_order('LWLock', run):,.1f}, for disk "
        f"{waits.microseconds_an_order('IO', run):,.1f}; {waits.deadlocks} deadlocks"
    )
