"""Cursors, pauses, status and doctor: what an operator sees and does when a topic changes."""

from datetime import UTC, datetime, timedelta

from confluent_kafka import TopicPartition

from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.upstream import hex_id, order

SHOP = "shop-a"


def fed(engine: Engine, records: int) -> None:
    """So many orders are consumed, and no worker is left."""
    engine.merchant(SHOP)
    # Ready means joined: one that leaves while it joins keeps the group waiting for it.
    worker = engine.run("intake").wait_ready()
    engine.produce([order(SHOP, hex_id("o", n), hex_id("m"), 100) for n in range(records)])
    engine.wait_consumed(records)
    worker.terminate()


def cursors(engine: Engine, topic: str = "orders") -> dict[tuple[int, bool], dict[str, int]]:
    """By partition, and whether the row is of the topic that is there now."""
    rows = [
        r
        for r in points(engine.environment, "cursor", "show", "--json").json
        if r["topic"] == engine.topics[topic]
    ]
    uuid = {r["topic_uuid"] for r in rows}
    newest = (
        str(max(rows, key=lambda r: r["updated_at"] or "")["topic_uuid"])
        if len(uuid) > 1
        else uuid.pop()
    )
    return {(r["partition"], r["topic_uuid"] == newest): r for r in rows}


def test_cursors_are_shown_with_their_counts(engine: Engine) -> None:
    fed(engine, 12)
    rows = points(engine.environment, "cursor", "show", "--json").json
    assert sum(r["applied"] for r in rows) == 12
    assert all(r["next_offset"] - r["first_offset"] == r["applied"] for r in rows)
    assert engine.topics["orders"] in points(engine.environment, "cursor", "show").out


def test_nothing_to_adopt_where_all_is_well(engine: Engine) -> None:
    fed(engine, 4)
    assert points(engine.environment, "cursor", "adopt", "--json").json == []


def test_recreated_topic_is_adopted_only_when_told_to(engine: Engine) -> None:
    fed(engine, 12)
    engine.delete_topics("orders")
    engine.create_topics("orders")
    doctor = points(engine.environment, "doctor")
    assert doctor.code == 4
    assert "was recreated" in doctor.out
    asked = points(engine.environment, "cursor", "adopt")
    assert asked.code == 2
    assert "These will start again" in asked.out
    assert "add --yes" in asked.err
    adopted = points(engine.environment, "cursor", "adopt", "--yes", "--json").json
    assert sorted((p["partition"], p["start"]) for p in adopted) == [(0, 0), (1, 0)]
    rows = cursors(engine)
    assert sum(rows[p, False]["applied"] for p in (0, 1)) == 12
    assert [rows[p, True]["next_offset"] for p in (0, 1)] == [0, 0]
    assert points(engine.environment, "cursor", "adopt", "--yes", "--json").json == []
    engine.run("intake")
    engine.produce([order(SHOP, hex_id("o", 99), hex_id("m"), 100)])
    engine.wait_consumed(13)


def test_log_cut_by_retention_is_adopted_and_the_former_row_stays(engine: Engine) -> None:
    fed(engine, 12)
    engine.produce([order(SHOP, hex_id("late", n), hex_id("m"), 100) for n in range(12)])
    cut = {n: row["next_offset"] + 2 for (n, _), row in cursors(engine).items()}
    places = [TopicPartition(engine.topics["orders"], n, offset) for n, offset in cut.items()]
    for future in engine.admin.delete_records(places).values():
        future.result(20)
    adopted = points(engine.environment, "cursor", "adopt", "--yes", "--json").json
    assert {p["partition"]: p["start"] for p in adopted} == cut
    assert all("2 offsets from" in p["why"] for p in adopted)
    rows = [
        r
        for r in points(engine.environment, "cursor", "show", "--json").json
        if r["topic"] == engine.topics["orders"]
    ]
    assert sum(r["applied"] for r in rows if r["retired"]) == 12
    assert all(
        r["next_offset"] - r["first_offset"]
        == sum(r[c] for c in ("applied", "duplicate", "ignored", "parked", "dead"))
        for r in rows
    )
    engine.run("intake")
    wait_for("the rest consumed", lambda: engine.consumed() == 12 + 12 - 4)


def test_offset_needs_its_partition_and_must_lie_in_the_log(engine: Engine) -> None:
    fed(engine, 6)
    engine.delete_topics("orders")
    engine.create_topics("orders")
    assert points(engine.environment, "cursor", "adopt", "--from", "5", "--yes").code == 2
    assert points(engine.environment, "cursor", "adopt", "--from", "soon", "--yes").code == 2
    beyond = ("--from", "9" * 5_000, "--partition", "0", "--yes")
    assert points(engine.environment, "cursor", "adopt", *beyond).code == 2
    ran = points(engine.environment, "cursor", "adopt", "--from", "5", "--partition", "0", "--yes")
    assert ran.code == 2
    assert "outside the log" in ran.err
    latest = points(
        engine.environment,
        "cursor",
        "adopt",
        "--from",
        "latest",
        "--partition",
        "1",
        "--yes",
        "--json",
    ).json
    assert [p["partition"] for p in latest] == [1]


def test_status_tells_lag_due_outbox_and_letters(engine: Engine) -> None:
    engine.merchant(SHOP, pending_days=3)
    worker = engine.run("intake").wait_ready()
    today = datetime.now(UTC) - timedelta(minutes=5)
    records = [
        order(SHOP, hex_id("o", n), hex_id("m"), 100, delivery="arrived", at=today)
        for n in range(20)
    ]
    engine.produce(records)
    engine.wait_consumed(len(records))
    worker.terminate()
    engine.produce(records[:5])
    engine.move_clock(5 * 86_400)
    status = points(engine.environment, "status", "--json").json
    assert sum(c["lag"] for c in status["cursors"]) == 5
    assert status["due"]["planned"] == status["due"]["overdue"] == 20
    assert status["outbox"]["rows"] == 1
    assert status["outbox"]["oldest"]
    assert (status["paused"], status["dead_letters"]["all"], status["merchants"]) == ([], 0, 1)
    shown = points(engine.environment, "status").out
    assert "no relay is running" in shown
    assert "lag" in shown


def test_status_tells_the_database_s_part_without_a_broker(engine: Engine) -> None:
    fed(engine, 2)
    ran = points(
        {**engine.environment, "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "status", "--json"
    )
    assert ran.code == 7
    assert '"lag": null' in ran.out
    assert "cannot be reached" in ran.err


def test_doctor_is_content_with_a_new_installation(engine: Engine) -> None:
    ran = points(engine.environment, "doctor", "--json")
    assert ran.code == 0, ran
    assert {f["verdict"] for f in ran.json} <= {"ok", "warning"}
    assert any(f["what"].startswith("schema: revision") for f in ran.json)


def test_doctor_names_what_is_missing(engine: Engine) -> None:
    engine.produce([order("unsettled", hex_id("o"), hex_id("m"), 100)])
    worker = engine.run("intake").wait_ready()
    engine.wait_consumed(1)
    worker.terminate()
    engine.delete_topics("dlq_orders")
    ran = points(engine.environment, "doctor")
    assert ran.code == 4
    assert f"{engine.topics['dlq_orders']} missing" in ran.out
    assert "settings: 1 merchant without: unsettled" in ran.out


def test_paused_pipeline_is_told_and_resumed(engine: Engine) -> None:
    fed(engine, 3)
    engine.rows(
        "INSERT INTO pipeline_state (pipeline, paused_us, reason) "
        "VALUES ('intake', 1, 'too much') RETURNING 1"
    )
    doctor = points(engine.environment, "doctor")
    assert doctor.code == 1
    assert "✗ pipeline intake: paused: too much" in doctor.out
    assert [
        p["pipeline"] for p in points(engine.environment, "status", "--json").json["paused"]
    ] == ["intake"]
    answer = points(engine.environment, "resume", "--json").json
    assert answer == {"resumed": ["intake"], "grace": 1000}
    graces = "SELECT sum(grace_position), count(*) FROM cursor"
    total, partitions = engine.rows(graces)[0]
    assert total == 3 + 1000 * partitions
    assert points(engine.environment, "resume", "intake", "--json").json["resumed"] == []
    assert points(engine.environment, "resume", "nonsense").code == 6


def test_strict_resume_forgives_nothing(engine: Engine) -> None:
    fed(engine, 3)
    engine.rows(
        "INSERT INTO pipeline_state (pipeline, paused_us, reason) "
        "VALUES ('intake', 1, 'too much') RETURNING 1"
    )
    assert points(engine.environment, "resume", "intake", "--strict", "--json").json == {
        "resumed": ["intake"],
        "grace": 0,
    }
    assert engine.value("SELECT sum(grace_position) FROM cursor") == 3
