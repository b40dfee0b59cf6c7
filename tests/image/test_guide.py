"""The guides followed from nothing: containers, their Prometheus and boards, an alert, its runbook.

The commands of docs/how-to/run-in-containers.md are taken from the page, those of the runbook too.
"""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.grafana.build import FOLDER
from tests.support.engine import wait_for
from tests.support.operate.busy_day import Watched, busy_day, empty_queries, know_members, watch
from tests.support.operate.busy_shops import SHOPS, BusyShops
from tests.support.operate.containers import HARDENED
from tests.support.operate.fleet import SERVICES, Fleet
from tests.support.operate.following import Operator
from tests.support.operate.prometheus import Prometheus
from tests.support.operate.runbooks import runbook
from tests.support.upstream import hex_id, order

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-in-containers.md"
RUN = re.compile(r"^docker run ((?:.*\\\n)*.*)$", re.MULTILINE)
IMAGE = "localhost/member-points:"
FASTER = 15
"""Three minutes without a worker are twelve seconds, a scrape every 15 seconds is one a second."""
LOAD_SECONDS = 60.0
PATIENCE = 120.0


def runs() -> list[tuple[list[str], list[str]]]:
    """The options and the words after the image of every `docker run` of the page."""
    found = []
    for line in RUN.findall(PAGE.read_text("utf-8")):
        words = shlex.split(line.replace("\\\n", " "))
        at = next(n for n, word in enumerate(words) if word.startswith(IMAGE))
        found.append((words[:at], words[at + 1 :]))
    return found


def test_the_page_runs_what_the_containers_of_these_tests_run() -> None:
    (options, worker), (_, first), (_, second) = runs()
    assert worker == SERVICES["intake"]["command"]
    assert [first, second] == [SERVICES[once]["command"] for once in ("migrate", "topics")]
    assert "--read-only" in options
    named = dict(pairwise(options))
    assert [named["--cap-drop"].upper()] == HARDENED["cap_drop"]
    assert [named["--security-opt"]] == HARDENED["security_opt"]
    assert named["--memory"] == HARDENED["mem_limit"]


@pytest.fixture(scope="module")
def prometheus(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has the committed rules, and scrapes the containers."""
    with Prometheus(tmp_path_factory.mktemp("prometheus"), FASTER) as made:
        watch(made, (worker.url() for worker in fleet.workers.values()))
        yield made


@pytest.fixture(scope="module")
def watched(
    fleet: Fleet, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Watched:
    """A busy day of all kinds in containers."""
    shops = BusyShops(fleet.engine, tmp_path_factory.mktemp("shops"))
    know_members(fleet.lane)
    return busy_day(prometheus, fleet.engine, shops, fleet.lane.sinks, LOAD_SECONDS)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_every_panel_is_answered_by_what_was_scraped(watched: Watched, file: Path) -> None:
    assert empty_queries(watched, json.loads(file.read_text())) == []


def test_an_alert_fires_and_is_resolved_by_its_runbook(
    fleet: Fleet, prometheus: Prometheus, watched: Watched
) -> None:
    engine, operator = fleet.engine, Operator(fleet.engine, PROMETHEUS=watched.url)
    relay = {"worker": "relay", "severity": "page"}
    assert not prometheus.fires("PointsWorkerAbsent", **relay)
    engine.wait_published()
    told = len(engine.events())
    assert fleet.workers["relay"].stopped() == 0
    engine.produce([order(SHOPS[0], hex_id("o"), hex_id("m"), 10_000, delivery="arrived")])
    wait_for("it fires", lambda: prometheus.fires("PointsWorkerAbsent", **relay), PATIENCE)
    missed = "worker relay: none is running"
    wait_for("doctor misses it", lambda: missed in engine.command("doctor").stdout, PATIENCE)
    operator.look(
        "PointsWorkerAbsent",
        {"points doctor": missed, "points status": "no relay is running"},
    )
    (step,) = [fix for fix in runbook("PointsWorkerAbsent").fixes if "points run" in fix.line]
    assert shlex.split(step.line)[1:] == SERVICES["relay"]["command"]
    with fleet.container("relay") as again:
        others = [worker for kind, worker in fleet.workers.items() if kind != "relay"]
        prometheus.scrape(worker.url() for worker in [*others, again])
        wait_for(
            "it is silent", lambda: not prometheus.fires("PointsWorkerAbsent", **relay), PATIENCE
        )
        engine.wait_published()
        assert len(engine.events()) > told
