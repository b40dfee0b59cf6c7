"""Draws a board as a picture, from its JSON and a Prometheus, for who has no Grafana at hand.

It shows the same panels, queries, units and legends; it is no copy of Grafana's looks.
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

_COLUMNS: Final = 24
_WIDTH, _LINE = 22.0, 0.42
"""Inches: of the whole picture, and of one line of Grafana's grid."""
_LEGEND_LINES: Final = 3
_HANDLE, _LETTER = 0.5, 0.058
"""Inches of a legend: what is before and behind it, and each of its letters."""
_LONG: Final = 1200.0
"""Seconds from which on the seconds of an instant are left out."""
_THOUSANDS_FROM: Final = 10_000
_DIGITS: Final = 1000
"""From here on three digits do not write a number without an exponent."""
_SHADES: Final = [mpl.colormaps["tab10"](n) for n in range(10)]


class Line(NamedTuple):
    """One series: its legend, its instants (seconds) and its values."""

    legend: str
    instants: Sequence[float]
    values: Sequence[float]


class Span(NamedTuple):
    """What part of time is asked for: instants in seconds since 1970, and seconds between points.

    `rate_seconds` stands for Grafana's $__rate_interval.
    """

    start: float
    end: float
    step: float
    rate_seconds: float


def panels_of(board: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A board's panels without the headings of its rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expression(query: str, rate_seconds: float) -> str:
    """A panel's query as Prometheus takes it: every job, every instance."""
    plain = query.replace("$__rate_interval", f"{int(rate_seconds * 1000)}ms")
    return plain.replace("$job", ".+").replace("$instance", ".+")


def lines_of(prometheus: str, panel: Mapping[str, Any], span: Span) -> dict[str, list[Line]]:
    """What a panel shows, by the letter of its query; `prometheus` is the server's URL."""
    return {target["refId"]: _asked(prometheus, target, span) for target in panel["targets"]}


def _asked(prometheus: str, target: Mapping[str, Any], span: Span) -> list[Line]:
    parameters = {
        "query": expression(target["expr"], span.rate_seconds),
        "start": span.start,
        "end": span.end,
        "step": span.step,
    }
    url = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the caller's server
        result = json.load(answer)["data"]["result"]
    found = []
    for series in result:
        points = [(at, float(value)) for at, value in series["values"] if value != "NaN"]
        if points:
            instants, values = zip(*points, strict=True)
            found.append(Line(_legend(target["legendFormat"], series["metric"]), instants, values))
    return sorted(found)


def _legend(template: str, labels: Mapping[str, str]) -> str:
    legend = template
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


def draw(board: Mapping[str, Any], prometheus: str, span: Span, to: Path) -> None:
    """Writes the picture of a board (PNG)."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(_WIDTH, (bottom + 2) * _LINE), facecolor="#f4f5f5")
    height = bottom + 2
    figure.text(0.008, 1 - 1 / height, board["title"], size=17, weight="bold", va="center")
    for panel in board["panels"]:
        place = panel["gridPos"]
        top = 1 - (place["y"] + 2) / height
        if panel["type"] == "row":
            figure.text(0.008, top - 0.5 / height, f"▾ {panel['title']}", size=13, va="center")
            continue
        axes = figure.add_axes(
            (
                (place["x"] + 0.75) / _COLUMNS,
                top - (place["h"] - 2.0) / height,
                (place["w"] - 1.1) / _COLUMNS,
                (place["h"] - 3.2) / height,
            )
        )
        axes.set_title(panel["title"], size=11, loc="left", weight="bold")
        lines = [line for of in lines_of(prometheus, panel, span).values() for line in of]
        _draw_panel(axes, panel, lines, span)
    figure.savefig(to, dpi=80)


def _draw_panel(axes: Axes, panel: Mapping[str, Any], lines: Sequence[Line], span: Span) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if not lines:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
    if not lines or panel["type"] == "stat":
        axes.set_axis_off()
        for line in lines:
            axes.text(
                0.5, 0.5, shown(line.values[-1], unit), size=30, color="#2b8a3e",
                ha="center", va="center", transform=axes.transAxes,
            )  # fmt: skip
        return
    # Those of which there is something to see have the first colours and legends.
    lines = sorted(lines, key=lambda line: not any(line.values))
    for line, shade in zip(lines, _SHADES * (len(lines) // len(_SHADES) + 1), strict=False):
        # In front of the axis and not cut off at it: a line of zeros shall be seen.
        axes.plot(
            line.instants,
            line.values,
            label=line.legend,
            lw=1.2,
            color=shade,
            clip_on=False,
            zorder=3,
        )
        axes.fill_between(line.instants, line.values, alpha=0.07, color=shade)
    axes.set_xlim(span.start, span.end)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, color="#dddddd", lw=0.6)
    axes.tick_params(labelsize=8)
    clock = "%H:%M" if span.end - span.start > _LONG else "%H:%M:%S"
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda instant, _: datetime.fromtimestamp(instant, UTC).strftime(clock))
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    _draw_legend(axes, panel["gridPos"]["w"] * _WIDTH / _COLUMNS)


def _draw_legend(axes: Axes, inches: float) -> None:
    """As many legends as there is room for under a panel that is so wide; of others the number."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, int(inches / (_HANDLE + _LETTER * max(map(len, labels)))))
    most = columns * _LEGEND_LINES
    if len(labels) > most:
        handles[most - 1 :] = [Line2D([], [], linestyle="none")]
        labels[most - 1 :] = [f"… {len(labels) - most + 1} more"]
    axes.legend(
        handles,
        labels,
        fontsize=7.5,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.12),
        borderaxespad=0.2,
        labelspacing=0.3,
        columnspacing=1.2,
        frameon=False,
    )


def shown(value: float, unit: str) -> str:
    """A value with its unit, as short as a board has room for."""
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if 0 < value < 1 else f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if value >= _THOUSANDS_FROM:
        short = f"{value / 1000:.3g} k"
    else:
        short = f"{value:.3g}" if value < _DIGITS else f"{value:,.0f}"
    return f"{short}/s" if unit == "ops" else short
