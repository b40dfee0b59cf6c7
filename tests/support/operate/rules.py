"""The rules of deploy/prometheus as values, and the metrics that an expression asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
RULE_FILES = (FOLDER / "points.recording.rules.yml", FOLDER / "points.rules.yml")
CASE_FILES = sorted((FOLDER / "tests").glob("*.test.yml"))


@dataclass(frozen=True)
class Rule:
    """One rule; `name` is the alert's or the recorded metric's."""

    name: str
    alerts: bool
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def id(self) -> str:
        """What tells rules of one name apart: PointsLagHigh page commands."""
        return " ".join([self.name, *map(str, self.labels.values())])


def rules() -> list[Rule]:
    """All rules, in the order of the files."""
    return [
        Rule(
            name=rule.get("alert") or rule["record"],
            alerts="alert" in rule,
            expression=rule["expr"],
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )
        for group in groups()
        for rule in group["rules"]
    ]


def alerts() -> list[Rule]:
    """The rules that alert."""
    return [rule for rule in rules() if rule.alerts]


def groups() -> list[dict[str, Any]]:
    """All groups as they are in the files."""
    return [group for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"]]


@dataclass(frozen=True)
class Selector:
    """A place where an expression names a metric, with the values that its labels must have."""

    metric: str
    labels: tuple[tuple[str, str], ...]


def selectors(expression: str) -> list[Selector]:
    """Each place where an expression (PromQL) names a metric."""
    found: list[Selector] = []

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            labels = tuple((m.name, m.value) for m in node.matchers.matchers)
            found.append(Selector(node.name or "", labels))

    promql_parser.walk(promql_parser.parse(expression), look)
    return found
