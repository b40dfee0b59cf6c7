"""The notices lane's reader with one guard less: records are lost that it does not lose.

Where a crash may lose something, the readers follow Kafka's hint ("cursor", "gap"): what was
acknowledged too early would otherwise be hidden by the database's cursor, which is a guard as well.
"""

import pytest

from tests.support.engine import Engine, wait_for
from tests.support.notices.reading import (
    Reader,
    prepare,
    produce,
    read,
    set_hint,
)

COUNT = 10
"""Records before the one over which the process crashes."""


@pytest.fixture
def lane(engine: Engine) -> Engine:
    prepare(engine)
    return engine


def lost_over_a_crash(lane: Engine, *left_out: str) -> int:
    """How many of 11 records a crash over the last of them loses, once it is started again."""
    set_hint(lane, 0)
    produce(lane, COUNT)
    produce(lane, 1, value="crash")
    crashing = Reader(lane, "cursor", "gap", *left_out)
    assert crashing.wait() == 1
    Reader(lane, "cursor", "gap", "crash").wait_ready()
    produce(lane, lane.partitions, value="behind")
    wait_for("what lies behind", lambda: _behind(lane) == lane.partitions)
    return COUNT + 1 - (len(read(lane)) - lane.partitions)


def _behind(lane: Engine) -> int:
    return int(lane.value("SELECT count(*) FROM notices.read_record WHERE value = 'behind'"))


def test_ours_loses_nothing_even_where_it_follows_kafkas_hint(lane: Engine) -> None:
    assert lost_over_a_crash(lane) == 0


@pytest.mark.parametrize("guard", ["ack-after", "noack_take", "take"])
def test_what_acknowledges_otherwise_loses_what_it_had_in_hand(lane: Engine, guard: str) -> None:
    assert lost_over_a_crash(lane, guard) > 0


def test_without_the_crashing_supervisor_the_agent_goes_on_without_its_batch(lane: Engine) -> None:
    produce(lane, COUNT)
    produce(lane, 1, value="crash")
    reader = Reader(lane, "supervisor", "gap")
    wait_for("the crash", lambda: reader.lines("kafka_client") or "OSError" in reader.output)
    produce(lane, lane.partitions, value="behind")
    wait_for("what lies behind", lambda: _behind(lane) == lane.partitions)
    assert reader.process.poll() is None
    assert len(read(lane)) < COUNT + 1 + lane.partitions
