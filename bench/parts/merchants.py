"""What must not grow with the number of merchants, nor of rows that wait: beside a thousand."""

import secrets
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from bench.contestant import ROOT, Site, compare_count
from bench.kafka import HeldLoad, ReadBack
from bench.machine import Usage, sessions_of
from bench.measure import Progress, Stack, Workers, site_for
from bench.ours import Ours
from bench.workloads.merchants import ManyMerchants
from store.carriers import awaiting_order
from store.postgres import session
from store.postgres.interning import InternedStrings
from store.postgres.session import Database, raw
from store.reads import gauges
from store.settings.merchants import Merchants

FEW = 1_000
IDLE_SECONDS = 15.0
SETTLE_SECONDS = 3.0
TIMES = 7
"""How often what is done in this process is timed; the median counts."""
REPORTS = 200
PRELOAD = ROOT / "bench" / "sql" / "merchants.sql"
KINDS = ("relay", "grants", "expiry", "recheck", "cleanup", "intake", "intake")

Column = Mapping[str, str]


def merchants(orders: int, many: int, stack: Stack, progress: Progress) -> Mapping[str, Any]:
    """The same with a thousand merchants and with many, one beside the other."""
    few, much = (_with(count, orders, stack, progress) for count in (FEW, many))
    return {
        f"{what}, with {FEW:,} and {many:,} merchants": f"{few[what]} and {much[what]}"
        for what in few
    }


def _with(count: int, orders: int, stack: Stack, progress: Progress) -> Column:
    contestant = Ours(f"ours_{count}", kinds=KINDS)
    workload = ManyMerchants(orders, count)
    with site_for(contestant, stack) as site:
        progress(f"{count:,} merchants: preparing", 0)
        contestant.prepare(site, workload.settings())
        _preload(site, count)
        progress(f"{count:,} merchants: in this process", 0.2)
        figures = _timed(site)
        load = HeldLoad(site.bootstrap_servers, site.topics)
        load.write(workload.records())
        with (
            Workers(contestant, site) as workers,
            ReadBack(site.bootstrap_servers, site.topic_out) as output,
        ):
            workers.wait_until_assigned()
            progress(f"{count:,} merchants: idle", 0.4)
            figures |= _idle(workers, site)
            progress(f"{count:,} merchants: {orders:,} orders", 0.7)
            figures |= _batches(workers, load, output, workload)
    return figures


def _preload(site: Site, count: int) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as database:
        with psycopg.ClientCursor(database) as cursor:
            cursor.execute(PRELOAD.read_bytes(), {"merchants": count})
        database.execute("VACUUM (ANALYZE)")
        database.execute("CHECKPOINT")


def _timed(site: Site) -> dict[str, str]:
    """What workers do now and then, done here."""
    with session.connect(site.database_url) as connection:
        remembered = Merchants(connection)
        ids = [secrets.token_bytes(12) for _ in range(REPORTS)]
        work: dict[str, Callable[[], object]] = {
            "what a worker reads when it connects": lambda: _connected(connection),
            "settings read again after a change, one merchant in hand": lambda: _changed(
                connection, remembered
            ),
            "a new merchant": lambda: remembered.learn([secrets.token_hex(12)]),
            f"whose {REPORTS} orders are that reports name": lambda: awaiting_order.owners(
                raw(connection), ids
            ),
            "counting five records a merchant in quarantine": lambda: gauges.quarantined(
                raw(connection)
            ),
            "when the next grant is due": lambda: gauges.next_due(raw(connection)),
        }
        return {what: f"{_median_ms(each):.2f} ms" for what, each in work.items()}


def _connected(connection: Database) -> None:
    Merchants(connection)
    InternedStrings(connection)


def _changed(connection: Database, remembered: Merchants) -> None:
    cursor = raw(connection)
    remembered.change(cursor)
    remembered.keep_up(cursor)
    remembered.remember([1])


def _median_ms(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def _idle(workers: Workers, site: Site) -> dict[str, str]:
    """CPU of each kind of worker while nothing comes, of two intakes both; and of their sessions.

    The rest of PostgreSQL is left out: after so many rows were loaded it still writes them.
    """
    time.sleep(SETTLE_SECONDS)
    workers_only = [part for part in workers.parts() if part[0] not in {"postgresql", "kafka"}]
    parts = [*workers_only, *(("sessions", each) for each in sessions_of(site.database_url))]
    before, began = Usage.of(parts), time.monotonic()
    time.sleep(IDLE_SECONDS)
    taken = Usage.of(parts).cpu_since(before)
    seconds = time.monotonic() - began
    return {
        f"idle {part}, ms of CPU a second": f"{cpu / seconds * 1e3:.1f}"
        for part, cpu in taken.items()
    }


def _batches(
    workers: Workers, load: HeldLoad, output: ReadBack, workload: ManyMerchants
) -> dict[str, str]:
    before, started = Usage.of(workers.parts()), load.release()
    while output.count < workload.orders:
        workers.check()
        output.check()
        time.sleep(0.02)
    seconds = output.last_at - started
    cpu = Usage.of(workers.parts()).cpu_of_each(workload.orders, before)
    compare_count("merchants: output events", workload.orders, output.count)
    return {
        "orders/s, each of the next merchant": f"{workload.orders / seconds:,.0f}",
        "CPU µs/order of those": f"{sum(cpu.values()):,.0f} (intake {cpu['intake']:,.0f})",
    }
