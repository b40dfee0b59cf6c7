"""What the lane's reader cannot read, and what producers do that ours do not."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from store.postgres import session
from store.streams import quarantine
from tests.support.bad_input.raw_records import send_raw
from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.notices.lane import as_lane
from tests.support.notices.reading import Reader, positions, produce, read, uneven, wait_read


def test_header_names_that_are_not_utf8_stop_nothing(lane: Engine) -> None:
    topic = lane.topics["points_changed"]
    for name in (b"\xe9tage", b"\xff\xfe", b"\xed\xa0\x80"):
        headers = [(b"good", b"1"), (name, b"x")]
        send_raw(lane.bootstrap, topic, b"\xff", b"n", headers)
    send_raw(lane.bootstrap, topic, b"\xff", b"poison", [(b"caf\xe9", b"x"), (b"good", b"1")])
    produce(lane, 8)
    reader = Reader(lane)
    wait_read(lane, 11)
    wait_for("the dead letter", lambda: lane.value("SELECT count(*) FROM notices.quarantine"))
    key, value, headers = lane.rows("SELECT key, value, headers FROM notices.quarantine")[0]
    assert (bytes(key), bytes(value)) == (b"\xff", b"poison")
    assert b"good" in bytes(headers)
    assert "caf\N{REPLACEMENT CHARACTER}" in bytes(headers).decode()
    reader.wait_ready()
    assert sum(read(lane).values()) == 11
    assert uneven(lane) == 0


def test_a_dead_letter_that_fails_again_is_open_again(lane: Engine) -> None:
    topic = lane.topics["points_changed"]
    send_raw(lane.bootstrap, topic, b"\xff", b"poison", [])
    send_raw(lane.bootstrap, topic, b"\xff", b"poison that is given up", [])
    reader = Reader(lane).wait_ready()
    wait_for("two dead letters", lambda: len(_letters(lane)) == 2)
    first, second = (row["id"] for row in _letters(lane))
    assert points(lane.environment, "notices", "dlq", "discard", str(second)).code == 0
    assert points(lane.environment, "notices", "dlq", "redrive", str(first)).code == 0
    assert [row["redriven_at"] is None for row in _letters(lane)] == [False, True]
    assert reader.wait() == 4
    Reader(lane)
    wait_for("the letter again", lambda: _letters(lane)[0]["redriven_at"] is None)
    given_up = "SELECT id FROM notices.quarantine WHERE discarded_us IS NOT NULL"
    assert lane.rows(given_up) == [(second,)]


def _letters(lane: Engine) -> list[Any]:
    listed = points(lane.environment, "notices", "dlq", "list", "--json").json
    return list(listed)


def _in_transactions(lane: Engine, topic: str, counts: Sequence[int] = (3, -5, 2)) -> None:
    """In partition 0: 3 records and a marker, 5 aborted ones and a marker, 2 and a marker."""
    producer = Producer(
        {"bootstrap.servers": lane.bootstrap, "transactional.id": f"{lane.prefix}t", "log_level": 0}
    )
    producer.init_transactions(30)
    for count in counts:
        commit = count > 0
        producer.begin_transaction()
        for _ in range(abs(count)):
            producer.produce(lane.topics[topic], b"n" if commit else b"aborted", partition=0)
        producer.flush(20)
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)


def test_markers_and_aborted_records_of_other_topics_are_counted_and_passed(lane: Engine) -> None:
    _in_transactions(lane, "customers")
    produce(lane, lane.partitions, topic="customers")
    Reader(lane)
    wait_read(lane, 5 + lane.partitions, "customers")
    values = lane.rows("SELECT DISTINCT value FROM notices.read_record")
    assert [bytes(value) for (value,) in values] == [b"n"]
    where = "SELECT next_offset, applied, control FROM notices.cursor WHERE control > 0"
    assert lane.rows(where) == [(14, 6, 8)]
    assert uneven(lane) == 0


@pytest.mark.parametrize("topic", ["customers", "notices_feedback"])
def test_markers_at_the_end_of_a_log_leave_nothing_to_be_read(lane: Engine, topic: str) -> None:
    _in_transactions(lane, topic)
    reader = Reader(lane).wait_ready()
    wait_for("the end of the log", lambda: positions(lane, topic).get(0) == 13)
    wait_for("no lag", lambda: _lag(reader, lane.topics[topic]) == 0)
    where = "SELECT next_offset, applied, control FROM notices.cursor WHERE control > 0"
    assert lane.rows(where) == [(13, 5, 8)]
    # What comes behind follows on it.
    _in_transactions(lane, topic)
    wait_for("the end of the log", lambda: positions(lane, topic).get(0) == 26)
    assert sum(read(lane, topic).values()) == 10
    assert uneven(lane) == 0


def test_a_reader_that_is_stopped_has_passed_the_markers(lane: Engine) -> None:
    """Once retention has taken them, nothing tells them from records that were lost."""
    _in_transactions(lane, "customers")
    reader = Reader(lane)
    wait_read(lane, 5, "customers")
    assert reader.terminate() == 0
    assert positions(lane, "customers")[0] == 13
    assert uneven(lane) == 0


def test_the_end_of_our_own_topic_is_not_passed_without_a_record(lane: Engine) -> None:
    for topic in ("points_changed", "customers"):
        _in_transactions(lane, topic, (3,))
    reader = Reader(lane)
    wait_for("the end of the other log", lambda: positions(lane, "customers").get(0) == 4)
    assert positions(lane)[0] == 3
    produce(lane, 1)
    assert reader.wait() == 4


def _lag(reader: Reader, topic: str) -> float:
    return reader.metric("points_lag_messages", topic=topic)


def test_an_offset_without_a_record_in_our_own_topic_ends_it_with_4(lane: Engine) -> None:
    _in_transactions(lane, "points_changed")
    reader = Reader(lane)
    assert reader.wait() == 4
    (line,) = reader.lines("refused")
    assert "records are missing" in line["why"]
    assert "points notices cursor adopt" in line["why"]
    assert read(lane).keys() <= {(0, 0), (0, 1), (0, 2)}
    # Without the check nobody would hear of it.
    Reader(lane, "gap")
    wait_for("the record behind", lambda: (0, 11) in read(lane))


def test_poison_goes_to_the_lanes_dead_letters_and_too_much_of_it_pauses(lane: Engine) -> None:
    reader = Reader(lane).wait_ready()
    produce(lane, 5)
    produce(lane, 1, value="poison:shop-a")
    produce(lane, 1, value="bad")
    wait_for("two dead letters", lambda: lane.value("SELECT count(*) FROM notices.quarantine") == 2)
    wait_read(lane, 5)
    rows = lane.rows("SELECT reason, value FROM notices.quarantine ORDER BY reason")
    assert [(reason, bytes(value)) for reason, value in rows] == [
        ("cannot_apply", b"bad"),
        ("not_json", b"poison:shop-a"),
    ]
    assert "secret-text" not in reader.output
    assert lane.value("SELECT sum(dead)::int FROM notices.cursor") == 2
    assert lane.value("SELECT count(*) FROM notices.outbox WHERE kind = 12") == 2
    assert lane.value("SELECT count(*) FROM quarantine") == 0
    produce(lane, 200, value="poison")
    wait_for("paused", lambda: "paused" in reader.get("/readyz")[1])
    reader.wait_metric("points_pipeline_paused", 1, pipeline="notices")
    assert sum(positions(lane).values()) < 5 + 2 + 200
    assert orjson.loads(reader.get("/healthz")[1])["ok"]
    with_resume(lane)
    wait_for("all of it", lambda: lane.value("SELECT sum(dead)::int FROM notices.cursor") == 202)
    reader.wait_ready()
    assert sum(positions(lane).values()) == 5 + 2 + 200
    assert uneven(lane) == 0


def with_resume(lane: Engine) -> None:
    """As an operator does."""
    with (
        as_lane(lane.database_url) as connection,
        session.transaction(connection) as cursor,
    ):
        assert quarantine.resume(cursor, "notices", 1000)
