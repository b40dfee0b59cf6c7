"""What every kind of worker exports, while all of them run."""

import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from processors.registry import ENGINE, WORKERS
from schemas.notices.words import Channel
from tests.support.engine import Engine, Worker, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.servers import Databases
from tests.support.upstream import CREATED, Trade, hex_id, order

PROMTOOL = shutil.which("promtool")
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def lane(
    kafka: str, postgres: Databases, valkey_server: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusyLane]:
    """`points run all` with the notices lane, where a day's orders were granted and told.

    One of them has a trace.
    """
    url = postgres.database()
    with (
        Engine(kafka, url, "pages.", tmp_path_factory.mktemp("pages")) as engine,
        SinksProcess() as sinks,
    ):
        engine.prepare()
        lane = BusyLane(engine, sinks)
        trade = Trade(50, ["shop-a", "shop-b"])
        for merchant in trade.merchants:
            engine.merchant(merchant)
        lane.settle_in(trade.merchants)
        lane.know([("shop-a", hex_id("m"))])
        redis = {"POINTS_REDIS__URL": valkey_server.redis_url}
        tree = engine.run("all", "--intakes", "1", **redis, **lane.environment)
        records = trade.records()
        engine.produce(records)
        engine.wait_consumed(len(records))
        # In a batch of its own: of many records only the slowest are asked for their trace.
        # One is final at once, one in some seconds, so that its grant is planned.
        producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
        for number, at in enumerate((CREATED, datetime.now(UTC) + timedelta(seconds=5))):
            traced = order("shop-a", hex_id(number), hex_id("m"), 100, delivery="arrived", at=at)
            producer.produce(
                engine.topics["orders"], traced.value, headers=[("traceparent", TRACE)]
            )
        assert producer.flush(20) == 0
        engine.wait_consumed(len(records) + 2)
        engine.wait_published()
        wait_for("the watch", lambda: "points_due_rows 0" in page(tree, "watch"))
        wait_for("what was told", lambda: lane.notices("state = 'sent'") >= 2)
        wait_for("its lag", lambda: "points_lag_messages{" in page(tree, "notices"))
        metered = {f'points_notices_meter_difference{{provider="{p}"}}' for p in ("mitake", "smtp")}
        wait_for("the meter", lambda: metered <= series(page(tree, "notices-send")))
        yield lane
        assert tree.terminate() == 0
    postgres.drop(url)


@pytest.fixture(scope="module")
def engine_(lane: BusyLane) -> Engine:
    """The engine beside it."""
    return lane.engine


@pytest.fixture(scope="module")
def running(engine_: Engine) -> Worker:
    """The tree of its workers."""
    return engine_.workers[0]


def page(tree: Worker, kind: str) -> str:
    return tree.get("/metrics", kind)[1]


def exported(text: str) -> set[str]:
    """The names of a page's metrics, as the catalogue has them."""
    lines = [line.split() for line in text.splitlines() if line.startswith("# TYPE ")]
    return {
        name.removesuffix("_total") if kind == "counter" else name
        for _, _, name, kind in lines
        if not name.startswith("process_")
    }


@pytest.mark.parametrize("kind", WORKERS)
def test_promtool_finds_no_fault_in_a_page(running: Worker, kind: str) -> None:
    if PROMTOOL is None:
        pytest.skip("promtool is not here: apt-get install prometheus")
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=page(running, kind),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("kind", WORKERS)
def test_a_worker_exports_what_the_catalogue_says_and_nothing_else(
    running: Worker, kind: str
) -> None:
    text = page(running, kind)
    assert exported(text) == WORKERS[kind].exports
    assert f'points_worker_up{{worker="{kind}"}} 1.0' in text
    assert "points_build_info{" in text
    assert [name for name in series(text) if name.partition("{")[0].endswith("_created")] == []


@pytest.mark.parametrize("kind", ENGINE)
def test_the_phases_of_the_loop_are_all_of_its_time(running: Worker, kind: str) -> None:
    name = "points_loop_seconds_total"

    def phases() -> dict[str, float]:
        return {p: running.metric(name, kind, phase=p) for p in ("poll", "decide", "database")}

    wait_for("all phases", lambda: all(phases().values()))


def test_the_catalogue_in_the_docs_says_which_kind_exports_what(running: Worker) -> None:
    catalogue = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in catalogue.read_text("utf-8").splitlines()
        if line.startswith("| `points_")
    ]
    for kind in WORKERS:
        said = {
            name.removesuffix("_total")
            for name, _, _, by in rows
            if by == "all workers"
            or (by == "all workers of the engine" and kind in ENGINE)
            or kind in by.replace("`", "").split(", ")
        }
        assert said == exported(page(running, kind))


def asked(tree: Worker, kind: str, accept: str) -> tuple[str, str]:
    """Content type and body of a page for one who accepts this."""
    url = f"{tree.url(kind)}/metrics"
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - our own http URL
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return answer.headers["Content-Type"], answer.read().decode()


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("intake", "points_event_to_commit_seconds"),
        ("grants", "points_grant_lateness_seconds"),
        ("relay", "points_end_to_end_seconds"),
    ],
)
def test_an_exemplar_leads_to_a_trace_where_open_metrics_is_asked_for(
    running: Worker, kind: str, metric: str
) -> None:
    exemplar = f'# {{trace_id="{TRACE[3:35].decode()}"}}'

    def lines() -> list[str]:
        content_type, text = asked(running, kind, OPEN_METRICS)
        assert content_type.startswith("application/openmetrics-text")
        assert text.endswith("# EOF\n")
        return [line for line in text.splitlines() if exemplar in line]

    found = wait_for("the exemplar", lines)
    assert all(line.startswith(f"{metric}_bucket{{") for line in found)
    content_type, text = asked(running, kind, "text/plain")
    assert content_type.startswith("text/plain")
    assert "trace_id" not in text


def series(text: str) -> set[str]:
    """The names and labels of a page's samples."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def test_no_label_grows_with_merchants_members_or_orders(running: Worker, engine_: Engine) -> None:
    def a_shop_each(first: int, last: int) -> None:
        before = engine_.consumed()
        records = [
            order(hex_id("s", n), hex_id("o", n), hex_id("m", n), 500, delivery="arrived")
            for n in range(first, last)
        ]
        engine_.produce(records)
        engine_.wait_consumed(before + len(records))

    a_shop_each(0, 20)
    wait_for(
        "the lane is sampled",
        lambda: any(SAMPLED in series(page(running, kind)) for kind in WORKERS),
    )
    before = {kind: series(page(running, kind)) for kind in WORKERS}
    a_shop_each(20, 1020)
    for kind in WORKERS:
        assert series(page(running, kind)) - MAY_COME == before[kind] - MAY_COME


SAMPLED = 'points_pipeline_paused{pipeline="notices"}'
MAY_COME = {
    f'points_notices_oldest_waiting_timestamp_seconds{{channel="{channel}"}}' for channel in Channel
}
"""What is there only while a notice waits."""
