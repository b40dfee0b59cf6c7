"""The rules are ones that Prometheus 2.42 takes, ask for metrics that exist, and are tried out."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate import DOCS, metric_families
from processors import metrics
from processors.metric_types import SECONDS
from processors.notices.sending.guards.gate import Shut
from processors.pipeline.pipeline import NOTICES, topics_read
from processors.registry import ENGINE, WORKERS
from processors.runtime.configuration import TopicsConfiguration
from schemas.carriers import Meaning
from schemas.notices.words import Channel
from store.streams.cursors import OUTCOMES
from tests.support.operate.prometheus import promtool
from tests.support.operate.rules import (
    CASE_FILES,
    FOLDER,
    RULE_FILES,
    Rule,
    alerts,
    groups,
    rules,
    selectors,
)

ROOT = DOCS.parent
OF_SCRAPE = {"job", "instance"}
OF_PROMETHEUS = {"up": OF_SCRAPE, "process_start_time_seconds": OF_SCRAPE}
"""What Prometheus itself and the client library add to our metrics."""
ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
KNOWN_TO_2_42 = {
    "group": {"name", "interval", "limit", "rules"},
    "rule": {"alert", "record", "expr", "for", "labels", "annotations"},
}
ALERTS = alerts()


def run(*arguments: str | Path) -> str:
    done = subprocess.run(
        [promtool(), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def labels_of_series() -> dict[str, set[str]]:
    """Every series of the catalogue with the labels that it has, those of a scrape among them."""
    declared = metrics.REGISTRY._names_to_collectors
    return {
        name + end: {
            *getattr(declared.get(name), "_labelnames", ()),
            *({"le"} if end == "_bucket" else ()),
            *OF_SCRAPE,
        }
        for name, kind, _ in metric_families()
        for end in ENDINGS[kind]
    }


RECORDED = {rule.name: OF_SCRAPE for rule in rules() if not rule.alerts}
KNOWN = {**labels_of_series(), **RECORDED, **OF_PROMETHEUS}


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    assert "FAILED" not in run("check", "rules", "--lint-fatal", *RULE_FILES)


def test_the_example_configuration_is_one() -> None:
    run("check", "config", FOLDER / "prometheus.yml")


@pytest.mark.parametrize("file", CASE_FILES, ids=lambda file: file.name)
def test_cases_come_out_as_they_say(file: Path) -> None:
    run("test", "rules", file)


def test_a_wrong_expectation_would_be_seen(tmp_path: Path) -> None:
    cases = yaml.safe_load(CASE_FILES[-1].read_text())
    cases["rule_files"] = [str(file) for file in RULE_FILES]
    cases["tests"][0]["alert_rule_test"][0]["exp_alerts"] = [{"exp_labels": {"severity": "page"}}]
    wrong = tmp_path / "wrong.test.yml"
    wrong.write_text(yaml.safe_dump(cases))
    with pytest.raises(AssertionError, match="FAILED"):
        run("test", "rules", wrong)


def test_nothing_in_the_files_is_newer_than_prometheus_2_42() -> None:
    for group in groups():
        assert group.keys() <= KNOWN_TO_2_42["group"]
        for rule in group["rules"]:
            assert rule.keys() <= KNOWN_TO_2_42["rule"]


def test_rules_ask_only_for_metrics_of_the_catalogue_and_their_labels() -> None:
    asked = [
        (selector.metric, {label for label, _ in selector.labels})
        for rule in rules()
        for selector in selectors(rule.expression)
    ]
    assert {name for name, _ in asked} - KNOWN.keys() == set()
    assert [(name, labels - KNOWN[name]) for name, labels in asked if labels - KNOWN[name]] == []


def test_cases_feed_only_metrics_of_the_catalogue_and_their_labels() -> None:
    fed = [
        selector
        for file in CASE_FILES
        for test in yaml.safe_load(file.read_text())["tests"]
        for series in test["input_series"]
        for selector in selectors(series["series"])
    ]
    assert len(fed) > 100
    assert {selector.metric for selector in fed} - KNOWN.keys() == set()
    assert [
        (selector.metric, label)
        for selector in fed
        for label, _ in selector.labels
        if label not in KNOWN[selector.metric]
    ] == []


def test_values_that_rules_select_are_ones_that_workers_export() -> None:
    exported = {
        "worker": set(WORKERS),
        "pipeline": {*topics_read(TopicsConfiguration()), "readmodel", NOTICES},
        "outcome": set(OUTCOMES),
        "meaning": {meaning.word for meaning in Meaning},
        "le": {str(bound) for bound in SECONDS},
        "event": {"assigned", "revoked", "lost"},
        "channel": {each.value for each in Channel},
        "why": {each.value for each in Shut},
        "job": {"member-points"},
    }
    selected = {
        (label, value)
        for rule in rules()
        for selector in selectors(rule.expression)
        for label, values in selector.labels
        for value in values.split("|")
    }
    assert {pair for pair in selected if pair[1] not in exported[pair[0]]} == set()


def test_rules_ask_only_for_metrics_of_our_job() -> None:
    elsewhere = {
        f"{rule.name}: {selector.metric}"
        for rule in rules()
        for selector in selectors(rule.expression)
        if selector.metric not in RECORDED and ("job", "member-points") not in selector.labels
    }
    assert elsewhere == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.id)
def test_an_alert_says_what_it_means_and_where_to_read_on(rule: Rule) -> None:
    assert rule.labels["severity"] in {"page", "ticket"}
    assert rule.annotations.keys() == {"summary", "description", "runbook_url"}
    assert rule.annotations["runbook_url"] == f"deploy/runbooks/{rule.name}.md"
    assert (ROOT / rule.annotations["runbook_url"]).is_file()


def test_every_kind_of_worker_is_missed() -> None:
    missed = {rule.labels["worker"] for rule in ALERTS if "worker" in rule.labels}
    assert missed == WORKERS.keys()


def test_a_kind_that_is_not_ready_wakes_whom_its_absence_wakes() -> None:
    absence = {
        kind
        for rule in ALERTS
        if rule.name in {"PointsWorkerAbsent", "PointsWatchAbsent"}
        if rule.labels["severity"] == "page"
        for kind in [rule.labels["worker"]]
    }
    (page,) = [
        rule
        for rule in ALERTS
        if (rule.name, rule.labels["severity"]) == ("PointsWorkerNotReady", "page")
    ]
    (kinds,) = re.findall(r'worker=~"(.+?)"', page.expression)
    assert set(kinds.split("|")) == absence


def test_the_example_scrapes_a_worker_of_each_kind_and_nothing_that_would_be_down() -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = [config["targets"] for config in scraped[0]["static_configs"]]
    assert targets == [f"127.0.0.1:{9464 + n}" for n in range(len(ENGINE))]


def test_the_example_says_what_to_scrape_with_the_notices_lane() -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    filled_in = re.sub(r"(?m)^      # (?=- targets:|    - 127)", "      ", text)
    (scraped,) = yaml.safe_load(filled_in)["scrape_configs"]
    targets = [target for group in scraped["static_configs"] for target in group["targets"]]
    assert targets == [f"127.0.0.1:{9464 + n}" for n in range(len(WORKERS))]


def test_the_prometheus_of_compose_scrapes_every_kind() -> None:
    of_compose = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yaml").read_text())
    ((names,),) = [
        [each["names"] for each in job["dns_sd_configs"]] for job in of_compose["scrape_configs"]
    ]
    assert set(names) == set(WORKERS)


def test_the_prometheus_of_compose_loads_the_same_rules() -> None:
    of_compose = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yaml").read_text())
    (pattern,) = of_compose["rule_files"]
    assert set(FOLDER.glob(Path(pattern).name)) == set(RULE_FILES)


def cases_of(rule: Rule) -> list[tuple[int, bool]]:
    """For each case in which the rule fires: the test's number, and whether it is silent too."""
    shown = []
    tests: list[Any] = [t for file in CASE_FILES for t in yaml.safe_load(file.read_text())["tests"]]
    for number, test in enumerate(tests):
        steps = [step for step in test["alert_rule_test"] if step["alertname"] == rule.name]
        fires = [
            any(rule.labels.items() <= alert["exp_labels"].items() for alert in step["exp_alerts"])
            for step in steps
        ]
        if any(fires):
            first, last = fires.index(True), len(fires) - 1 - fires[::-1].index(True)
            shown.append((number, first > 0 and last < len(fires) - 1))
    return shown


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.id)
def test_an_alert_has_a_case_in_which_it_is_silent_fires_and_resolves(rule: Rule) -> None:
    assert any(before_and_after for _, before_and_after in cases_of(rule))
