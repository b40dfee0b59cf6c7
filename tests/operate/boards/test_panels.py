"""A real Prometheus scrapes real workers under load, and every panel of every board has data.

With POINTS_BOARDS set to a folder, the boards are drawn there (`make boards`).
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.grafana.build import FOLDER
from deploy.grafana.draw import Span, draw, lines_of, panels_of
from deploy.local.sinks.process import SinksProcess
from processors.registry import WORKERS
from tests.support.engine import Engine, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.busy_shops import MEMBERS, SHOPS, BusyShops, a_member
from tests.support.operate.prometheus import Prometheus
from tests.support.servers import Databases

pytestmark = pytest.mark.slow
FASTER = 15
"""A scrape every 15 seconds becomes one a second."""
LOAD_SECONDS = 120.0
FILES = sorted(FOLDER.glob("*.json"))
ONLY_IN_TROUBLE = {
    # What no healthy minute has: a panel with these must have something else to show.
    "points_refused_records_total",
    "points_left_out_partitions",
    "points_purged_reports_total",
}


class Watched:
    """The Prometheus that has seen the load, and which part of time that was."""

    def __init__(self, prometheus: Prometheus, began: float) -> None:
        self.url = prometheus.url
        self.span = Span(began, time.time(), 2.0, 8.0)


@pytest.fixture(scope="module")
def watched(
    kafka: str, postgres: Databases, valkey_server: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("boards")
    url = postgres.database()
    redis = {"POINTS_REDIS__URL": str(getattr(valkey_server, "redis_url", ""))}
    with Engine(kafka, url, f"{folder.name}.", folder) as engine, SinksProcess() as sinks:
        shops, lane = BusyShops(engine.prepare(), folder), BusyLane(engine, sinks)
        lane.settle_in(SHOPS)
        lane.know((shop, a_member(n)) for shop in SHOPS for n in range(MEMBERS))
        running = {kind: engine.run(kind, **redis, **lane.environment) for kind in WORKERS}
        with Prometheus(folder / "prometheus", FASTER) as prometheus:
            prometheus.scrape([worker.url() for worker in running.values()])
            up = "count(points_worker_ready == 1)"
            wait_for(
                "every worker scraped and ready",
                lambda: (
                    prometheus.query(up)
                    and int(prometheus.query(up)[0]["value"][1]) == len(WORKERS)
                ),
                120.0,
            )
            began = time.time()
            shops.go_on(LOAD_SECONDS / 3)
            shops.give_to_many()
            shops.open_late()
            shops.poison(60)
            shops.go_on(LOAD_SECONDS / 6)
            paused = "max(points_pipeline_paused) == 1"
            wait_for("the pause is scraped", lambda: prometheus.query(paused))
            assert engine.command("resume", "intake").returncode == 0
            shops.go_on(LOAD_SECONDS / 6)
            # A mail waits from here on, and its provider is cut off.
            sinks.become("smtp", mood="credentials")
            shops.go_on(LOAD_SECONDS / 6)
            cut_off = 'max(points_notices_breaker_open{provider="smtp"}) == 1'
            wait_for("the breaker is scraped", lambda: prometheus.query(cut_off))
            sinks.become("smtp", mood="normal")
            shops.go_on(LOAD_SECONDS / 6)
            yield Watched(prometheus, began)
    postgres.drop(url)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_has_data(watched: Watched, file: Path) -> None:
    empty = []
    for panel in panels_of(json.loads(file.read_text())):
        answered = lines_of(watched.url, panel, watched.span)
        assert any(answered.values()), f"{panel['title']} has no data"
        empty += [
            f"{panel['title']}: {target['expr']}"
            for target in panel["targets"]
            if not answered[target["refId"]]
            and not any(name in target["expr"] for name in ONLY_IN_TROUBLE)
        ]
    assert empty == []


def test_a_query_of_a_metric_that_is_not_there_has_no_data(watched: Watched) -> None:
    target = {"refId": "A", "expr": 'points_no_such{job=~"$job"}', "legendFormat": "none"}
    assert lines_of(watched.url, {"targets": [target]}, watched.span) == {"A": []}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_board_can_be_drawn(watched: Watched, file: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("POINTS_BOARDS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{file.stem}.png"
    draw(json.loads(file.read_text()), watched.url, watched.span, picture)
    assert picture.stat().st_size > 50_000
