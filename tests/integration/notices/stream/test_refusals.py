"""What ends the lane's reader with 4, and a sentence for the operator."""

import psycopg
import pytest
from confluent_kafka import TopicPartition

from tests.support.engine import Engine, wait_for
from tests.support.notices.reading import MISSED_SOON, Reader, positions, produce, wait_read


def _gap(lane: Engine, *left_out: str) -> Reader:
    produce(lane, 100)
    reader = Reader(lane).wait_ready()
    wait_read(lane, 100)
    assert reader.terminate() == 0
    produce(lane, 200)
    parts = [TopicPartition(lane.topics["points_changed"], p, 80) for p in range(lane.partitions)]
    for future in lane.admin.delete_records(parts).values():
        future.result(20)
    return Reader(lane, *left_out)


def test_records_that_retention_took_end_it_with_4_and_a_sentence(lane: Engine) -> None:
    reader = _gap(lane)
    assert reader.wait() == 4
    (line,) = reader.lines("refused")
    assert "outside the log" in line["why"]
    assert "points notices cursor adopt" in line["why"]


def test_a_recreated_topic_ends_it_with_4(lane: Engine) -> None:
    produce(lane, 10)
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    wait_read(lane, 10)
    lane.delete_topics("points_changed")
    lane.create_topics("points_changed")
    assert reader.wait() == 4
    assert "recreated" in reader.lines("refused")[0]["why"]
    again = Reader(lane, **MISSED_SOON)
    assert again.wait() == 4
    assert "recreated" in again.lines("refused")[0]["why"]


@pytest.mark.parametrize("more", [2, 0], ids=["and more comes", "and nothing comes"])
def test_a_cursor_that_is_set_back_is_noticed(lane: Engine, more: int) -> None:
    """A dead letter that is redriven may be the last record for days."""
    produce(lane, 10)
    reader = Reader(lane, **MISSED_SOON).wait_ready()
    wait_read(lane, 10)
    with psycopg.connect(lane.database_url) as connection:
        connection.execute(
            "UPDATE notices.cursor SET next_offset = 2, applied = 2 WHERE topic = %s",
            [lane.topics["points_changed"]],
        )
    if more:
        produce(lane, more)
    assert reader.wait() == 4
    assert "was set back" in reader.lines("refused")[0]["why"]
    Reader(lane, **MISSED_SOON)
    wait_for("all again", lambda: set(positions(lane).values()) == {(10 + more) // lane.partitions})
