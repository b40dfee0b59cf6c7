"""Dead letters: listed, shown without personal data, sent back as they were, given up."""

from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Record, hex_id, order, poison

SECRET = (
    b'{"topic":"order/create","merchant_id":"652beb35931dcd0042ce172c",'
    b'"resource":{"name":"Lin Fictional","phone":"0900000001"}}'
)
BROKEN = b"\xff\xfe\x00 not text"


@pytest.fixture
def letters(engine: Engine) -> Engine:
    """Three records nobody can read, in quarantine and in the dead-letter topic."""
    engine.merchant("shop-a")
    engine.run("intake")
    engine.run("relay")
    engine.produce(
        [Record("orders", "0900000001", SECRET), Record("orders", None, BROKEN), poison("shop-a")]
    )
    engine.wait_consumed(3)
    engine.wait_published()
    return engine


def ids(engine: Engine) -> dict[bytes, int]:
    return {
        bytes(value): number for number, value in engine.rows("SELECT id, value FROM quarantine")
    }


def test_all_rows_are_listed_with_their_coordinates(letters: Engine) -> None:
    rows = points(letters.environment, "dlq", "list", "--json").json
    assert len(rows) == 3
    for row in rows:
        assert set(row) == {
            "id",
            "topic",
            "partition",
            "offset",
            "reason",
            "message",
            "received_at",
            "redriven_at",
        }
        assert row["topic"] == letters.topics["orders"]
    assert "open" in points(letters.environment, "dlq", "list").out


def test_shown_without_what_may_be_personal(letters: Engine) -> None:
    for arguments in (("--json",), ()):
        shown = points(letters.environment, "dlq", "show", str(ids(letters)[SECRET]), *arguments)
        assert shown.code == 0
        assert "652beb35931dcd0042ce172c" in shown.out
        assert [word for word in ("Lin", "Fictional", "0900000001") if word in shown.out] == []
    assert "ff fe 00" in points(letters.environment, "dlq", "show", str(ids(letters)[BROKEN])).out


def test_redriven_as_it_was_once(letters: Engine) -> None:
    number = str(ids(letters)[SECRET])
    before = {(m.partition(), m.offset()): m for m in letters.events("orders")}
    assert points(letters.environment, "dlq", "redrive", number, "--json").json == {
        "redriven": [int(number)]
    }
    letters.wait_consumed(4)
    (new,) = [m for m in letters.events("orders") if (m.partition(), m.offset()) not in before]
    (old,) = [m for m in before.values() if m.value() == SECRET]
    assert (new.value(), new.key(), new.timestamp()) == (old.value(), old.key(), old.timestamp())
    assert new.headers() == [("__points.redrive", number.encode())]
    rows = {row["id"]: row for row in points(letters.environment, "dlq", "list", "--json").json}
    assert rows[int(number)]["redriven_at"] is not None
    refused = points(letters.environment, "dlq", "redrive", number)
    assert refused.code == 5
    assert "redriven or discarded already" in refused.err
    assert points(letters.environment, "dlq", "redrive", number, "--again", "--json").code == 0


def test_redrive_all_leaves_out_what_is_done(letters: Engine) -> None:
    known = ids(letters)
    assert points(letters.environment, "dlq", "discard", str(known[BROKEN]), "--json").json == {
        "discarded": [known[BROKEN]]
    }
    redriven = points(letters.environment, "dlq", "redrive", "--all", "--json").json["redriven"]
    assert set(redriven) == set(known.values()) - {known[BROKEN]}
    assert points(letters.environment, "dlq", "redrive", "--all", "--json").code == 0
    assert "discarded" in points(letters.environment, "dlq", "list").out


def test_a_record_that_can_be_read_by_now_takes_effect(engine: Engine, tmp_path: Path) -> None:
    del tmp_path
    engine.merchant("shop-a")
    good = order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")
    engine.run("intake")
    engine.run("relay")
    engine.produce([poison("shop-a")])
    engine.wait_consumed(1)
    engine.rows("UPDATE quarantine SET value = %s RETURNING id", good.value)
    assert points(engine.environment, "dlq", "redrive", "--all").code == 0
    engine.wait_consumed(2)
    assert engine.balances() == {("shop-a", hex_id("m")): 100}


def test_wrong_ids_are_refused_whole(letters: Engine) -> None:
    number = str(ids(letters)[BROKEN])
    for command in ("redrive", "discard"):
        ran = points(letters.environment, "dlq", command, number, "987654")
        assert ran.code == 6
        assert "987654" in ran.err
    assert points(letters.environment, "dlq", "show", "987654").code == 6
    assert all(
        row["redriven_at"] is None
        for row in points(letters.environment, "dlq", "list", "--json").json
    )
    assert points(letters.environment, "dlq", "redrive").code == 2
    assert points(letters.environment, "dlq", "redrive", number, "--all").code == 2


def test_record_of_a_topic_that_is_gone_is_not_redriven(letters: Engine) -> None:
    letters.rows(
        "UPDATE quarantine SET topic = 'gone-for-good' WHERE value = %s RETURNING id", BROKEN
    )
    ran = points(letters.environment, "dlq", "redrive", str(ids(letters)[BROKEN]))
    assert ran.code == 4
    assert "gone-for-good" in ran.err
    assert letters.value("SELECT count(*) FROM outbox WHERE kind = 7") == 0


def test_headers_come_back_untouched(engine: Engine) -> None:
    engine.run("intake")
    engine.run("relay")
    headers = [("x", None), ("x", b"\xff"), ("traceparent", b"00-1")]
    producer = Producer({"bootstrap.servers": engine.bootstrap})
    producer.produce(engine.topics["orders"], BROKEN, headers=list(headers))
    assert producer.flush(20) == 0
    engine.wait_consumed(1)
    assert points(engine.environment, "dlq", "redrive", "--all").code == 0
    engine.wait_consumed(2)
    number = orjson.dumps(engine.value("SELECT min(id) FROM quarantine"))
    messages = sorted(engine.events("orders"), key=lambda m: len(m.headers()))
    assert messages[1].headers() == [*headers, ("__points.redrive", number)]


def test_bytes_are_forgotten_after_14_days_and_the_rest_of_the_row_stays(letters: Engine) -> None:
    letters.move_clock(14 * 86_400 + 60)
    letters.run("cleanup")
    wait_for(
        "bytes forgotten",
        lambda: letters.value("SELECT count(*) FROM quarantine WHERE purged_us IS NULL") == 0,
    )
    assert letters.rows("SELECT DISTINCT key, value, headers FROM quarantine") == [
        (None, None, None)
    ]
    assert len(points(letters.environment, "dlq", "list", "--json").json) == 3
    number = letters.value("SELECT min(id) FROM quarantine")
    refused = points(letters.environment, "dlq", "redrive", str(number), "--again")
    assert refused.code == 5
    assert "14 days" in refused.err
