"""What producers do that ours do not: raw headers, transactions, more partitions, odd times."""

import orjson
import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from schemas.events import CursorAdopted
from tests.support.bad_input.raw_records import send_raw
from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Record, hex_id, order

SHOP = "shop-a"
MEMBER = hex_id("m")
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def granted(number: int) -> bytes:
    """An order that is granted at once, 10 points."""
    value = order(SHOP, hex_id("o", number), MEMBER, 100, delivery="arrived").value
    assert value is not None
    return value


def test_header_names_that_are_not_utf8_stop_nothing(engine: Engine) -> None:
    engine.merchant(SHOP)
    topic = engine.topics["orders"]
    names = (b"\xe9tage", b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80")
    # Several times: once it is warm, the interpreter does not look whether a call has failed.
    for number, name in enumerate(names * 6):
        headers = [(b"good", b"1"), (name, b"x"), (b"traceparent", TRACE)]
        send_raw(engine.bootstrap, topic, b"k", granted(number), headers)
    send_raw(engine.bootstrap, topic, b"k", b"{", [(b"caf\xe9", b"x")])
    engine.produce([Record("orders", "k", granted(99))])
    worker = engine.run("intake")
    engine.run("relay")
    engine.wait_consumed(26)
    assert engine.counts()["applied"] == 25
    assert engine.counts()["dead"] == 1
    engine.wait_published()
    assert engine.balances() == {(SHOP, MEMBER): 250}
    assert len(engine.events("dlq_orders")) == 1
    assert worker.lines("crashed") == []


def test_only_a_trace_in_w3cs_form_reaches_the_public_topic(engine: Engine) -> None:
    engine.merchant(SHOP)
    values = [TRACE, b"x" * 5000, TRACE.upper(), None]
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    for number, value in enumerate(values):
        producer.produce(
            engine.topics["orders"], granted(number), "k", headers=[("traceparent", value)]
        )
    producer.flush(20)
    engine.run("intake")
    engine.run("relay")
    engine.wait_consumed(4)
    engine.wait_published()
    traces = [dict(event.headers() or []).get("traceparent") for event in engine.events()]
    assert sorted(traces, key=repr) == sorted([TRACE, None, None, None], key=repr)


def transactions(engine: Engine) -> Producer:
    """A transactional producer."""
    producer = Producer(
        {
            "bootstrap.servers": engine.bootstrap,
            "transactional.id": f"{engine.prefix}t",
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    return producer


def send(producer: Producer, engine: Engine, numbers: range, *, commit: bool = True) -> None:
    """One transaction in partition 0."""
    producer.begin_transaction()
    for number in numbers:
        producer.produce(engine.topics["orders"], granted(number), partition=0)
    producer.flush(20)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_markers_and_aborted_records_move_the_position(engine: Engine) -> None:
    engine.merchant(SHOP)
    worker = engine.run("intake").wait_ready()
    producer = transactions(engine)
    send(producer, engine, range(3))
    send(producer, engine, range(10, 15), commit=False)
    send(producer, engine, range(3, 5))
    send(producer, engine, range(20, 25), commit=False)
    engine.wait_consumed(5)
    # 3 + 1, 5 + 1, 2 + 1 and 5 + 1 offsets: the last ones hold nothing for us.
    where = "SELECT next_offset, applied, control FROM cursor WHERE applied > 0"
    wait_for("the end reached", lambda: engine.rows(where) == [(19, 5, 14)])
    assert engine.balances() == {(SHOP, MEMBER): 50}
    wait_for("no lag", lambda: worker.metric("points_lag_messages") == 0)
    uneven = """SELECT * FROM cursor WHERE next_offset - first_offset
                <> applied + duplicate + ignored + parked + dead + control"""
    assert engine.rows(uneven) == []


def test_a_log_trimmed_behind_the_last_marker_has_lost_nothing(engine: Engine) -> None:
    engine.merchant(SHOP)
    worker = engine.run("intake").wait_ready()
    producer = transactions(engine)
    send(producer, engine, range(3))
    engine.wait_consumed(3)
    wait_for("the marker", lambda: engine.value("SELECT max(next_offset) FROM cursor") == 4)
    for future in engine.admin.delete_records(
        [TopicPartition(engine.topics["orders"], 0, -1)]
    ).values():
        future.result(20)
    # A running intake goes back to the database's cursor.
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'points-intake' AND datname = current_database()"
        )
    send(producer, engine, range(3, 6))
    engine.wait_consumed(6)
    assert worker.process.poll() is None
    assert worker.terminate() == 0
    again = engine.run("intake").wait_ready()
    send(producer, engine, range(6, 7))
    engine.wait_consumed(7)
    assert again.lines("refused") == []
    assert points(engine.environment, "cursor", "adopt", "--json").json == []


@pytest.mark.slow
def test_partitions_that_are_added_are_read_within_half_a_minute(engine: Engine) -> None:
    engine.merchant(SHOP)
    worker = engine.run("intake").wait_ready()
    topic = engine.topics["orders"]
    engine.admin.create_partitions([NewPartitions(topic, 4)])[topic].result(20)
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})

    def written() -> bool:
        errors: list[object] = []
        for number in range(4):
            producer.produce(
                topic,
                granted(number),
                partition=number,
                on_delivery=lambda error, _: errors.append(error) if error else None,
            )
        return producer.flush(20) == 0 and not errors

    wait_for("written to all four", written)
    wait_for(
        "all four read",
        lambda: (
            engine.rows(
                "SELECT partition FROM cursor WHERE topic = %s AND next_offset > 0 ORDER BY 1",
                topic,
            )
            == [(0,), (1,), (2,), (3,)]
        ),
        30,
    )
    assert worker.lines("crashed") == []


def test_where_no_record_is_none_is_skipped(engine: Engine) -> None:
    """Neither one that has not come yet, nor one that retention took."""
    engine.merchant(SHOP)
    engine.produce([Record("orders", "k", granted(0))])
    worker = engine.run("intake").wait_ready()
    engine.wait_consumed(1)
    worker.terminate()
    [(partition, at)] = engine.rows("SELECT partition, next_offset FROM cursor WHERE applied > 0")
    skip = ("cursor", "skip", engine.topics["orders"], str(partition))
    ended = points(engine.environment, *skip, str(at), "--yes")
    engine.produce([Record("orders", "k", granted(n)) for n in (1, 2)])
    gone = TopicPartition(engine.topics["orders"], partition, at + 1)
    for future in engine.admin.delete_records([gone]).values():
        future.result()
    lost = points(engine.environment, *skip, str(at), "--yes")
    assert (ended.code, lost.code) == (4, 4)
    assert "there is no record yet" in ended.err
    assert "points cursor adopt" in lost.err
    assert engine.value("SELECT count(*) FROM quarantine") == 0
    assert engine.value("SELECT max(next_offset) FROM cursor") == at


def test_an_operator_skips_the_record_that_nothing_gets_past(engine: Engine) -> None:
    engine.merchant(SHOP)
    engine.produce([Record("orders", "k", granted(n)) for n in range(3)])
    worker = engine.run("intake").wait_ready()
    engine.wait_consumed(3)
    worker.terminate()
    [(partition, at)] = engine.rows("SELECT partition, next_offset FROM cursor WHERE applied > 0")
    engine.produce([Record("orders", "k", granted(n)) for n in (3, 4)])
    skip = ("cursor", "skip", engine.topics["orders"], str(partition))
    wrong = points(engine.environment, *skip, str(at + 1), "--yes")
    assert wrong.code == 4
    assert f"that is {at}" in wrong.err
    assert points(engine.environment, *skip, str(at)).code == 2, "nobody was asked"
    assert points(engine.environment, "cursor", "skip", "nowhere", "0", "0", "--yes").code == 6
    with psycopg.connect(engine.database_url) as connection:
        connection.execute("SELECT FROM cursor FOR UPDATE")
        assert points(engine.environment, *skip, str(at), "--yes").code == 5
    done = points(engine.environment, *skip, str(at), "--yes", "--json").json
    assert done["next_offset"] == at + 1
    [row] = engine.rows('SELECT reason, "offset", value FROM quarantine')
    assert (row[0], row[1], bytes(row[2])) == ("skipped", at, granted(3))
    engine.run("intake")
    engine.run("relay")
    engine.wait_consumed(5)
    engine.wait_published()
    assert engine.balances() == {(SHOP, MEMBER): 40}
    [letter] = engine.events("dlq_orders")
    assert orjson.loads(letter.value())["merchant_id"] == SHOP
    moves = [CursorAdopted.model_validate_json(m.value()) for m in engine.events("settings")[1:]]
    assert [(m.partition, m.former_next_offset, m.start) for m in moves] == [
        (partition, at, at + 1)
    ]
    assert "skipped" in moves[0].why
