"""One `make bench`: what it is asked for, and where it notes what it finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measure import Measurement, Progress, Stack, measure
from bench.ours import OURS
from bench.parts.rounds import Line, interleaved, with_reports
from bench.report import Report
from bench.workloads.a import WorkloadA


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of everything."""

    orders: int
    rounds: int
    dues: int
    entries: int
    large_entries: int
    merchants: int
    seconds: int
    commands: int
    notices: int
    of_each: int
    kept: int

    def quick(self) -> "Sizes":
        """Just enough to see that everything works."""
        return replace(
            self,
            orders=min(self.orders, 3_000),
            rounds=1,
            dues=min(self.dues, 5_000),
            entries=min(self.entries, 50_000),
            large_entries=min(self.large_entries, 50_000),
            merchants=min(self.merchants, 2_000),
            seconds=5,
            commands=min(self.commands, 3_000),
            notices=min(self.notices, 3_000),
            kept=min(self.kept, 50_000),
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all parts have in common.

    `lines` take part in A and B; `before` is a checkout of an earlier state.
    """

    report: Report
    stack: Stack
    lines: Sequence[Line]
    sizes: Sizes
    before: Path | None
    progress: Progress

    def workload(self, name: str) -> Iterator[Measurement]:
        """Workload A, B or C in interleaved rounds."""
        size = self.sizes.orders if name == "A" else self.sizes.orders // 3
        rounds, stack, progress = self.sizes.rounds, self.stack, self.progress
        if name == "C":
            return with_reports(size, rounds, stack, progress, self.before)
        return interleaved(name, self.lines, size, rounds, stack, progress, self.before)

    def load_of_a(self, share: float) -> float:
        """A share of what ours made of workload A, in orders a second.

        Measured now unless it was in this run.
        """
        medians = self.report.medians()
        known = [run for run in medians if (run.workload, run.contestant) == ("A", OURS.name)]
        workload = WorkloadA(self.sizes.orders)
        run = known[0] if known else measure(OURS, workload, self.stack, self.progress)
        return run.orders_per_second * share
