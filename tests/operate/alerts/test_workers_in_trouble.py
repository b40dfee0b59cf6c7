"""Workers that are locked out, killed again and again, or miss a topic; and their runbooks."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest

from tests.support.engine import Engine, Worker, wait_for
from tests.support.operate.following import Operator
from tests.support.operate.prometheus import Prometheus
from tests.support.upstream import hex_id, order

pytestmark = pytest.mark.slow
SILENT = 40.0
"""Seconds without a word after which a worker counts as ended, and some more."""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """One that scrapes every 0.75 seconds."""
    with Prometheus(tmp_path / "prometheus", 20) as started:
        yield started


def where(worker: Worker, kind: str | None = None) -> str:
    """The label `instance` of its alerts."""
    return worker.url(kind).removeprefix("http://")


def doctor(engine: Engine) -> str:
    """What doctor says now."""
    return engine.command("doctor").stdout


def doctor_says(engine: Engine, sentence: str) -> None:
    """Returns once it does: workers write how they are every five seconds."""
    wait_for(sentence, lambda: sentence in doctor(engine))


def test_a_lock_makes_a_relay_not_ready_and_its_holder_is_named(engine: Engine) -> None:
    relay = engine.run("relay").wait_ready()
    operator = Operator(engine, INSTANCE=where(relay))
    with psycopg.connect(engine.database_url) as administrator:
        administrator.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        wait_for("not ready", lambda: relay.get("/readyz")[0] == 503)
        doctor_says(engine, "worker relay: not ready: database: ")
        holder = f"pid {administrator.info.backend_pid}"
        operator.look(
            "PointsWorkerNotReady",
            {
                'curl -s "http://$INSTANCE/readyz"': "database: ",
                "points doctor": rf"(?s)✗ locks: .*outbox.*{holder}.*worker relay: not ready",
            },
            wrong={"points doctor": 1, "points status": 7},
        )
        said = engine.command("status").stderr
        assert "did not answer in time" in said
        assert "`points doctor` names who holds a lock" in said
    relay.wait_ready()


def starts(tree: Worker, kind: str) -> list[int]:
    """The process ids of a kind, in the order of their starts."""
    return [line["pid"] for line in tree.lines("child_started") if line["child"] == kind]


def is_ready(tree: Worker, kind: str, times: int) -> bool:
    """Whether the process of a kind that was started as the n-th can do its work."""
    served = [line for line in tree.lines("serving") if line["worker"] == kind]
    return len(served) == times and tree.get("/readyz", kind)[0] == HTTPStatus.OK


def test_a_worker_that_is_killed_again_and_again_is_counted(
    engine: Engine, prometheus: Prometheus
) -> None:
    tree = engine.run("intake", "grants")
    for times in (1, 2, 3):
        wait_for("ready", partial(is_ready, tree, "intake", times))
        os.kill(starts(tree, "intake")[-1], signal.SIGKILL)
    wait_for("ready again", partial(is_ready, tree, "intake", 4))
    operator = Operator(engine, PROMETHEUS=prometheus.url, INSTANCE=where(tree, "grants"))
    engine.move_clock(SILENT)
    sentence = "worker intake: ended without being asked 3 times in ten minutes"
    doctor_says(engine, sentence)
    # Members that were killed are in the group until their session ends.
    wait_for("grants is heard of", lambda: "worker grants: 1 running" in doctor(engine))
    with operator.nothing_changes():
        for alert in ("PointsWorkerRestarting", "PointsRebalanceStorm"):
            operator.look(alert, {"points doctor": f"✗ {sentence}"}, wrong={"points doctor": 1})
        prometheus.scrape([tree.url("grants")])
        up = 'points_worker_up{worker="grants"} == 1'
        wait_for("scraped", lambda: prometheus.query(up))
        seen = 'curl -s "$PROMETHEUS/api/v1/query?query=points_worker_up"'
        health = 'curl -s "http://$INSTANCE/healthz"'
        shows = {health: "ok", seen: "grants", "points doctor": "worker grants: 1 running"}
        operator.look("PointsTargetDown", shows, wrong={"points doctor": 1})


def test_without_its_topics_watch_fails_and_no_heartbeat_comes_back(engine: Engine) -> None:
    engine.delete_topics("heartbeat", "customers")
    running = [engine.run("relay").wait_ready(), engine.run("watch")]
    missing = engine.topics["heartbeat"]
    wait_for("missed", lambda: missing in running[1].get("/readyz")[1])
    operator = Operator(engine)
    ends = {"points doctor": 4}
    with operator.nothing_changes():
        shows = {"points doctor": f"✗ topics: .*{missing}.* missing"}
        operator.look("PointsWatchFailing", shows, ends)
        shows |= {"points status": r"outbox +0", "points outbox list": "no rows were refused"}
        operator.look("PointsHeartbeatStale", shows, ends)
    operator.fix("PointsHeartbeatStale", "points topics apply")
    wait_for("back", lambda: running[1].metric("points_heartbeat_seconds_count") > 0)
    running[1].wait_ready()
    assert [worker.terminate() for worker in running] == [0, 0]


def test_accounts_that_contradict_themselves_are_named_by_watch(engine: Engine) -> None:
    engine.merchant("shop-a")
    member = hex_id("anna")
    engine.produce([order("shop-a", hex_id("o"), member, 1_000, delivery="arrived")])
    intake, watch = engine.run("intake").wait_ready(), engine.run("watch")
    engine.wait_consumed(1)
    assert intake.terminate() == 0
    with psycopg.connect(engine.database_url) as somebody:
        somebody.execute("UPDATE account SET available = available + 1")
    gauge = "points_invariant_violations"
    wait_for("seen", lambda: watch.metric(gauge, invariant="I2") == 1)
    operator = Operator(engine)
    operator.look("PointsInvariantViolated", {"points cursor show": "orders"})
    (line,) = watch.lines("account_contradicts")
    named = {"MERCHANT": line["merchant_id"], "MEMBER": line["member_id"]}
    assert named == {"MERCHANT": "shop-a", "MEMBER": member}
    assert "granted" in operator.fix("PointsInvariantViolated", "points history", **named)
    operator.fix("PointsInvariantViolated", "points member show", **named)
    operator.fix("PointsInvariantViolated", "points member assign", **named)
    assert watch.terminate() == 0
