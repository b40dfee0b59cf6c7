"""A shop's month has so many parts of SMS: senders keep to it together, and say once that it ended.

What they send is marked and settled as they do it, on connections of their own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from processors.notices.sending.chunks.months import LimitReached
from processors.notices.sending.in_hand.hand import Sent
from schemas.ids import MINUTE
from schemas.notices.words import State
from store.notices.sending import limits
from store.notices.sending.settling import Settled
from store.postgres.session import raw, transaction
from tests.support.engine import wait_for
from tests.support.notices.rows import Rows
from tests.support.notices.sender import MONTH, Sender

LIMIT = 3
REACHED = [LimitReached("shop", MONTH, LIMIT)]


@pytest.fixture
def senders(rows: Rows) -> Iterator[tuple[Sender, Sender]]:
    both = Sender(rows, "a", limit=LIMIT), Sender(rows, "b", limit=LIMIT)
    yield both
    for each in both:
        each.connection.close()


def became(sent: list[Sent], state: State) -> list[Settled]:
    """What an answer makes of messages."""
    return [Settled(s.marked.notice_id, State.sending, s.marked.attempt, state) for s in sent]


def at_once(
    rows: Rows, first: Sender, second: Sender, wanted: int
) -> tuple[list[Sent], list[Sent]]:
    """Both take as many, the second while the first one is looking what may go."""
    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event = 'advisory'"""
    with ThreadPoolExecutor(1) as thread:
        started = []

        def looking() -> None:
            first.looking = None
            started.append(thread.submit(second.turn, wanted))
            wait_for("the other one", lambda: started[0].done() or rows.value(waits))

        first.looking = looking
        return first.turn(wanted), started[0].result()


def test_two_senders_at_once_keep_to_a_months_limit_and_tell_it_once(
    rows: Rows, senders: tuple[Sender, Sender]
) -> None:
    first, second = senders
    rows.notices(6)
    sent, none = at_once(rows, first, second, 3)
    assert (len(sent), none) == (LIMIT, [])
    # What is being sent may come to nothing: the others wait for that, and are not skipped yet.
    assert rows.states() == {"sending": LIMIT, "waiting": 3}
    assert first.turn(0, became(sent, State.sent)) == []
    rows.move_clock(2)
    assert at_once(rows, first, second, 2) == ([], [])
    assert rows.states() == {"sent": LIMIT, "skipped": 3}
    assert first.used_up + second.used_up == REACHED
    found = limits.reached(raw(rows.connection), rows.shop("shop"), MONTH)
    assert found is not None
    assert (found.limit, found.skipped) == (LIMIT, 3)
    assert 0 <= rows.now() - found.since < MINUTE
    rows.check_meter()


def test_one_chunk_keeps_to_what_is_left_of_a_month(
    rows: Rows, senders: tuple[Sender, Sender]
) -> None:
    first, _ = senders
    rows.notices(LIMIT + 2)
    sent = first.turn(LIMIT + 2)
    assert len(sent) == LIMIT
    assert rows.states() == {"sending": LIMIT, "waiting": 2}
    first.turn(0, became(sent, State.sent))
    rows.move_clock(2)
    assert first.turn(LIMIT) == []
    assert rows.states() == {"sent": LIMIT, "skipped": 2}


def test_what_came_to_nothing_leaves_its_parts_to_others(
    rows: Rows, senders: tuple[Sender, Sender]
) -> None:
    first, second = senders
    ids = rows.notices(LIMIT + 1)
    sent = first.turn(LIMIT)
    assert second.turn(1) == []
    first.turn(0, became(sent, State.failed))
    rows.move_clock(2)
    (last,) = second.turn(1)
    assert {*(each.marked.notice_id for each in sent), last.marked.notice_id} == {*ids}
    assert (first.used_up, second.used_up) == ([], [])


def test_a_month_begins_by_the_clock_of_the_shop(
    rows: Rows, senders: tuple[Sender, Sender]
) -> None:
    first, _ = senders
    rows.notices(2 * LIMIT)
    first.turn(0, became(first.turn(LIMIT), State.sent))
    # A new year in Taipei, and not in Greenwich.
    first.month_of = lambda _, zone: 202701 if zone == "Asia/Taipei" else MONTH
    sent = first.turn(LIMIT)
    assert {rows.of(each.marked.notice_id, "month") for each in sent} == {202701}
    assert len(sent) == LIMIT
    first.turn(0, became(sent, State.sent))
    assert [(month, parts) for _, month, _, _, _, parts, _, _ in rows.meter()] == [
        (MONTH, LIMIT),
        (202701, LIMIT),
    ]


def test_the_next_month_is_another(rows: Rows) -> None:
    shop = rows.shop("shop")
    of: list[tuple[int, set[int]]] = [(MONTH, {shop}), (MONTH, set()), (202612, {shop})]
    for month, told in of:
        with transaction(rows.connection) as cursor:
            left = limits.LeftOut(shop, month, LIMIT, 2)
            assert limits.leave_out(cursor, [left]) == told
    query = "SELECT month, skipped FROM notices.limit_reached ORDER BY month"
    assert rows.admin.execute(query).fetchall() == [(MONTH, 4), (202612, 2)]
