"""The lane's reader under faults: killed, rebalanced, crashed, and told to stop."""

import signal

import pytest

from tests.support.engine import PATIENCE, Engine, wait_for
from tests.support.notices.reading import (
    MISSED_SOON,
    Reader,
    lost_and_doubled,
    positions,
    produce,
    read,
    uneven,
    wait_read,
)


@pytest.mark.slow
def test_a_reader_that_is_killed_five_times_loses_nothing_and_doubles_nothing(lane: Engine) -> None:
    count = 6_000
    produce(lane, count)
    for killed in range(5):
        reader = Reader(lane, POINTS_NOTICES__BATCH="200", **MISSED_SOON)
        enough = min(killed * 800 + 1, count)
        wait_read(lane, enough)
        reader.kill()
    Reader(lane, **MISSED_SOON)
    wait_read(lane, count)
    assert lost_and_doubled(lane, count) == (0, 0)
    assert uneven(lane) == 0


@pytest.mark.slow
def test_a_second_reader_takes_its_share_and_gives_it_back(lane: Engine) -> None:
    first = Reader(lane, POINTS_NOTICES__BATCH="50").wait_ready()
    produce(lane, 3_000)
    wait_read(lane, 100)
    second = Reader(lane, POINTS_NOTICES__BATCH="50").wait_ready()
    produced = 3_000

    def takes_its_share() -> bool:
        nonlocal produced
        produce(lane, 50)  # the first reader may have read all before
        produced += 50
        return second.metric("points_consumed_records_total") > 0

    wait_for("its share", takes_its_share)
    wait_read(lane, produced)
    second.terminate()
    first.wait_ready()
    produce(lane, 500)
    wait_read(lane, produced + 500)
    assert (len(read(lane)), sum(read(lane).values())) == (produced + 500, produced + 500)
    assert uneven(lane) == 0
    wait_for(
        "the rebalance counted", lambda: first.metric("points_rebalances_total", event="revoked")
    )


@pytest.mark.slow
def test_a_frozen_reader_that_wakes_up_can_only_repeat(lane: Engine) -> None:
    frozen = Reader(lane, POINTS_NOTICES__BATCH="50", **MISSED_SOON).wait_ready()
    produce(lane, 2_000)
    wait_read(lane, 100)
    frozen.process.send_signal(signal.SIGSTOP)
    Reader(lane, **MISSED_SOON)
    # Frozen within a transaction it keeps its partition's cursor, until PostgreSQL ends that.
    wait_read(lane, 2_000, within=60 + PATIENCE)
    frozen.process.send_signal(signal.SIGCONT)
    produce(lane, 1_000)
    wait_read(lane, 3_000)
    assert sum(read(lane).values()) == 3_000
    assert uneven(lane) == 0


def test_trouble_of_the_machine_ends_the_process_with_1_within_seconds(lane: Engine) -> None:
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    produce(lane, 1, value="crash")
    wait_for("the crash", lambda: reader.lines("crashed") or reader.process.poll() is not None)
    assert reader.wait(60) == 1
    assert "OSError" in reader.lines("crashed")[0]["error"]
    assert set(positions(lane).values()) == {0}
    Reader(lane, **MISSED_SOON)  # the record is still there, and nothing was acknowledged
    wait_for("again", lambda: "crashed" in lane.workers[-1].output)


def test_a_batch_in_hand_is_finished_before_the_end(lane: Engine) -> None:
    reader = Reader(lane).wait_ready()
    produce(lane, 1, value="slow")
    wait_for(
        "the statement",
        lambda: lane.value(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(3)%%'"
            " AND application_name = 'points-notices'"
        ),
    )
    assert reader.terminate() == 0
    assert len(read(lane)) in {0, 1}
    assert uneven(lane) == 0
    assert sum(positions(lane).values()) == len(read(lane))


def test_a_reader_for_which_the_group_has_nothing_stands_by_and_is_ready(lane: Engine) -> None:
    readers = [Reader(lane, **MISSED_SOON).wait_ready() for _ in range(lane.partitions)]
    standby = Reader(lane, "late", **MISSED_SOON).wait_ready()
    produce(lane, 200)
    wait_read(lane, 200)
    readers[0].kill()
    produce(lane, 200)
    wait_read(lane, 400)
    assert standby.process.poll() is None
    assert sum(read(lane).values()) == 400
