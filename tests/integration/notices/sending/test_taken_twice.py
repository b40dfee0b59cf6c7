"""A notice is let go while a sender has it in hand, and taken once more: it is written once.

That is what erasing a member does, and a lease that ran out.
"""

from collections.abc import Iterator

import pytest

from schemas.notices.words import State
from store.notices.sending import settling
from store.postgres.session import transaction
from tests.support.notices.rows import Rows
from tests.support.notices.sender import Sender


@pytest.fixture
def sender(rows: Rows) -> Iterator[Sender]:
    made = Sender(rows, "a")
    yield made
    made.connection.close()


def let_go(rows: Rows) -> None:
    """What is in hand waits again, and its sender does not know."""
    rows.admin.execute(
        """UPDATE notices.notice
           SET state = 'waiting', sender = NULL, lease_us = NULL, changed_us = points_now()
           WHERE state = 'claimed'"""
    )


def test_both_of_its_takings_in_one_chunk_are_one_message(rows: Rows, sender: Sender) -> None:
    notice = rows.notice()
    first = sender.take(1)
    let_go(rows)
    second = sender.take(1)
    (sent,) = sender.mark([*first, *second])
    assert sent.ready.taken == second[0]
    assert rows.of(notice, "state", "attempt") == ("sending", 1)


def test_the_message_of_the_earlier_taking_is_not_written(rows: Rows, sender: Sender) -> None:
    """It was worded before: to an address that may be erased by now."""
    rows.notice()
    first = sender.take(1)
    let_go(rows)
    second = sender.take(1)
    assert sender.mark(first) == []
    assert len(sender.mark(second)) == 1


def test_what_changed_in_hand_does_not_let_go_a_later_taking(rows: Rows, sender: Sender) -> None:
    notice = rows.notice()
    first = sender.take(1)
    let_go(rows)
    assert sender.mark(first) == []
    (changed,) = sender.afterwards
    second = sender.take(1)
    (sent,) = sender.mark(second, [changed])
    assert sent.ready.taken == second[0]
    assert rows.of(notice, "state") == State.sending


def test_what_changed_in_hand_waits_again(rows: Rows, sender: Sender) -> None:
    """As nobody took it meanwhile: its figures are others."""
    notice = rows.notice()
    in_hand = sender.take(1)
    rows.admin.execute("UPDATE notices.notice SET sequence = sequence + 1")
    assert sender.mark(in_hand) == []
    with transaction(rows.connection) as cursor:
        settling.settle(cursor, sender.afterwards)
    assert rows.of(notice, "state") == State.waiting
