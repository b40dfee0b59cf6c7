"""Our workers with the account's topics, and one run of commands through them."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from bench.contestant import Json, compare_count
from bench.kafka import BenchError, HeldLoad, ReadBack, create_topics
from bench.machine import Usage
from bench.measure import Stack, Workers, site_for
from bench.ours import Ours
from bench.parts.latency import Running
from bench.workloads.commands import Commands

Figures = Mapping[str, Any]
KINDS = ("relay", "commands", "commands")
PATIENCE_SECONDS = 300.0


def commands_workers(entries: int, name: str = "ours-commands") -> Ours:
    """Two commands workers and a relay, on a ledger with so many entries."""
    return Ours(name, entries=entries, with_orders=False, kinds=KINDS, reader="commands")


@contextmanager
def at_work(ours: Ours, settings: Mapping[str, Json], stack: Stack) -> Iterator[Running]:
    """Start workers for these merchants, and read the topic of answers."""
    with site_for(ours, stack) as site:
        answers = site.topics["command_results"]
        create_topics(site.bootstrap_servers, [site.topics["commands"], answers], site.partitions)
        ours.prepare(site, settings)
        with Workers(ours, site) as workers, ReadBack(site.bootstrap_servers, answers) as output:
            workers.wait_until_assigned()
            yield Running(site, workers, output)


def run(running: Running, workload: Commands) -> tuple[float, dict[str, float]]:
    """Release all commands at once; commands a second to the last answer, and CPU µs of each.

    Raises BenchError when an answer is not what it must be.
    """
    load = HeldLoad(running.site.bootstrap_servers, running.site.topics)
    load.write(workload.records())
    first = running.output.count
    before = Usage.of(running.workers.parts())
    began = load.release()
    everything = first + workload.commands
    running.wait("commands", lambda: running.output.count >= everything, PATIENCE_SECONDS)
    seconds = running.output.last_at - began
    cpu = Usage.of(running.workers.parts()).cpu_of_each(workload.commands, before)
    check_codes(workload, running.output.values[first:])
    return workload.commands / seconds, cpu


def check_codes(workload: Commands, answers: list[bytes]) -> None:
    """Each command has one answer, and there are as many of each code as there must be."""
    codes: Counter[str] = Counter()
    ids = set()
    for value in answers:
        answer = orjson.loads(value)
        codes[answer["code"]] += 1
        ids.add(answer["command_id"])
    if codes != workload.codes():
        raise BenchError(f"{workload.name}: answered {codes}, expected {workload.codes()}")
    compare_count(f"{workload.name}: commands that were answered", workload.commands, len(ids))


def shown_cpu(cpu: Mapping[str, float]) -> str:
    """CPU of a command, in all and by part."""
    parts = ", ".join(f"{part} {used:,.0f}" for part, used in cpu.items())
    return f"{sum(cpu.values()):,.0f}: {parts}"


def pause() -> None:
    """Between two rounds: what the last one left to do is done."""
    time.sleep(2)
