"""How many rows statements read: those that they are about, however many lie between them.

PostgreSQL knows little of a week that has just begun; nothing here was ever analyzed.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from schemas.ids import MINUTE
from schemas.notices.words import State
from store.notices.deciding import deciding
from store.notices.deciding.deciding import Brought
from store.notices.sending import queue, settling
from store.notices.sending.queue import Mark, least_id
from store.notices.sending.settling import Receipt, Settled
from store.postgres.session import Cursor, transaction
from tests.support.notices.rows import REACH, Rows

AMONG = 2_000
FEW = 20
MONTH = 202611
READ = """SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint
          FROM pg_stat_xact_all_tables WHERE relname LIKE 'notice\\_w%'"""

Does = Callable[[Cursor, Sequence[UUID], int], object]


def settle(cursor: Cursor, ids: Sequence[UUID], _: int) -> object:
    return settling.settle(cursor, [Settled(each, State.sending, 1, State.sent) for each in ids])


def receive(cursor: Cursor, ids: Sequence[UUID], _: int) -> object:
    return settling.receipt(cursor, [Receipt(each, delivered=True) for each in ids]).changed


def mark(cursor: Cursor, ids: Sequence[UUID], now: int) -> object:
    marks = [Mark(each, 7, "mitake", 1, MONTH, b"", now) for each in ids]
    return queue.mark(cursor, marks, "a", MINUTE, least_id(now, REACH))()


def withdraw(cursor: Cursor, ids: Sequence[UUID], now: int) -> object:
    return deciding.bring_up(cursor, [Brought(each, 0, 0, 8, gone=True) for each in ids], now)


@pytest.mark.parametrize(
    ("does", "state"),
    [
        (settle, State.sending),
        (receive, State.sending),
        (mark, State.claimed),
        (withdraw, State.waiting),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_notices_far_apart_are_read_without_those_between(
    rows: Rows, does: Does, state: State
) -> None:
    now = rows.now()
    columns: dict[str, Any] = {"attempt": 1, "sender": "a", "lease_us": now + 9 * MINUTE}
    columns |= {"month": MONTH, "provider": "mitake", "parts": 1, "recorded_us": now}
    columns["changed_us"] = now
    few = sorted(rows.notices(AMONG, state=state, **columns))[:: AMONG // FEW]
    with transaction(rows.connection) as cursor:
        assert does(cursor, few, now)
        read = cursor.execute(READ.encode()).fetchone()
    assert rows.states()[state] == AMONG - FEW
    assert read is not None
    assert FEW <= read[0] <= 5 * FEW
