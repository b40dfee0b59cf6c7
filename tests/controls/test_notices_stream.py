"""The notices lane's reader with one guard less: records are lost that it does not lose.

What an agent acknowledges becomes the group's offset, behind which nobody looks who begins there.
"""

import pytest

from tests.support.engine import Engine, wait_for
from tests.support.notices.reading import (
    Reader,
    hints,
    prepare,
    produce,
    read,
)

COUNT = 10
"""Records before the one over which the process crashes."""


@pytest.fixture
def lane(engine: Engine) -> Engine:
    prepare(engine)
    return engine


def lost_over_a_crash(lane: Engine, *left_out: str, batch: int = 1000) -> int:
    """Of 11 records, over the last of which the process crashes: acknowledged, and without a row.

    The reader follows the group's offsets, as without the database's cursor.
    """
    assert Reader(lane).wait_ready().terminate() == 0  # so that there are cursors
    produce(lane, COUNT)
    produce(lane, 1, value="crash")
    crashing = Reader(lane, "cursor", "gap", *left_out, POINTS_NOTICES__BATCH=str(batch))
    assert crashing.wait() == 1
    rows = read(lane)
    return sum(
        (partition, offset) not in rows
        for partition, hint in hints(lane).items()
        for offset in range(hint)
    )


def _behind(lane: Engine) -> int:
    return int(lane.value("SELECT count(*) FROM notices.read_record WHERE value = 'behind'"))


def test_ours_loses_nothing_even_where_it_follows_kafkas_hint(lane: Engine) -> None:
    assert lost_over_a_crash(lane) == 0


@pytest.mark.parametrize(
    ("guard", "batch"), [("ack-after", 1000), ("noack_take", COUNT + 1), ("take", 1000)]
)
def test_what_acknowledges_otherwise_loses_what_it_had_in_hand(
    lane: Engine, guard: str, batch: int
) -> None:
    assert lost_over_a_crash(lane, guard, batch=batch) > 0


def test_without_the_crashing_supervisor_the_agent_goes_on_without_its_batch(lane: Engine) -> None:
    produce(lane, COUNT)
    produce(lane, 1, value="crash")
    reader = Reader(lane, "supervisor", "gap")
    wait_for("the crash", lambda: "OSError" in reader.output)
    produce(lane, lane.partitions, value="behind")
    wait_for("what lies behind", lambda: _behind(lane) == lane.partitions)
    assert reader.process.poll() is None
    assert len(read(lane)) < COUNT + 1 + lane.partitions
