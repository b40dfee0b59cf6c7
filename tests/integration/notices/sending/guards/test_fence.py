"""A sender that was frozen beyond its lease: whoever has the notice by then sends it, and alone."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from processors.notices.sending.guards.fence import SharedFence
from processors.notices.sending.in_hand.hand import Sent
from schemas.ids import MINUTE
from schemas.notices.words import Channel, State
from store.notices.sending import queue, settling
from store.notices.sending.queue import Mark, least_id
from store.notices.sending.settling import Settled
from store.postgres.session import transaction
from store.valkey import client
from store.valkey.client import Client
from store.valkey.notices import Fence
from tests.support.engine import PATIENCE
from tests.support.notices.rows import REACH, Rows

LEASE_SECONDS = 60


@pytest.fixture
def shared(valkey: str) -> Iterator[Client]:
    opened = client.connect(valkey, seconds=PATIENCE, name="test")
    yield opened
    opened.close()


def mark(rows: Rows, sender: str) -> list[Sent]:
    """Takes the shop's notices in hand, and marks them before the fence is asked."""
    least, nothing = least_id(rows.now(), REACH), b""
    with transaction(rows.connection) as cursor:
        taken = queue.claim(cursor, Channel.sms, [(rows.shop("shop"), 8)], sender, MINUTE, least)
        marks = [
            Mark(t.notice_id, t.sequence, "mitake", 1, 202611, nothing, t.changed_us) for t in taken
        ]
        marked = queue.mark(cursor, marks, sender, MINUTE, least)()
    ready: Any = None  # the fence asks for the mark alone
    return [Sent(ready, each) for each in marked.values()]


def frozen(rows: Rows) -> tuple[list[Sent], list[Sent]]:
    """What a sender marked before it froze, and what another one marked after the lease."""
    rows.notices(3)
    first = mark(rows, "a")
    rows.move_clock(LEASE_SECONDS + 1)
    waits = [Settled(each.marked.notice_id, State.sending, 1, State.waiting) for each in first]
    with transaction(rows.connection) as cursor:
        settling.settle(cursor, waits)
    second = mark(rows, "b")
    assert len(first) == len(second) == 3
    return first, second


@pytest.mark.parametrize("valkey_is", ["there", "flushed", "none"])
def test_a_sender_frozen_beyond_its_lease_does_not_send(
    rows: Rows, shared: Client, valkey_is: str
) -> None:
    known = Fence(shared) if valkey_is != "none" else None
    ours, theirs = SharedFence(known, LEASE_SECONDS), SharedFence(known, LEASE_SECONDS)
    first, second = frozen(rows)
    now = time.monotonic()
    assert theirs.passed(rows.connection, second, now) == second
    if valkey_is == "flushed":
        shared.flushall()
    # Valkey alone says it of one that does not know that it was frozen.
    began = now if valkey_is == "there" else now - LEASE_SECONDS - 1
    assert ours.passed(rows.connection, first, began) == []


def test_without_the_fence_whoever_wakes_up_would_send_what_another_one_has(rows: Rows) -> None:
    """Nothing else keeps it from that: its mark was committed before it froze."""
    first, second = frozen(rows)
    assert {each.marked.notice_id for each in first} == {each.marked.notice_id for each in second}
    assert {each.marked.attempt for each in first} == {1}
    assert {each.marked.attempt for each in second} == {2}
