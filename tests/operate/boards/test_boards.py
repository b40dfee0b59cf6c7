"""Boards are what `make generate` writes, ask for what exists, and keep the linter's rules."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser
import pytest

from deploy.grafana.build import FOLDER, boards, text_of
from deploy.grafana.draw import expression, panels_of
from docs.generate import metric_families

ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
OF_THE_CLIENT_LIBRARY = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
}
UNITS = {"s", "ops", "short", "bytes", "percentunit"}
FILES = sorted(FOLDER.glob("*.json"))
RATES = {"rate", "increase"}


class Query(NamedTuple):
    """A query of a panel."""

    board: str
    panel: str
    text: str
    legend: str

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}: {self.text}"


def queries() -> Iterator[Query]:
    for file in FILES:
        for panel in panels_of(json.loads(file.read_text())):
            for target in panel["targets"]:
                yield Query(file.stem, panel["title"], target["expr"], target["legendFormat"])


def selected(node: Any, within: str = "") -> Iterator[tuple[Any, str]]:
    """Every selector of an expression, with the function that it is an argument of."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node, within
        return
    if isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector, within
        return
    name = node.func.name if isinstance(node, promql_parser.Call) else within
    for part in ("expr", "lhs", "rhs", "args"):
        inner = getattr(node, part, None)
        for child in inner if isinstance(inner, list) else [inner]:
            if child is not None and not isinstance(child, str):
                yield from selected(child, name)


def parsed(query: Query) -> list[tuple[Any, str]]:
    return list(selected(promql_parser.parse(expression(query.text, 60.0))))


def test_files_are_what_the_code_builds() -> None:
    built = {name: text_of(board) for name, board in boards().items()}
    assert {file.name: file.read_text() for file in FILES} == built, "run `make generate`"


def test_queries_ask_only_for_metrics_of_the_catalogue() -> None:
    known = {name + end for name, kind, _ in metric_families() for end in ENDINGS[kind]}
    asked = {(str(query), selector.name) for query in queries() for selector, _ in parsed(query)}
    assert {(q, name) for q, name in asked if name not in known | OF_THE_CLIENT_LIBRARY} == set()
    assert len({name for _, name in asked}) > 50


def test_no_metric_of_the_catalogue_is_left_out_of_the_boards() -> None:
    asked = {selector.name for query in queries() for selector, _ in parsed(query)}
    left_out = {
        name
        for name, kind, _ in metric_families()
        if not {name + end for end in ENDINGS[kind]} & asked
    }
    assert left_out == set(NOT_SHOWN)


NOT_SHOWN = {
    "points_lag_messages": "watch says it from outside",
    "points_oldest_unprocessed_timestamp_seconds": "as above",
    "points_pipeline_oldest_unprocessed_timestamp_seconds": "its lag in seconds is shown",
}


def test_counters_are_only_counted_by_rate_or_increase_and_over_the_right_time() -> None:
    counters = {name + "_total" for name, kind, _ in metric_families() if kind == "counter"}
    cumulative = {
        name + end
        for name, kind, _ in metric_families()
        if kind == "histogram"
        for end in ENDINGS[kind]
    } | counters
    for query in queries():
        for selector, function in parsed(query):
            assert (
                selector.name in cumulative or selector.name == "process_cpu_seconds_total"
            ) == (function in RATES), query
        assert re.findall(r"\[(.+?)\]", query.text) == ["$__rate_interval"] * query.text.count("[")


def test_ages_leave_out_the_timestamp_that_means_none() -> None:
    for query in queries():
        for selector, _ in parsed(query):
            if selector.name.endswith("_timestamp_seconds"):
                assert re.match(r"\(*time\(\) - max.*> 0\)\) or max", query.text), query


def test_every_query_is_of_the_chosen_job_and_instance() -> None:
    for query in queries():
        for selector, _ in parsed(query):
            assert f'{selector.name}{{job=~"$job", instance=~"$instance"' in query.text, query


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_board_keeps_the_linters_rules(file: Any) -> None:
    board = json.loads(file.read_text())
    assert board["editable"] is False
    assert board["uid"] == file.stem
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables.keys() == {"datasource", "job", "instance"}
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        assert variables[name]["datasource"]["uid"] == "$datasource"
        assert variables[name]["multi"]
        assert variables[name]["includeAll"]
        assert variables[name]["allValue"] == ".+"
        assert variables[name]["refresh"] == 2  # whenever the time range changes
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in panels_of(board):
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"]["uid"] == "$datasource"
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["legendFormat"]
            assert target["datasource"]["uid"] == "$datasource"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_fill_their_rows_and_do_not_overlap(file: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(file.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len(taken) == 24 * (max(y for _, y in taken) + 1), "a gap in the grid"
