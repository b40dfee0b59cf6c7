"""The kinds of panel that the boards are made of, with what every panel must have.

A panel has a title, a description, a unit and queries with legends. The queries name the variables
`$job` and `$instance`; `$__rate_interval` is Grafana's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

OURS: Final = 'job=~"$job", instance=~"$instance"'
"""What every series is chosen by, so that a board shows what its variables say."""
DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="$datasource")
COLUMNS: Final = 24
"""Of Grafana's grid."""
HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture of some queries: legend → expression. `width` in columns of the grid."""

    title: str
    description: str
    unit: str
    queries: Mapping[str, str]
    width: int = 6
    is_figure: bool = False
    """Whether it shows the newest figure instead of a line over time."""
    thresholds: Sequence[tuple[float | None, str]] = ()
    """From which value on which colour; the first one has no value."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def series(name: str, more: str = "") -> str:
    """The series of a metric, with further matchers."""
    return f"{name}{{{OURS}{', ' if more else ''}{more}}}"


def rate(name: str, by: str = "", more: str = "") -> str:
    """Occurrences of a counter a second, by these labels."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({series(name, more)}[$__rate_interval]))"


def increase(name: str, by: str = "") -> str:
    """Occurrences of a counter since the point before: for what is rare."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({series(name)}[$__rate_interval]))"


def quantile(share: float, histogram: str) -> str:
    """A quantile of a histogram of all workers together."""
    return f"histogram_quantile({share}, {rate(histogram + '_bucket', 'le')})"


def quantiles(histogram: str) -> dict[str, str]:
    """Median and 99th percentile."""
    return {"p50": quantile(0.5, histogram), "p99": quantile(0.99, histogram)}


def age(timestamp: str, by: str = "") -> str:
    """Seconds since a timestamp, of which 0 means "none": then 0; nothing where nothing says it."""
    grouped = f" by ({by})" if by else ""
    return (
        f"(time() - max{grouped} ({series(timestamp)} > 0)) or max{grouped} ({series(timestamp)})"
    )


def total(gauge: str, by: str = "") -> str:
    """The sum of a gauge of which each worker has its own."""
    return f"sum{f' by ({by})' if by else ''} ({series(gauge)})"


def worst(gauge: str, by: str = "", more: str = "") -> str:
    """The largest value of a gauge that several workers may export."""
    return f"max{f' by ({by})' if by else ''} ({series(gauge, more)})"


def of_kind(aggregated: str, worker: str) -> str:
    """A sum or maximum of the processes of one kind of worker alone: several read the same topic.

    `aggregated` is of one `series`, as the functions above make it.
    """
    whose = series("points_worker_up", f'worker="{worker}"')
    return f"{aggregated.removesuffix(')')} and on (job, instance) {whose})"


def built(panel: Panel) -> timeseries.Panel | stat.Panel:
    """The panel as Grafana reads it."""
    made = _figure() if panel.is_figure else _lines()
    made.title(panel.title).description(panel.description).unit(panel.unit)
    made.datasource(DATASOURCE).height(HEIGHT).span(panel.width).min(0)
    if panel.thresholds:
        made.thresholds(_thresholds(panel.thresholds))
    for ref, (legend, expression) in zip("ABCDEFGH", panel.queries.items(), strict=False):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref)
        made.with_target(query.range().datasource(DATASOURCE))
    return made


def _figure() -> stat.Panel:
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().color_mode(BigValueColorMode.VALUE).reduce_options(newest)


def _lines() -> timeseries.Panel:
    legend = common.VizLegendOptions()
    legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)  # noqa: FBT003 - the builder's
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    return timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).fill_opacity(8)


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    made = [Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)
