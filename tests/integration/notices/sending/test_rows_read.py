"""How many rows statements read: those that they are about, however many lie between them.

PostgreSQL knows little of a week that has just begun; nothing here was ever analyzed.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from schemas.notices.words import State
from store.notices import settling
from store.notices.settling import Receipt, Settled
from store.postgres.session import Cursor, transaction
from tests.support.notices.rows import Rows

AMONG = 2_000
FEW = 20
READ = """SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint
          FROM pg_stat_xact_all_tables WHERE relname LIKE 'notice\\_w%'"""

Does = Callable[[Cursor, Sequence[UUID]], object]


def settle(cursor: Cursor, ids: Sequence[UUID]) -> object:
    return settling.settle(cursor, [Settled(each, State.sending, 1, State.sent) for each in ids])


def receive(cursor: Cursor, ids: Sequence[UUID]) -> object:
    return settling.receipt(cursor, [Receipt(each, delivered=True) for each in ids])


@pytest.mark.parametrize("does", [settle, receive])
def test_notices_far_apart_are_read_without_those_between(rows: Rows, does: Does) -> None:
    metered: dict[str, Any] = {"month": 202611, "provider": "mitake", "parts": 1}
    ids = sorted(rows.notices(AMONG, state=State.sending, attempt=1, **metered))
    few = ids[:: AMONG // FEW]
    with transaction(rows.connection) as cursor:
        does(cursor, few)
        read = cursor.execute(READ.encode()).fetchone()
    assert rows.states() == {"sending": AMONG - FEW, "sent": FEW}
    assert read is not None
    assert FEW <= read[0] <= 5 * FEW
