"""The partitions of the weeks of notices."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from schemas.ids import DAY, Micros
from store.postgres.session import Database, transaction
from tests.support.engine import wait_for
from tests.support.notices.decided import DecidingLane
from tests.support.notices.lane import as_lane

WAITS = """
    SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE d.datname = current_database() AND locktype = 'advisory'
                   AND NOT granted)"""
WEEKS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'notices.notice'::regclass"


def _ensure(connection: Database, at: Micros) -> None:
    with transaction(connection) as cursor:
        cursor.execute("SELECT ensure_partition($1)", [at])


def test_two_workers_that_meet_a_week_first_make_its_partition_once(lane: DecidingLane) -> None:
    other, at = as_lane(lane.url), 400 * DAY
    before = lane.rows(WEEKS)[0][0]
    _ensure(other, at - 7 * DAY)  # so that it knows the function, and that there is no such week
    with closing(other), ThreadPoolExecutor(1) as executor:
        with transaction(lane.connection) as cursor:
            cursor.execute("SELECT ensure_partition($1)", [at])
            second = executor.submit(_ensure, other, at)
            wait_for("the other worker to wait", lambda: lane.rows(WAITS)[0][0])
        second.result()
    assert lane.rows(WEEKS)[0][0] == before + 2
