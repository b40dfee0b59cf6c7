"""The lane's reader on a real Kafka and PostgreSQL: nothing is lost, and nothing is done twice."""

import psycopg

from tests.support.engine import Engine, wait_for
from tests.support.notices.reading import (
    Reader,
    lost_and_doubled,
    positions,
    produce,
    set_cursor,
    set_hint,
    uneven,
    wait_read,
)


def test_every_record_of_every_topic_has_one_row_and_the_counts_add_up(lane: Engine) -> None:
    topics = ("points_changed", "settings", "customers", "notices_feedback")
    for topic in topics:
        produce(lane, 500, topic=topic)
    reader = Reader(lane).wait_ready()
    for topic in topics:
        wait_read(lane, 500, topic)
        assert lost_and_doubled(lane, 500, topic) == (0, 0)
    assert uneven(lane) == 0
    wait_for("all counted", lambda: reader.metric("points_consumed_records_total") == 2000)
    wait_for("no lag", lambda: reader.metric("points_lag_messages") == 0)
    beats = "SELECT count(*) FROM notices.worker_beat WHERE kind = 'notices'"
    wait_for("a beat", lambda: lane.value(beats) == 1)
    assert reader.terminate() == 0
    assert lane.value("SELECT count(*) FROM notices.worker_beat") == 0


def _hint_and_cursor(lane: Engine, *left_out: str) -> tuple[int, int]:
    """700 read, the cursor set back to 300 and the hint at 700; what the next reader leaves out."""
    produce(lane, 700 * lane.partitions)
    first = Reader(lane).wait_ready()
    wait_read(lane, 700 * lane.partitions)
    assert first.terminate() == 0
    set_hint(lane, 700)
    set_cursor(lane, 300)
    with psycopg.connect(lane.database_url) as connection:
        connection.execute('DELETE FROM notices.read_record WHERE "offset" >= 300')
    produce(lane, 2)
    reader = Reader(lane, *left_out)
    wait_for(
        "the new records, or an end",
        lambda: set(positions(lane).values()) == {701} or reader.process.poll() is not None,
    )
    return lost_and_doubled(lane, 701 * lane.partitions)


def test_reading_begins_at_the_databases_cursor_and_not_at_kafkas_hint(lane: Engine) -> None:
    assert _hint_and_cursor(lane) == (0, 0)


def test_a_reader_that_follows_kafkas_hint_would_lose_what_lies_between(lane: Engine) -> None:
    lost, _ = _hint_and_cursor(lane, "cursor", "gap")
    assert lost >= 400 * lane.partitions
