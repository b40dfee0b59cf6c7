"""A chunk opens the week in which its notices lie, and not all that are kept."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from schemas.ids import DAY
from schemas.notices.ids import first_id
from schemas.notices.words import Channel, State
from store.notices.sending import queue, settling
from store.notices.sending.queue import Mark, Marked, Taken, least_id
from store.notices.sending.settling import Settled
from store.notices.sending.weeks import ALL_WEEKS, table_of
from store.postgres.session import Cursor, transaction
from tests.support.notices.rows import Rows

LEASE_US = 60_000_000
WEEK = 7 * DAY
REACH = 3 * WEEK


def taken(rows: Rows, count: int) -> list[Taken]:
    """Notices in hand."""
    shop, least = rows.shop("shop"), least_id(rows.now(), REACH)
    with transaction(rows.connection) as cursor:
        return queue.claim(cursor, Channel.sms, [(shop, count)], "a", LEASE_US, least)


def marked(rows: Rows, cursor: Cursor, hand: Sequence[Taken]) -> list[Marked]:
    """They may be written."""
    marks = [
        Mark(each.notice_id, each.sequence, "mitake", 1, 202611, None, each.changed_us)
        for each in hand
    ]
    least = least_id(rows.now(), REACH)
    return list(queue.mark(cursor, marks, "a", LEASE_US, least)().values())


def settled(cursor: Cursor, ids: Sequence[UUID]) -> int:
    """They were sent; how many."""
    done = [Settled(each, State.sending, 1, State.sent, provider_parts=1) for each in ids]
    return len(settling.settle(cursor, done))


def opened(cursor: Cursor) -> set[str]:
    """The weeks that the transaction has locked."""
    query = """SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
               WHERE l.pid = pg_backend_pid() AND c.relname ~ '^notice_w[0-9]{5}$'"""
    return {name for (name,) in cursor.execute(query.encode()).fetchall()}


@pytest.fixture
def many_weeks(rows: Rows) -> Rows:
    """Notices are kept for ten weeks."""
    for number in range(10):
        rows.admin.execute("SELECT notices.ensure_partition(%s)", [rows.now() - number * WEEK])
    return rows


def test_a_chunk_opens_its_own_week_alone(many_weeks: Rows) -> None:
    rows = many_weeks
    ids = rows.notices(3)
    this_week = table_of(min(ids), max(ids))
    hand = taken(rows, 3)
    with transaction(rows.connection) as cursor:
        sent = marked(rows, cursor, hand)
        assert queue.still_ours(cursor, sent) == set(ids)
        assert settled(cursor, ids) == 3
        assert opened(cursor) == {this_week}
    assert rows.states() == {"sent": 3}
    rows.check_meter()


def test_a_chunk_of_two_weeks_is_sent_as_well(many_weeks: Rows) -> None:
    rows = many_weeks
    ids = [rows.notice(), rows.notice(recorded_us=rows.now() - WEEK)]
    hand = taken(rows, 2)
    assert table_of(min(ids), max(ids)) == ALL_WEEKS
    with transaction(rows.connection) as cursor:
        sent = marked(rows, cursor, hand)
        assert queue.still_ours(cursor, sent) == set(ids)
        assert settled(cursor, ids) == 2
    assert rows.states() == {"sent": 2}


@pytest.mark.parametrize("days", [0, 3.5, 6.999_999, 7, 400])
def test_a_weeks_table_is_the_one_that_the_database_makes(rows: Rows, days: float) -> None:
    at = rows.now() - int(days * DAY)
    rows.admin.execute("SELECT notices.ensure_partition(%s)", [at])
    query = """SELECT c.relname FROM pg_class c
               WHERE c.relname = %s AND c.relnamespace = 'notices'::regnamespace"""
    name = table_of(first_id(at), first_id(at))
    assert rows.value(query, name) == name
    (found,) = rows.notices(1, recorded_us=at)
    where = "SELECT tableoid::regclass::text FROM notices.notice WHERE notice_id = %s"
    assert rows.value(where, found).rpartition(".")[2] == name


def test_the_lane_may_write_to_weeks_as_to_all_of_them(rows: Rows) -> None:
    notice = rows.notice()
    name = table_of(notice, notice)
    for right, has in (("SELECT", True), ("UPDATE", True), ("INSERT", False), ("DELETE", False)):
        query = f"SELECT has_table_privilege('points_notices', 'notices.{name}', '{right}')"
        assert rows.value(query) is has
