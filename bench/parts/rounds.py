"""Workloads A, B and C: every contestant in turn, in rounds, so that a slow minute hits all."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from bench.contestant import CONFLUENT, FAUST, FLOOR, Contestant
from bench.measure import Measurement, Progress, Stack, measure
from bench.ours import KINDS_OF_C, OURS, OURS_C, TRACED, Ours
from bench.quix import QUIX
from bench.report import Report
from bench.workloads.a import WorkloadA
from bench.workloads.b import WorkloadB
from bench.workloads.c import WorkloadC
from bench.workloads.workload import Workload


class Line(StrEnum):
    """Who takes part."""

    OURS = "ours"
    FLOOR = "floor"
    QUIX = "quix"
    CONFLUENT = "confluent"
    FAUST = "faust"
    TRACED = "traced"


CONTESTANTS: Mapping[Line, Contestant] = {
    Line.OURS: OURS,
    Line.FLOOR: FLOOR,
    Line.QUIX: QUIX,
    Line.CONFLUENT: CONFLUENT,
    Line.FAUST: FAUST,
    Line.TRACED: TRACED,
}
SHARE: Mapping[Line, int] = {Line.CONFLUENT: 40, Line.FAUST: 60}
"""The slow ones run one order in so many and are rated by the order: a round stays short."""
FEWEST = 300
USUAL: Sequence[Line] = [line for line in Line if line is not Line.TRACED]
"""Who takes part unless others are named."""


def workload_for(name: str, line: Line, orders: int) -> Workload:
    """The workload in a contestant's size and form: only ours posts the differences of edits."""
    size = max(FEWEST, orders // SHARE.get(line, 1))
    return (
        WorkloadA(size) if name == "A" else WorkloadB(size, edited=line in {Line.OURS, Line.TRACED})
    )


def interleaved(
    name: str,
    lines: Sequence[Line],
    orders: int,
    rounds: int,
    stack: Stack,
    progress: Progress,
    before: Path | None = None,
) -> Iterator[Measurement]:
    """Every line once in each round; results as they come.

    `before` is a checkout of an earlier state with a `.venv` of its own: it runs right before ours
    and after it in turn, since the second of two runs may find the servers warmer.
    """
    earlier = None if before is None else Ours("before", checkout=before)
    for number in range(rounds):
        for line in lines:
            beside = earlier if line is Line.OURS else None
            for contestant in _in_turn(CONTESTANTS[line], beside, number):
                yield measure(contestant, workload_for(name, line, orders), stack, progress)


def _in_turn(one: Contestant, earlier: Contestant | None, number: int) -> list[Contestant]:
    """One, and an earlier state of it if there is one: before it in the first round, then after."""
    contestants = [one]
    if earlier is not None:
        contestants.insert(number % 2, earlier)
    return contestants


def with_reports(
    orders: int, rounds: int, stack: Stack, progress: Progress, before: Path | None = None
) -> Iterator[Measurement]:
    """Ours alone, B and C in turn: what carrier reports and customer events cost.

    `before` as in `interleaved`: it runs C, next to ours.
    """
    earlier = None if before is None else Ours("before", kinds=KINDS_OF_C, checkout=before)
    for number in range(rounds):
        yield measure(OURS, WorkloadB(orders), stack, progress)
        for contestant in _in_turn(OURS_C, earlier, number):
            yield measure(contestant, WorkloadC(orders), stack, progress)


def shares(report: Report, workload: str) -> dict[str, Mapping[str, str]]:
    """What ours makes of each other's orders a second, round by round; of C, what it makes of B."""
    if workload == "C":
        b, c = (report.rates(name, OURS.name) for name in ("B", "C"))
        return {"C against B": {"orders/s of C, of B's": _by_round(c, b[-len(c) :])}}
    ours = report.rates(workload, OURS.name)
    others = [
        contestant.name
        for line, contestant in CONTESTANTS.items()
        if line is not Line.OURS and ours and report.rates(workload, contestant.name)
    ]
    figures = {
        f"orders/s of ours, of {name}'s": _by_round(ours, report.rates(workload, name))
        for name in others
    }
    return {f"{workload} by rounds": figures} if figures else {}


def _by_round(ours: Sequence[float], others: Sequence[float]) -> str:
    by_round = [mine / other for mine, other in zip(ours, others, strict=False)]
    middle = statistics.median(by_round)
    return f"{middle:.2f} (rounds {' '.join(f'{each:.2f}' for each in by_round)})"
