"""How long points take: at half load, and with a million dues at one midnight."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg

from bench.contestant import Json, Site
from bench.kafka import BenchError, ReadBack, produce_all
from bench.measure import Progress, Stack, Workers, site_for
from bench.ours import OURS, consumed
from bench.pacing import Pacer, Posted, Spread, postings
from bench.workloads.a import WorkloadA
from bench.workloads.due import BIG_MERCHANT, POINTS, SMALL_MERCHANT, DueOrders, settings_for_dues

RECORDS_OF_A = 3
WARM_UP_SECONDS = 15
"""Not counted, and in addition to the time that is: so long the broker compiles itself."""
AHEAD = (5.0, 15.0)
"""Spread dues lie between so many seconds after their order was sent."""
SMALL_DUES = 100
SETTLE_SECONDS = 60.0
BURST_SECONDS = 900.0
PLANNING_PER_SECOND = 3_000
"""Slower planning than this on any machine: it tells how far ahead the midnight must lie."""
BURST_INTAKE_SECONDS = 60
"""How much intake load is kept ready for the burst."""

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Running:
    """Our workers at work, with the output being read."""

    site: Site
    workers: Workers
    output: ReadBack

    def wait(self, what: str, until: Callable[[], bool], seconds: float) -> None:
        """Wait for something; a dead worker or the end of patience is an error."""
        deadline = time.monotonic() + seconds
        while not until():
            self.workers.check()
            self.output.check()
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{what}: not within {seconds:.0f} s ({self.output.count} outputs so far)."
                )
            time.sleep(0.1)


@contextmanager
def our_workers(settings: Mapping[str, Json], stack: Stack) -> Iterator[Running]:
    """Start our workers for these merchants on empty tables."""
    with site_for(OURS, stack) as site:
        OURS.prepare(site, settings)
        with (
            Workers(OURS, site) as workers,
            ReadBack(site.bootstrap_servers, site.topic_out) as output,
        ):
            workers.wait_until_assigned()
            yield Running(site, workers, output)


def latency(orders_per_second: float, seconds: int, stack: Stack, progress: Progress) -> Figures:
    """At so many orders a second: workload A to the commit and the output, then dues over time."""
    return {
        "load, orders/s": orders_per_second,
        **produce_to_commit(orders_per_second, seconds, stack, progress),
        **grant_lateness(orders_per_second, seconds, stack, progress),
    }


def produce_to_commit(rate: float, seconds: int, stack: Stack, progress: Progress) -> Figures:
    """Workload A: from sending an order's final record to the commit of its entry and its event."""
    workload = WorkloadA(int(rate * (WARM_UP_SECONDS + seconds)))
    records = list(workload.records())
    with our_workers(workload.settings(), stack) as running:
        pacer = Pacer(
            running.site.bootstrap_servers, running.site.topic_in, records, rate * RECORDS_OF_A
        )
        with pacer:
            progress("latency: workload A at half load", 0)
            running.wait(
                "latency",
                lambda: running.output.count >= workload.orders,
                WARM_UP_SECONDS + seconds + SETTLE_SECONDS,
            )
        posted = postings(running.site.database_url)
        published = published_at(running.output)
    check_points(posted, {order.order_id: order.cents // 100 for order in workload.drawn()})
    counted = after_warm_up(pacer.at)
    return {
        "produce to commit": str(
            Spread.of([posted[order].committed - at for order, at in counted.items()])
        ),
        "produce to points-changed": str(
            Spread.of([published[order] - at for order, at in counted.items()])
        ),
        "pacer late at worst, ms": pacer.late * 1e3,
    }


def grant_lateness(rate: float, seconds: int, stack: Stack, progress: Progress) -> Figures:
    """Orders at the same rate, each due seconds later: from the due instant to the commit."""
    draw = random.Random(31)
    begin = datetime.now(UTC) + timedelta(seconds=10 + seconds / 2)
    ahead = [draw.uniform(*AHEAD) for _ in range(int(rate * (WARM_UP_SECONDS + seconds)))]
    orders = DueOrders(
        BIG_MERCHANT, len(ahead), lambda n: begin + timedelta(seconds=n / rate + ahead[n])
    )
    records = list(orders.records())
    with our_workers(settings_for_dues(), stack) as running:
        time.sleep(max(0.0, (begin - datetime.now(UTC)).total_seconds()))
        with Pacer(running.site.bootstrap_servers, running.site.topic_in, records, rate) as pacer:
            progress("latency: dues spread over time", 0)
            running.wait(
                "lateness",
                lambda: running.output.count >= len(ahead),
                WARM_UP_SECONDS + seconds + AHEAD[1] + SETTLE_SECONDS,
            )
        posted = postings(running.site.database_url)
    check_points(posted, dict.fromkeys(pacer.at, POINTS))
    due = {
        record.order_id: int(orders.due_at(n).timestamp() * 1e6) for n, record in enumerate(records)
    }
    late = [posted[order].committed - due[order] for order in after_warm_up(pacer.at)]
    return {"grant lateness, dues spread": str(Spread.of(late))}


def midnight(dues: int, orders_per_second: float, stack: Stack, progress: Progress) -> Figures:
    """Many dues of one merchant at one instant, a few of another's, with workload A coming in."""
    at = datetime.now(UTC) + timedelta(seconds=30 + dues / PLANNING_PER_SECOND)
    planned = [
        DueOrders(BIG_MERCHANT, dues, lambda _: at),
        DueOrders(SMALL_MERCHANT, SMALL_DUES, lambda _: at),
    ]
    workload = WorkloadA(int(orders_per_second * BURST_INTAKE_SECONDS))
    records = list(workload.records())
    with our_workers({**settings_for_dues(), **workload.settings()}, stack) as running:
        progress("midnight: planning", 0)
        for orders in planned:
            produce_all(running.site.bootstrap_servers, running.site.topic_in, orders.records())
        wait_until_planned(running, dues + SMALL_DUES, at)
        rate = orders_per_second * RECORDS_OF_A
        with Pacer(running.site.bootstrap_servers, running.site.topic_in, records, rate) as pacer:
            progress("midnight: granting", 0.5)
            running.wait(
                "midnight", lambda: running.output.count >= dues + SMALL_DUES, BURST_SECONDS
            )
            pacer.stop()
            finished = pacer.orders_with(RECORDS_OF_A)
            everything = dues + SMALL_DUES + len(finished)
            running.wait("midnight", lambda: running.output.count >= everything, BURST_SECONDS)
        posted = postings(running.site.database_url)
    return burst_figures(posted, at, {order: pacer.at[order] for order in finished}, dues)


def wait_until_planned(running: Running, records: int, at: datetime) -> None:
    """Wait for the plans and then for the last seconds before the instant."""
    with psycopg.connect(running.site.database_url, autocommit=True) as database:
        running.wait("midnight: planning", lambda: consumed(database) >= records, BURST_SECONDS)
    left = (at - datetime.now(UTC)).total_seconds() - 5
    if left < 0:
        raise BenchError(
            "Planning took until the instant itself: the machine is too slow for so many dues."
        )
    time.sleep(left)


def burst_figures(
    posted: Mapping[str, Posted], at: datetime, sent: Mapping[str, int], dues: int
) -> Figures:
    """From the instant to the last grant of each merchant, and what intake did meanwhile."""
    instant = int(at.timestamp() * 1e6)
    last = dict.fromkeys((BIG_MERCHANT, SMALL_MERCHANT), 0)
    counts = dict.fromkeys(last, 0)
    for entry in posted.values():
        if entry.merchant in last:
            counts[entry.merchant] += entry.points // POINTS
            last[entry.merchant] = max(last[entry.merchant], entry.committed)
    if counts != {BIG_MERCHANT: dues, SMALL_MERCHANT: SMALL_DUES}:
        raise BenchError(f"midnight: {counts} grants, {dues} and {SMALL_DUES} expected")
    during = [
        posted[o].committed - s for o, s in sent.items() if instant <= s <= last[BIG_MERCHANT]
    ]
    seconds = (last[BIG_MERCHANT] - instant) / 1e6
    return {
        "dues at one instant": dues,
        "granted after, s": seconds,
        "grants/s": dues / seconds,
        f"small merchant ({SMALL_DUES} dues) granted after, s": (last[SMALL_MERCHANT] - instant)
        / 1e6,
        "intake meanwhile, produce to commit": str(Spread.of(during)),
    }


def took_meanwhile(pacer: Pacer, site: Site, workers: Workers, span: tuple[int, int]) -> list[int]:
    """How long workload A's orders took that were sent in a span, once all of it are granted.

    All in microseconds, the span since 1970.
    """
    finished = pacer.orders_with(RECORDS_OF_A)
    found = postings(site.database_url)
    deadline = time.monotonic() + BURST_SECONDS
    while not finished <= found.keys():
        workers.check()
        if time.monotonic() > deadline:
            raise BenchError("Not all orders were granted.")
        time.sleep(1)
        found = postings(site.database_url)
    began, end = span
    return [found[o].committed - pacer.at[o] for o in finished if began <= pacer.at[o] <= end]


def published_at(output: ReadBack) -> Mapping[str, int]:
    """When each order's event was written to the topic: its record's timestamp, in microseconds."""
    return {
        orjson.loads(value)["order_id"]: stamp * 1_000
        for value, stamp in zip(output.values, output.stamps, strict=True)
    }


def after_warm_up(at: Mapping[str, int]) -> Mapping[str, int]:
    """Without what was sent in the first seconds."""
    begin = min(at.values()) + WARM_UP_SECONDS * 1_000_000
    return {order: sent for order, sent in at.items() if sent >= begin}


def check_points(posted: Mapping[str, Posted], expected: Mapping[str, int]) -> None:
    """Every order was granted, and with the right points."""
    wrong = [
        order
        for order, points in expected.items()
        if order not in posted or posted[order].points != points
    ]
    if wrong or len(posted) != len(expected):
        raise BenchError(
            f"{len(wrong)} of {len(expected)} orders were granted wrongly, the first: {wrong[:3]}"
        )
