"""A busy day of shops that a Prometheus watches, and what of the boards has no data then."""

import time
from collections.abc import Iterable
from typing import Any

from deploy.grafana.draw import Span, lines_of, panels_of
from deploy.local.sinks.process import SinksProcess
from processors.registry import WORKERS
from tests.support.engine import Engine, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.busy_shops import MEMBERS, SHOPS, BusyShops, a_member
from tests.support.operate.prometheus import Prometheus

ONLY_IN_TROUBLE = {
    # What no healthy minute has: a panel with these must have something else to show.
    "points_refused_records_total",
    "points_left_out_partitions",
    "points_purged_reports_total",
}


class Watched:
    """The Prometheus that has seen the day, and which part of time that was."""

    def __init__(self, prometheus: Prometheus, began: float) -> None:
        self.url = prometheus.url
        self.span = Span(began, time.time(), 2.0, 8.0)


def know_members(lane: BusyLane) -> None:
    """The lane tells the members of the busy shops."""
    lane.settle_in(SHOPS)
    lane.know((shop, a_member(n)) for shop in SHOPS for n in range(MEMBERS))


def watch(prometheus: Prometheus, workers: Iterable[str]) -> None:
    """Scrapes workers, one of each kind, by their addresses, until all are ready."""
    prometheus.scrape(workers)
    up = "count(points_worker_ready == 1)"
    wait_for(
        "every worker scraped and ready",
        lambda: prometheus.query(up) and int(prometheus.query(up)[0]["value"][1]) == len(WORKERS),
        120.0,
    )


def busy_day(
    prometheus: Prometheus, engine: Engine, shops: BusyShops, sinks: SinksProcess, seconds: float
) -> Watched:
    """Load for so many seconds, with a pause that is resumed, and a provider that is cut off."""
    began = time.time()
    shops.go_on(seconds / 3)
    shops.give_to_many()
    shops.open_late()
    shops.poison(60)
    shops.go_on(seconds / 6)
    wait_for("the pause is scraped", lambda: prometheus.query("max(points_pipeline_paused) == 1"))
    assert engine.command("resume", "intake").returncode == 0
    shops.go_on(seconds / 6)
    # A mail waits from here on, and its provider is cut off.
    sinks.become("smtp", mood="credentials")
    shops.go_on(seconds / 6)
    cut_off = 'max(points_notices_breaker_open{provider="smtp"}) == 1'
    wait_for("the breaker is scraped", lambda: prometheus.query(cut_off))
    sinks.become("smtp", mood="normal")
    shops.go_on(seconds / 6)
    return Watched(prometheus, began)


def empty_queries(watched: Watched, board: Any) -> list[str]:
    """The queries of a board that nothing answers, though no trouble is needed for it."""
    empty = []
    for panel in panels_of(board):
        answered = lines_of(watched.url, panel, watched.span)
        assert any(answered.values()), f"{panel['title']} has no data"
        empty += [
            f"{panel['title']}: {target['expr']}"
            for target in panel["targets"]
            if not answered[target["refId"]]
            and not any(name in target["expr"] for name in ONLY_IN_TROUBLE)
        ]
    return empty
