"""How long a hold takes: through the topic and by the store's function, with eight clients."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.kafka import BenchError
from bench.machine import Usage
from bench.measure import Progress, Stack
from bench.pacing import Pacer, Spread
from bench.parts.account.clients import WARM_UP, Round, Tills, Topic, by_topic
from bench.parts.account.running import Figures, at_work, commands_workers, pause, run, shown_cpu
from bench.parts.latency import Running
from bench.workloads.commands import Commands, member_id
from bench.workloads.workload import Record

SHOPPERS = 8_000
"""Members whom only the clients hold points of. Each has enough for forty holds: three rounds of
half a minute take eleven of each.
"""
BROKER_SECONDS = 45.0
"""Of load and holds before any is counted: the broker is Java, and while it compiles what it does
for small batches, that takes a seventh of two cores, which no broker has to do that has been up for
minutes.
"""
MARGIN_SECONDS = 5.0
"""Of load more than the clients need, as they begin later and wait for their last answers."""


def holds(
    count: int, rounds: int, entries: int, seconds: int, stack: Stack, progress: Progress
) -> Figures:
    """Holds of eight clients while commands come in at half of what `count` of them made a second.

    Each client sends its next hold when the last one was answered. Then the same clients call the
    store's function: flat out, at half of that rate, and while half of the commands' load runs.
    """
    members = max(1, entries // 4 - SHOPPERS)
    shoppers = [member_id(members + n + 1) for n in range(SHOPPERS)]
    with at_work(commands_workers(entries), Commands(1, 1).settings(), stack) as running:
        progress("holds: how many commands a second", 0)
        for name in ("cold", "full"):  # the first is not counted: caches are cold
            full, _ = run(running, Commands(count, members, name=name))
            pause()
        shop = _Shop(running, shoppers, members, full / 2)
        figures = {"commands/s flat out, half of which is the load": full}
        progress("holds: through the topic", 0.2)
        shop.through_the_topic("the broker compiles", BROKER_SECONDS)
        for number in range(rounds):
            progress("holds: through the topic", 0.3 + 0.3 * number / rounds)
            figures |= shop.through_the_topic(f"round {number + 1}", seconds)
        with Tills(running.site.database_url) as tills:
            for number in range(rounds):
                progress("holds: directly", 0.6 + 0.4 * number / rounds)
                figures |= shop.directly(tills, f"round {number + 1}", seconds / 2)
    return figures


@dataclass(frozen=True)
class _Shop:
    """Commands come in at a rate, or none do, and clients hold points of the shoppers."""

    running: Running
    shoppers: Sequence[str]
    members: int
    rate: float

    def through_the_topic(self, name: str, seconds: float) -> Figures:
        """One round of holds through the topic, and where their time went."""
        parts = self.running.workers.parts()
        with self._loaded(name, seconds), Topic(self.running) as topic:
            before = Usage.of(parts)
            taken = by_topic(topic, Round(self.shoppers, seconds))
            used = Usage.of(parts).cpu_since(before)
        stages = topic.stages.figures(self.running.site.database_url, topic.counted(len(taken)))
        return {
            f"through the topic, {name}: produce to answer": str(Spread.of(taken)),
            **{f"through the topic, {name}: {stage}": spread for stage, spread in stages.items()},
            f"through the topic, {name}: cores": ", ".join(
                f"{part} {cpu / seconds:.2f}" for part, cpu in used.items()
            ),
        }

    def directly(self, tills: Tills, name: str, seconds: float) -> Figures:
        """One round of holds by the store's function."""

        def timed(rate: float | None) -> tuple[list[int], str]:
            before = self._usage(tills)
            taken = tills.timed(Round(self.shoppers, seconds, rate))
            return taken, shown_cpu(
                self._usage(tills).cpu_of_each(len(taken) / (1 - WARM_UP), before)
            )

        flat_out, cpu = timed(None)
        rate = len(flat_out) / (seconds * (1 - WARM_UP))
        half, cpu_at_half = timed(rate / 2)
        with self._loaded(f"beside {name}", seconds):
            beside, _ = timed(rate / 4)
        return {
            f"directly, {name}: holds/s flat out": rate,
            f"directly, {name}: CPU µs of each": cpu,
            f"directly, {name}: at half of that": str(Spread.of(half)),
            f"directly, {name}: CPU µs of each at half": cpu_at_half,
            f"directly, {name}: a quarter of that beside the commands' load": str(
                Spread.of(beside)
            ),
        }

    def _usage(self, tills: Tills) -> Usage:
        return Usage.of([*self.running.workers.parts(), *tills.parts()])

    @contextmanager
    def _loaded(self, name: str, seconds: float) -> Iterator[None]:
        load = self._load(name, seconds + MARGIN_SECONDS)
        site = self.running.site
        with Pacer(site.bootstrap_servers, site.topics["commands"], load, self.rate) as pacer:
            yield
            if pacer.done:
                raise BenchError("holds: the load ended before the clients did")

    def _load(self, name: str, seconds: float) -> list[Record]:
        """Commands that were never sent: repeats would cost less."""
        return list(Commands(int(self.rate * seconds), self.members, name=name).records())
