"""What waits in tables is seen, however little is done about it."""

import time
from datetime import UTC, datetime

import psycopg
import pytest

from processors import metrics
from processors.expiry import Expiry
from processors.watch.waiting import Waiting
from schemas.ids import DAY, MINUTE, SECOND, Micros
from store.postgres import session
from store.postgres.session import Database, raw, transaction
from store.streams import outbox
from store.streams.outbox import Event, OutboxKind
from tests.integration.processors.test_expiry import earn, hold
from tests.support.engine import Engine
from tests.support.in_process import InProcessEngine, report
from tests.support.operate.watching import shown
from tests.support.upstream import hex_id, order


@pytest.fixture
def quiet(in_process: InProcessEngine) -> InProcessEngine:
    """An engine of which nothing waits, not even what came of its merchants' settings.

    Workers that ran in this process before, of another engine, show nothing any more either.
    """
    metrics.PIPELINE_PAUSED.clear()
    with psycopg.connect(in_process.database_url) as other:
        other.execute("DELETE FROM outbox")
        other.execute("DELETE FROM recheck")
    return in_process


def look(connection: Database, waiting: Waiting | None = None) -> None:
    """Reads all gauges once."""
    for part in (waiting or Waiting(["intake", "commands"])).parts:
        part(raw(connection))


def test_an_empty_database_has_nothing_that_waits(quiet: InProcessEngine) -> None:
    look(quiet.first.connection)
    for name in (
        "oldest_due_timestamp_seconds",
        "due_rows",
        "recheck_rows",
        "recheck_oldest_timestamp_seconds",
        "parked_reports",
        "parked_oldest_timestamp_seconds",
        "live_holds",
        "oldest_overdue_hold_timestamp_seconds",
        "open_jobs",
        "outbox_refused_rows",
    ):
        assert shown(f"points_{name}") == 0, name
    assert shown("points_pipeline_paused", pipeline="intake") == 0


def test_grants_that_nobody_makes_are_overdue_and_counted(quiet: InProcessEngine) -> None:
    quiet.merchant("shop-a", pending_days=1)
    arrived = datetime.now(UTC)
    quiet.first.consume(
        *(
            order("shop-a", hex_id("o", n), hex_id("m"), 100, delivery="arrived", at=arrived)
            for n in "ab"
        )
    )
    connection = quiet.first.connection
    look(connection)
    assert (shown("points_due_rows"), shown("points_oldest_due_timestamp_seconds")) == (0, 0)
    quiet.move_clock(3 * 86_400)
    look(connection)
    due = quiet.value("SELECT min(due_us) FROM due") / SECOND
    assert (shown("points_due_rows"), shown("points_oldest_due_timestamp_seconds")) == (2, due)


def test_live_and_overdue_holds_are_gauges(engine: Engine) -> None:
    engine.merchant("shop-a")
    now: Micros = engine.value("SELECT points_now()")
    earn(engine, now + DAY, now)
    hold(engine, now + MINUTE, now)

    def holds() -> tuple[float | None, float | None]:
        look(connection)
        return (
            shown("points_live_holds"),
            shown("points_oldest_overdue_hold_timestamp_seconds"),
        )

    with session.connect(engine.database_url) as connection:
        assert holds() == (1, 0)
        engine.move_clock(70)
        assert holds() == (1, (now + MINUTE) / SECOND)
        assert Expiry(connection).expire() == 1
        assert holds() == (0, 0)


def test_the_outbox_is_as_old_as_its_oldest_event(quiet: InProcessEngine) -> None:
    connection, waiting = quiet.first.connection, Waiting([])
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    event = b'{"recorded_at": "%s"}' % at.isoformat().encode()
    with transaction(connection) as cursor:
        outbox.add_events(cursor, [Event(0, event), Event(0, b"{}" * 200_000), Event(1, b"{")])
        outbox.add_heartbeats(cursor, [b"beat"] * outbox.EVENT_SHARDS)
    quiet.value("DELETE FROM outbox WHERE shard = 1 RETURNING 1")
    look(connection, waiting)
    assert shown("points_outbox_rows") == 2
    assert shown("points_outbox_oldest_timestamp_seconds") == at.timestamp()


def test_other_rows_of_the_outbox_are_as_old_as_they_are_seen(quiet: InProcessEngine) -> None:
    connection, waiting = quiet.first.connection, Waiting([])
    with transaction(connection) as cursor:
        outbox.add(cursor, [(OutboxKind.DEAD_ORDERS, None, b"{", None)])
    before = time.time()
    look(connection, waiting)
    first = shown("points_outbox_oldest_timestamp_seconds")
    look(connection, waiting)
    assert shown("points_outbox_oldest_timestamp_seconds") == first
    assert first is not None
    assert before <= first <= time.time()


def test_dead_letters_are_told_by_topic_with_the_oldest(quiet: InProcessEngine) -> None:
    connection, waiting = quiet.first.connection, Waiting([])
    rows = [("o", 1, 5), ("o", 2, 3), ("d", 1, 9)]
    with psycopg.connect(quiet.database_url) as other:
        other.cursor().executemany(
            """INSERT INTO quarantine (pipeline, topic, topic_uuid, partition, "offset",
                 timestamp_us, reason, message, partition_position, received_us)
               VALUES ('intake', %s, 'u', 0, %s, 0, 'r', 'm', 1, %s * 1000000)""",
            [(topic, offset + ord(topic), at) for topic, offset, at in rows],
        )
    look(connection, waiting)
    assert [shown("points_quarantine_records", topic=topic) for topic in "od"] == [2, 1]
    name = "points_quarantine_oldest_timestamp_seconds"
    assert [shown(name, topic=topic) for topic in "od"] == [3, 9]
    with psycopg.connect(quiet.database_url) as other:
        other.execute("UPDATE quarantine SET discarded_us = 1 WHERE received_us > 3000000")
    look(connection, waiting)
    assert [shown("points_quarantine_records", topic=topic) for topic in "od"] == [1, 0]
    assert [shown(name, topic=topic) for topic in "od"] == [3, 0]


def test_parked_reports_and_the_recheck_queue_have_ages(quiet: InProcessEngine) -> None:
    worker = quiet.first
    worker.consume(report("T-1", "13", datetime.now(UTC)))
    with psycopg.connect(quiet.database_url) as other:
        other.execute("INSERT INTO recheck (kind, merchant_no, key) VALUES (1, 1, 'x')")
    waiting, before = Waiting([]), time.time()
    look(worker.connection, waiting)
    assert shown("points_parked_reports") == 1
    assert shown("points_recheck_rows") == quiet.value("SELECT count(*) FROM recheck")
    parked = quiet.value("SELECT first_us FROM parked_record") / SECOND
    assert shown("points_parked_oldest_timestamp_seconds") == parked
    first = shown("points_recheck_oldest_timestamp_seconds")
    look(worker.connection, waiting)
    assert shown("points_recheck_oldest_timestamp_seconds") == first
    assert (first or 0) >= before


def test_a_pause_is_seen_while_no_intake_runs(quiet: InProcessEngine) -> None:
    with psycopg.connect(quiet.database_url) as other:
        other.execute("INSERT INTO pipeline_state VALUES ('intake', points_now(), 'poison')")
    look(quiet.first.connection)
    assert shown("points_pipeline_paused", pipeline="intake") == 1
    assert shown("points_pipeline_paused", pipeline="commands") == 0


def test_a_pause_of_the_notices_lane_is_seen_while_none_of_its_workers_runs(
    quiet: InProcessEngine,
) -> None:
    waiting = Waiting(["intake"])

    def paused_after(*statements: bytes) -> float | None:
        with psycopg.connect(quiet.database_url) as other:
            for statement in statements:
                other.execute(statement)
        look(quiet.first.connection, waiting)
        return shown("points_pipeline_paused", pipeline="notices")

    # Where the lane is not used, nothing of it is shown.
    assert paused_after() is None
    assert paused_after(b"INSERT INTO notices.cursor SELECT (c).* FROM cursor c") == 0
    pause = b"INSERT INTO notices.pipeline_state VALUES ('notices', points_now(), 'poison')"
    assert paused_after(pause) == 1
    resume = b"UPDATE notices.pipeline_state SET paused_us = NULL, reason = NULL"
    assert paused_after(resume) == 0
    assert paused_after(b"DELETE FROM notices.cursor") is None
