"""Commands a second through the topic: of many members, and all of one."""

import statistics

from bench.measure import Progress, Stack
from bench.parts.account.running import (
    Figures,
    at_work,
    commands_workers,
    pause,
    run,
    shown_cpu,
)
from bench.workloads.commands import Commands

HOT_SHARE = 4
"""The run on one member has a fourth of the commands: it is slower, and soon settled."""


def commands(count: int, rounds: int, entries: int, stack: Stack, progress: Progress) -> Figures:
    """So many commands a round on a ledger with so many entries; then all on one member."""
    figures: dict[str, object] = {"ledger entries before": entries}
    with at_work(commands_workers(entries), Commands(1, 1).settings(), stack) as running:
        members = max(1, entries // 4)
        for what, size, of in (("many", count, members), ("one hot member", count // HOT_SHARE, 1)):
            found = []
            for number in range(rounds + 1):  # the first is not counted: caches are cold
                progress(f"commands: {what}", number / (rounds + 1))
                found.append(run(running, Commands(size, of, seed=53 + number, name=what)))
                pause()
            rates = [rate for rate, _ in found[1:]]
            middle = statistics.median_low(rates)
            cpu = next(cpu for rate, cpu in found[1:] if rate == middle)
            figures |= {
                f"{what}: commands/s": middle,
                f"{what}: rounds": " ".join(f"{rate:,.0f}" for rate in rates),
                f"{what}: CPU µs a command": shown_cpu(cpu),
            }
    return figures
