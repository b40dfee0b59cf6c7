"""What may have arrived is not said to be skipped: whatever keeps it from being written again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.notices.words import Channel
from store.notices.members import optouts
from store.notices.members.optouts import OptOut
from store.postgres.session import transaction
from tests.support.engine import wait_for
from tests.support.notices.rows import Rows
from tests.support.notices.sender import MONTH, Sender

WRITTEN: dict[str, Any] = {"attempt": 1, "provider": "mitake", "parts": 1, "month": MONTH}


@pytest.fixture
def sender(rows: Rows) -> Iterator[Sender]:
    made = Sender(rows, "a", limit=1)
    yield made
    made.connection.close()


def opt_out(rows: Rows) -> None:
    """Ann wants no SMS any more."""
    with rows.connect() as connection, transaction(connection) as cursor:
        wish = OptOut(rows.shop("shop"), "ann", Channel.sms, "*", "stop", rows.now())
        optouts.add(cursor, [wish])


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("why", ["opted_out", "limit"])
def test_what_is_not_written_again_may_have_arrived(
    rows: Rows, sender: Sender, why: str, *, asked: bool
) -> None:
    notice = rows.notice(**WRITTEN, asked_us=rows.now() if asked else None)
    if why == "opted_out":
        opt_out(rows)
    else:
        sender.limit = 0
    assert sender.turn(1) == []
    assert sender.turn(0, sender.afterwards) == []
    after = ("unknown", None) if asked else ("skipped", why)
    assert rows.of(notice, "state", "reason") == after
    rows.check_meter()


def test_who_opts_out_while_a_month_is_waited_for_is_not_told(rows: Rows, sender: Sender) -> None:
    rows.notice()
    in_hand = sender.take(1)
    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event = 'advisory'"""
    with ThreadPoolExecutor(1) as thread, rows.connect() as other:
        with transaction(other) as cursor:
            cursor.execute(b"SELECT pg_advisory_xact_lock(736007, $1)", [rows.shop("shop")])
            marked = thread.submit(sender.mark, in_hand)
            wait_for("its turn", lambda: marked.done() or rows.value(waits))
            opt_out(rows)
        assert marked.result() == []
    assert rows.states() == {"skipped": 1}
