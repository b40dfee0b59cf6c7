"""A real Prometheus scrapes real workers under load, and every panel of every board has data.

With POINTS_BOARDS set to a folder, the boards are drawn there (`make boards`).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.grafana.build import FOLDER
from deploy.grafana.draw import draw, lines_of
from deploy.local.sinks.process import SinksProcess
from processors.registry import WORKERS
from tests.support.engine import Engine
from tests.support.operate.busy_day import Watched, busy_day, empty_queries, know_members, watch
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.busy_shops import BusyShops
from tests.support.operate.prometheus import Prometheus
from tests.support.servers import Databases

pytestmark = pytest.mark.slow
FASTER = 15
"""A scrape every 15 seconds becomes one a second."""
LOAD_SECONDS = 120.0
FILES = sorted(FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def watched(
    kafka: str, postgres: Databases, valkey_server: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("boards")
    url = postgres.database()
    redis = {"POINTS_REDIS__URL": str(getattr(valkey_server, "redis_url", ""))}
    with Engine(kafka, url, f"{folder.name}.", folder) as engine, SinksProcess() as sinks:
        shops, lane = BusyShops(engine.prepare(), folder), BusyLane(engine, sinks)
        know_members(lane)
        running = [engine.run(kind, **redis, **lane.environment) for kind in WORKERS]
        with Prometheus(folder / "prometheus", FASTER) as prometheus:
            watch(prometheus, (worker.url() for worker in running))
            yield busy_day(prometheus, engine, shops, sinks, LOAD_SECONDS)
    postgres.drop(url)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_has_data(watched: Watched, file: Path) -> None:
    assert empty_queries(watched, json.loads(file.read_text())) == []


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
