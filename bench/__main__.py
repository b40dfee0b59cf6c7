"""`python -m bench`: start the local stack, measure, and show and write the results.

They go to the screen, to `results.json` and to the table in `README.md`.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from bench.machine import Neighbours, surroundings
from bench.measure import Progress, Stack
from bench.parts.account.holds import holds
from bench.parts.account.many_at_once import bulk, expiring
from bench.parts.account.quotes import quotes
from bench.parts.account.throughput import commands as commands_part
from bench.parts.growth import flat, large, memory
from bench.parts.latency import latency, midnight
from bench.parts.merchants import merchants as merchants_part
from bench.parts.notices.kept import notices_kept
from bench.parts.notices.midnight import notices_midnight
from bench.parts.notices.rate import WAITING, notices_rate
from bench.parts.notices.throughput import notices as notices_part
from bench.parts.notices.throughput import notices_sending
from bench.parts.rounds import USUAL, Line, shares
from bench.parts.workers import workers
from bench.report import Report
from bench.run import Run, Sizes
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
    LARGE = "large"
    MEMORY = "memory"
    WORKERS = "workers"
    MERCHANTS = "merchants"
    COMMANDS = "commands"
    HOLDS = "holds"
    QUOTES = "quotes"
    EXPIRING = "expiring"
    BULK = "bulk"
    NOTICES = "notices"
    NOTICES_SENDING = "notices-sending"
    NOTICES_MIDNIGHT = "notices-midnight"
    NOTICES_KEPT = "notices-kept"
    NOTICES_RATE = "notices-rate"


@app.command()
def main(  # noqa: PLR0913 - typer wants a parameter for each option
    only: Annotated[list[Part] | None, typer.Option(help="Measure these parts only.")] = None,
    line: Annotated[
        list[Line] | None, typer.Option(help="Let only these take part in A and B.")
    ] = None,
    *,
    orders: Annotated[
        int, typer.Option(min=100, help="Orders of workload A; B and C have a third.")
    ] = 60_000,
    rounds: Annotated[
        int, typer.Option(min=1, help="Interleaved rounds of A, B and C; the median counts.")
    ] = 3,
    dues: Annotated[
        int,
        typer.Option(
            min=100, help="Points due at one midnight, lots that lapse, members of a job."
        ),
    ] = 1_000_000,
    entries: Annotated[
        int, typer.Option(min=1_000, help="Ledger entries before the second run of `flat`.")
    ] = 5_000_000,
    large_entries: Annotated[
        int, typer.Option(min=1_000, help="The same of `large`, without their orders.")
    ] = 50_000_000,
    merchants: Annotated[
        int, typer.Option(min=1_000, help="Merchants of the second run of `merchants`.")
    ] = 200_000,
    commands: Annotated[int, typer.Option(min=1_000, help="Commands of a round.")] = 80_000,
    notices: Annotated[
        int, typer.Option(min=1_000, help="Changes of points of a round of `notices`.")
    ] = 60_000,
    of_each: Annotated[
        int, typer.Option(min=1, help="Grants of each member of `notices-midnight`.")
    ] = 1,
    kept: Annotated[
        int, typer.Option(min=1_000, help="Notices kept before the full runs of `notices-kept`.")
    ] = 5_000_000,
    seconds: Annotated[int, typer.Option(min=5, help="How long latency is measured.")] = 30,
    before: Annotated[
        Path | None,
        typer.Option(help="A checkout of an earlier state, set up: it takes turns with ours."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Everything small: does it work at all?")
    ] = False,
    save: Annotated[bool, typer.Option(help="Write results.json and README.md.")] = True,
) -> None:
    """Measure orders a second, CPU, WAL, memory and latency on real Kafka and a durable PostgreSQL.

    Without `--only`: A, B and C (C beside B, ours alone). Ends with code 1 when a part failed or a
    sum was wrong; the others are measured still.
    """
    sizes = Sizes(
        orders=orders,
        rounds=rounds,
        dues=dues,
        entries=entries,
        large_entries=large_entries,
        merchants=merchants,
        seconds=seconds,
        commands=commands,
        notices=notices,
        of_each=of_each,
        kept=kept,
    )
    with bench_stack() as stack:
        report = Report({**surroundings(stack.database_url), "kafka": stack.kafka})
        for part in only or [Part.A, Part.B, Part.C]:
            with progress_bar() as progress:
                run = Run(
                    report=report,
                    stack=stack,
                    lines=line or USUAL,
                    sizes=sizes.quick() if quick else sizes,
                    before=before,
                    progress=progress,
                )
                attempt(part, run)
    report.show(console)
    if save:
        report.save()
    raise typer.Exit(1 if report.failures else 0)


def attempt(part: Part, run: Run) -> None:
    """Measure one part; a failure is noted and does not keep the others from being measured."""
    try:
        measure_part(part, run)
    except (BenchError, KafkaException, psycopg.Error) as error:
        run.report.failures[part] = str(error)
        console.print(f"[red]{part}:[/red] {error}", highlight=False)


def measure_part(part: Part, run: Run) -> None:
    """Measure one part and note what it gave."""
    sizes, shown, neighbours = run.sizes, (run.stack, run.progress), Neighbours()
    match part:
        case Part.A | Part.B | Part.C:
            for measured in run.workload(part.upper()):
                run.report.runs.append(measured)
                console.print(
                    f"{measured.workload} {measured.contestant}: "
                    f"{measured.orders_per_second:,.0f} orders/s"
                )
            run.report.figures |= shares(run.report, part.upper())
            return
        case Part.LATENCY:
            figures = latency(run.load_of_a(1 / 2), sizes.seconds, *shown)
        case Part.MIDNIGHT:
            figures = midnight(sizes.dues, run.load_of_a(1 / 4), *shown)
        case Part.FLAT:
            figures = flat(sizes.orders, sizes.entries, *shown)
        case Part.LARGE:
            figures = large(sizes.orders, sizes.large_entries, *shown)
        case Part.MEMORY:
            figures = memory(sizes.orders, *shown)
        case Part.WORKERS:
            figures = workers(sizes.orders, *shown)
        case Part.MERCHANTS:
            figures = merchants_part(sizes.orders // 3, sizes.merchants, *shown)
        case _:
            figures = (lane_part if part.startswith(Part.NOTICES) else account_part)(part, run)
    others = {"others' share of the machine meanwhile, cores": neighbours.cores()}
    run.report.figures[part] = {**figures, **others}


def account_part(part: Part, run: Run) -> Mapping[str, object]:
    """What one part of the points account gave."""
    sizes, shown = run.sizes, (run.stack, run.progress)
    match part:
        case Part.COMMANDS:
            return commands_part(sizes.commands, sizes.rounds, sizes.entries, *shown)
        case Part.HOLDS:
            return holds(sizes.commands, sizes.rounds, sizes.entries, sizes.seconds, *shown)
        case Part.QUOTES:
            return quotes(sizes.entries, sizes.rounds, *shown)
        case Part.EXPIRING:
            return expiring(sizes.dues, run.load_of_a(1 / 4), *shown)
        case Part.BULK:
            return bulk(sizes.dues, run.load_of_a(1 / 4), *shown)
    raise ValueError(part)


def lane_part(part: Part, run: Run) -> Mapping[str, object]:
    """What one part of the notices lane gave."""
    sizes, shown = run.sizes, (run.stack, run.progress)
    match part:
        case Part.NOTICES:
            return notices_part(sizes.notices, sizes.rounds, *shown)
        case Part.NOTICES_SENDING:
            return notices_sending(sizes.notices, sizes.rounds, *shown, run.before)
        case Part.NOTICES_MIDNIGHT:
            return notices_midnight(sizes.dues, sizes.of_each, run.load_of_a(1 / 4), *shown)
        case Part.NOTICES_KEPT:
            return notices_kept(sizes.notices, sizes.kept, sizes.rounds, *shown)
        case Part.NOTICES_RATE:
            return notices_rate(min(WAITING, sizes.dues), sizes.seconds, *shown)
    raise ValueError(part)


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
