"""What a worker counts when its group hands partitions around (points_rebalances)."""

import signal

from tests.support.engine import Engine, Worker, wait_for

NAME = "points_rebalances_total"


def rebalances(worker: Worker, event: str) -> float:
    return worker.metric(NAME, event=event)


def test_a_worker_counts_partitions_assigned_revoked_and_lost(engine: Engine) -> None:
    first = engine.run("commands").wait_ready()
    assert f'{NAME}{{event="lost"}} 0.0' in first.get("/metrics")[1]
    assert rebalances(first, "assigned") >= 1
    assert rebalances(first, "revoked") == 0

    second = engine.run("commands").wait_ready()
    wait_for("its part given up", lambda: rebalances(first, "revoked") >= 1)
    wait_for("the other's part", lambda: rebalances(second, "assigned") >= 1)
    assert rebalances(first, "lost") == rebalances(second, "lost") == 0

    before = rebalances(second, "assigned")
    first.process.send_signal(signal.SIGSTOP)
    wait_for("the partitions of who hangs", lambda: rebalances(second, "assigned") > before)
    first.process.send_signal(signal.SIGCONT)
    wait_for("taken for dead", lambda: rebalances(first, "lost") >= 1)
    assert rebalances(second, "lost") == 0


def test_what_a_worker_reads_is_counted_from_0(engine: Engine) -> None:
    page = engine.run("commands").wait_ready().get("/metrics")[1]
    topic = engine.topics["commands"]
    assert f'points_consumed_records_total{{topic="{topic}"}} 0.0' in page
    for outcome in ("applied", "duplicate", "ignored", "parked", "dead"):
        series = f'points_processed_records_total{{outcome="{outcome}",topic="{topic}"}} 0.0'
        assert series in page
