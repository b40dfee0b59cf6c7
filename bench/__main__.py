"""`python -m bench`: start the local stack, measure, and show and write the results.

They go to the screen, to `results.json` and to the table in `README.md`.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from bench.contestant import ROOT
from bench.kafka import BenchError
from bench.machine import surroundings
from bench.measure import Progress, Stack, measure
from bench.ours import OURS
from bench.parts.growth import flat, memory
from bench.parts.latency import latency, midnight
from bench.parts.rounds import Line, interleaved, with_reports
from bench.report import Report
from bench.workloads.a import WorkloadA
from deploy.local.kafka_local import KAFKA_VERSION
from deploy.local.stack import start_stack

STATE = ROOT / ".local" / "bench"
SERVER_SETTINGS: Mapping[str, str] = {
    "max_wal_size": "4GB",
    "shared_buffers": "512MB",
    "track_commit_timestamp": "on",
}
"""Fixed, since two decide how often pages are written whole; the third tells when an entry became
durable.
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


class Part(StrEnum):
    """What can be measured by itself."""

    A = "a"
    B = "b"
    C = "c"
    LATENCY = "latency"
    MIDNIGHT = "midnight"
    FLAT = "flat"
    MEMORY = "memory"


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    orders: int
    rounds: int
    dues: int
    entries: int
    seconds: int
    before: Path | None = None

    def quick(self) -> "Sizes":
        """Just enough to see that everything works."""
        return Sizes(
            min(self.orders, 3_000),
            1,
            min(self.dues, 5_000),
            min(self.entries, 50_000),
            5,
            self.before,
        )


@app.command()
def main(  # noqa: PLR0913 - typer wants a parameter for each option
    only: Annotated[list[Part] | None, typer.Option(help="Measure these parts only.")] = None,
    line: Annotated[
        list[Line] | None, typer.Option(help="Let only these take part in A and B.")
    ] = None,
    orders: Annotated[
        int, typer.Option(min=100, help="Orders of workload A; B and C have a third.")
    ] = 60_000,
    rounds: Annotated[
        int, typer.Option(min=1, help="Interleaved rounds of A, B and C; the median counts.")
    ] = 3,
    dues: Annotated[int, typer.Option(min=100, help="Points due at one midnight.")] = 1_000_000,
    entries: Annotated[
        int, typer.Option(min=1_000, help="Ledger entries before the second run of `flat`.")
    ] = 5_000_000,
    seconds: Annotated[int, typer.Option(min=5, help="How long latency is measured.")] = 30,
    before: Annotated[
        Path | None,
        typer.Option(help="A checkout of an earlier state, set up: it takes turns with ours."),
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Everything small: does it work at all?")
    ] = False,
    save: Annotated[bool, typer.Option(help="Write results.json and README.md.")] = True,
) -> None:
    """Measure orders a second, CPU, WAL, memory and latency on real Kafka and a durable PostgreSQL.

    Without `--only`: A, B and C (C beside B, ours alone). Ends with code 1 when a part failed or a
    sum was wrong; the others are measured still.
    """
    sizes = Sizes(orders, rounds, dues, entries, seconds, before)
    with bench_stack() as stack:
        report = Report({**surroundings(stack.database_url), "kafka": stack.kafka})
        for part in only or [Part.A, Part.B, Part.C]:
            with progress_bar() as progress:
                attempt(
                    part,
                    report,
                    stack,
                    line or list(Line),
                    sizes.quick() if quick else sizes,
                    progress,
                )
    report.show(console)
    if save:
        report.save()
    raise typer.Exit(1 if report.failures else 0)


def attempt(
    part: Part, report: Report, stack: Stack, lines: list[Line], sizes: Sizes, progress: Progress
) -> None:
    """Measure one part; a failure is noted and does not keep the others from being measured."""
    try:
        match part:
            case Part.A | Part.B:
                size = sizes.orders if part is Part.A else sizes.orders // 3
                for run in interleaved(
                    part.upper(), lines, size, sizes.rounds, stack, progress, sizes.before
                ):
                    report.runs.append(run)
                    console.print(
                        f"{run.workload} {run.contestant}: {run.orders_per_second:,.0f} orders/s"
                    )
            case Part.C:
                for run in with_reports(sizes.orders // 3, sizes.rounds, stack, progress):
                    report.runs.append(run)
                    console.print(
                        f"{run.workload} {run.contestant}: {run.orders_per_second:,.0f} orders/s"
                    )
                report.figures["C against B"] = share_of_b(report)
            case Part.LATENCY:
                report.figures[part] = latency(
                    half_load(report, stack, sizes, progress), sizes.seconds, stack, progress
                )
            case Part.MIDNIGHT:
                report.figures[part] = midnight(
                    sizes.dues, half_load(report, stack, sizes, progress), stack, progress
                )
            case Part.FLAT:
                report.figures[part] = flat(sizes.orders, sizes.entries, stack, progress)
            case Part.MEMORY:
                report.figures[part] = memory(sizes.orders, stack, progress)
    except (BenchError, KafkaException, psycopg.Error) as error:
        report.failures[part] = str(error)
        console.print(f"[red]{part}:[/red] {error}", highlight=False)


def share_of_b(report: Report) -> Mapping[str, float]:
    """The rate of ours on workload B with carrier reports and customer events added."""
    rates = {
        run.workload: run.orders_per_second
        for run in report.medians()
        if run.contestant == OURS.name
    }
    return {"orders/s of C, % of B's": 100 * rates["C"] / rates["B"]}


def half_load(report: Report, stack: Stack, sizes: Sizes, progress: Progress) -> float:
    """Half of what ours made of workload A, in orders a second.

    Measured now unless it was in this run.
    """
    known = [run for run in report.medians() if (run.workload, run.contestant) == ("A", OURS.name)]
    run = known[0] if known else measure(OURS, WorkloadA(sizes.orders), stack, progress)
    return run.orders_per_second / 2


@contextmanager
def bench_stack() -> Iterator[Stack]:
    """Kafka and PostgreSQL of the benchmark's own, taken away afterwards."""
    shutil.rmtree(STATE / "runs", ignore_errors=True)
    with start_stack(STATE / "stack", postgres_settings=SERVER_SETTINGS) as started:
        try:
            kafka = KAFKA_VERSION if started.kafka else started.kafka_rung
            yield Stack(started.bootstrap_servers, started.database_url, STATE / "runs", str(kafka))
        finally:
            started.stop(wipe=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar for what is running now."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda text, share: bar.update(task, description=text, completed=share)


if __name__ == "__main__":
    app()
