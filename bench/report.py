"""The result: a table on the screen and in `bench/README.md`, and `bench/results.json`."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from bench.measure import Measurement

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
README = HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass
class Report:
    """Everything that one `make bench` found."""

    surroundings: Mapping[str, str]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    runs: list[Measurement] = field(default_factory=list)
    figures: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Results of the other parts, by part."""
    failures: dict[str, str] = field(default_factory=dict)

    def medians(self) -> list[Measurement]:
        """For each workload and contestant the run in the middle by orders a second."""
        groups: dict[tuple[str, str], list[Measurement]] = {}
        for run in self.runs:
            groups.setdefault((run.workload, run.contestant), []).append(run)
        return [_median(runs) for runs in groups.values()]

    def rates(self, workload: str, contestant: str) -> list[float]:
        """Orders a second of all rounds, in their order."""
        return [
            run.orders_per_second
            for run in self.runs
            if (run.workload, run.contestant) == (workload, contestant)
        ]

    def save(self) -> None:
        """Write `results.json` and the part of `README.md` between the markers."""
        document = {
            "began": self.began.isoformat(timespec="seconds"),
            "surroundings": self.surroundings,
            "runs": [
                asdict(run) | {"orders_per_second": run.orders_per_second} for run in self.runs
            ],
            "figures": self.figures,
            "failures": self.failures,
        }
        RESULTS.write_bytes(
            orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n"
        )
        before, _, rest = README.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n\n{self.markdown()}\n{END}{after}")

    def markdown(self) -> str:
        """The tables as they stand in the README."""
        where = ", ".join(f"{name} {value}" for name, value in self.surroundings.items())
        parts = [f"Measured {self.began:%Y-%m-%d %H:%M} UTC; {where}.\n"]
        for workload in dict.fromkeys(run.workload for run in self.runs):
            parts += [f"### Workload {workload}\n", *_markdown_table(*self.table(workload))]
        for part, figures in self.figures.items():
            rows = [(name, _plain(value)) for name, value in figures.items()]
            parts += [f"### {part.capitalize()}\n", *_markdown_table(("what", "measured"), rows)]
        parts += [f"**{part} failed**: {why}\n" for part, why in self.failures.items()]
        return "\n".join(parts)

    def table(self, workload: str) -> tuple[Sequence[str], list[Sequence[str]]]:
        """Header and rows for one workload, the fastest first."""
        runs = sorted(
            (run for run in self.medians() if run.workload == workload),
            key=lambda run: -run.orders_per_second,
        )
        ours = next((run.orders_per_second for run in runs if run.contestant == "ours"), None)
        header = (
            "",
            "orders/s",
            "events/s",
            "ours is",
            "orders",
            "CPU µs/order",
            "WAL B/order",
            "RSS MB",
            "others, cores",
            "runs, orders/s",
        )
        return header, [self._row(run, ours) for run in runs]

    def _row(self, run: Measurement, ours: float | None) -> Sequence[str]:
        same = self.rates(run.workload, run.contestant)
        phases = "".join(f", {name} at {rate:,.0f}" for name, rate in run.phases.items())
        return (
            run.contestant,
            f"{run.orders_per_second:,.0f}{phases}",
            f"{run.events_per_second:,.0f}",
            f"{ours / run.orders_per_second:.2f} ×" if ours else "",
            f"{run.orders:,}",
            f"{sum(run.cpu_us_per_order.values()):,.0f}: {_by_part(run.cpu_us_per_order)}",
            f"{run.wal_bytes_per_order:,.0f}",
            _by_part(run.resident_mb),
            f"{run.others_cores:.2f}",
            " ".join(f"{rate:,.0f}" for rate in same),
        )

    def show(self, console: Console) -> None:
        """Print the tables."""
        for workload in dict.fromkeys(run.workload for run in self.runs):
            header, rows = self.table(workload)
            _print(console, f"Workload {workload}", header, rows)
        for part, figures in self.figures.items():
            rows = [(name, _plain(value)) for name, value in figures.items()]
            _print(console, part.capitalize(), ("what", "measured"), rows)
        for part, why in self.failures.items():
            console.print(f"[red]{part} failed:[/red] {why}", highlight=False)


def _median(runs: Sequence[Measurement]) -> Measurement:
    middle = statistics.median_low(run.orders_per_second for run in runs)
    return next(run for run in runs if run.orders_per_second == middle)


def _by_part(values: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {value:,.0f}" for part, value in values.items())


def _plain(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and abs(value) < 1_000
        else (f"{value:,.0f}" if isinstance(value, int | float) else str(value))
    )


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"]


def _print(
    console: Console, title: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    table = Table(*header, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
