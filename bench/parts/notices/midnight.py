"""Grants of one midnight that the lane decides, while the engine's intake has orders to read."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from bench.contestant import Site
from bench.kafka import BenchError
from bench.machine import Usage
from bench.measure import Progress, Stack, Workers, site_for
from bench.pacing import Pacer, Spread
from bench.parts.account.running import Figures, shown_cpu
from bench.parts.latency import RECORDS_OF_A, WARM_UP_SECONDS, took_meanwhile
from bench.parts.notices.known import hear_of_shops, know_members
from bench.parts.notices.lane import (
    Lane,
    change,
    connected,
    count,
    running,
    tell,
    until,
)
from bench.workloads.a import WorkloadA

ALONE_SECONDS = 10
"""So long intake's load is measured without the lane."""
INTAKE_SECONDS = 300
"""How much of workload A is kept ready: the lane must be done before it ends."""
REACHED = """SELECT count(*) FROM notices.cursor c
             JOIN unnest(%s::int[], %s::bigint[]) e (partition, at) USING (partition)
             WHERE c.topic = %s AND c.next_offset >= e.at"""
ROWS = """SELECT count(*) FROM notices.notice JOIN notices.shop USING (merchant_no)
          WHERE starts_with(merchant_id, 'shop-')"""


@dataclass(frozen=True)
class Decided:
    """From one instant to another, and the CPU seconds by part meanwhile; seconds since 1970."""

    began: float
    ended: float
    used: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


def notices_midnight(
    events: int, each: int, rate_of_a: float, stack: Stack, progress: Progress
) -> Figures:
    """So many grants, `each` of every member, beside workload A at this rate.

    Time runs from starting the one `notices` worker.
    """
    lane = Lane("notices-midnight", {}, ("relay", "intake", "intake"))
    workload = WorkloadA(int(rate_of_a * INTAKE_SECONDS))
    records = list(workload.records())
    with site_for(lane, stack) as site:
        progress("notices-midnight: members and grants", 0)
        _prepare(lane, site, workload, events, each)
        ends = _ends(site)
        with Workers(lane, site) as workers:
            workers.wait_until_assigned()
            rate = rate_of_a * RECORDS_OF_A
            with Pacer(site.bootstrap_servers, site.topic_in, records, rate) as pacer:
                time.sleep(WARM_UP_SECONDS)
                alone = _cores(workers, ALONE_SECONDS)
                progress("notices-midnight: at work", 0.5)
                decided = _at_work(lane, site, workers, ends)
                if pacer.done:
                    raise BenchError("notices-midnight: intake had its last order before the end.")
                pacer.stop()
            span = int(decided.began * 1e6), int(decided.ended * 1e6)
            meanwhile = took_meanwhile(pacer, site, workers, span)
        _check(site, events)
    return {
        "grants at one instant": events,
        "of each member": each,
        **_figures(events, decided, alone),
        "orders/s meanwhile": rate_of_a,
        "intake meanwhile, produce to commit": str(Spread.of(meanwhile)),
    }


def _figures(events: int, decided: Decided, alone: Mapping[str, float]) -> Figures:
    cores = {part: used / decided.seconds for part, used in decided.used.items()}
    of_lane = {part: used - alone.get(part, 0.0) for part, used in cores.items()}
    a_grant = {part: used * decided.seconds * 1e6 / events for part, used in of_lane.items()}
    return {
        "decided after, s": decided.seconds,
        "grants/s": events / decided.seconds,
        "cores meanwhile": _shown(cores),
        "cores of intake's load alone, before": _shown(alone),
        "CPU µs a grant, without intake's load": shown_cpu(a_grant),
    }


def _shown(cores: Mapping[str, float]) -> str:
    parts = ", ".join(f"{part} {used:.2f}" for part, used in cores.items())
    return f"{sum(cores.values()):.2f}: {parts}"


def _prepare(lane: Lane, site: Site, workload: WorkloadA, events: int, each: int) -> None:
    lane.prepare(site, workload.settings())
    tell(site)
    # Of the workload's shop as well: otherwise each of its changes would be parked.
    hear_of_shops(site, workload.settings())
    know_members(site, events // each)
    change(site, events, events // each)


def _cores(workers: Workers, seconds: float) -> Mapping[str, float]:
    """How much of the machine each part has, for so many seconds."""
    began, before = time.monotonic(), Usage.of(workers.parts())
    time.sleep(seconds)
    used, took = Usage.of(workers.parts()).cpu_since(before), time.monotonic() - began
    return {part: of_part / took for part, of_part in used.items()}


def _at_work(lane: Lane, site: Site, workers: Workers, ends: Sequence[int]) -> Decided:
    """From starting the worker to the last grant."""
    began, before = time.time(), Usage.of(workers.parts())
    of_lane = _decided(lane, site, ends)
    ended, after = time.time(), Usage.of(workers.parts())
    return Decided(began, ended, {"notices": of_lane, **after.cpu_since(before)})


def _check(site: Site, events: int) -> None:
    with connected(site) as database:
        rows = count(database, ROWS)
    if rows != 2 * events:
        raise BenchError(f"notices-midnight: {rows} notices of {events}, and each makes two.")


def _ends(site: Site) -> list[int]:
    """Where each partition's grants end; what the engine publishes meanwhile comes behind."""
    settings = {"bootstrap.servers": site.bootstrap_servers, "group.id": f"{site.group}-ends"}
    reader = Consumer(settings)
    try:
        return [
            reader.get_watermark_offsets(TopicPartition(site.topic_out, number), timeout=30)[1]
            for number in range(site.partitions)
        ]
    finally:
        reader.close()


def _decided(lane: Lane, site: Site, ends: Sequence[int]) -> float:
    """Decides them; the worker's seconds of CPU, from its start."""
    with running(lane, site, "notices") as parts, connected(site) as database:
        reached = (list(range(len(ends))), list(ends), site.topic_out)
        until("all grants", lambda: count(database, REACHED, *reached) == len(ends))
        times = dict(parts)["notices"].cpu_times()
    return times.user + times.system
