"""Entries of opened accounts: their number, their balance, their names, and what falls due."""

import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.account.account import Moved, grant
from rules.account.entries import EVENT_NAMESPACE, Entry, OpenAccount, event_id
from rules.account.lots import LotKey, SourceKind, lot_id, order_lot, order_of
from rules.account.overdue import post_overdue
from schemas.events import CauseKind, EntryType
from schemas.ids import NEVER
from schemas.packing import pack_id
from tests.support.account.in_hand import open_account

ORDER = pack_id("5f0000000000000000000001")
EARNED = order_lot(100, ORDER, 2)
ASSIGNED = LotKey(50, SourceKind.command, pack_id("cmd-1"), 0)


def opened(*grants: tuple[LotKey, int]) -> OpenAccount:
    return open_account(*grants, now=100, sequence=7)


def test_an_entry_takes_the_next_number_and_the_balance_after_it() -> None:
    account = opened((EARNED, 100))
    account.account.held, account.account.available = 30, 70
    entry = Entry(
        EntryType.held, event_id("x"), 5, CauseKind.command, b"c", Moved(0, ((EARNED, 30),), 30)
    )
    account.post(entry)
    assert (entry.sequence, account.account.sequence) == (8, 8)
    assert (entry.available, entry.held, entry.debt) == (70, 30, 0)
    assert account.entries == [entry]


def test_overdue_lots_lapse_soonest_first_at_their_instants_whatever_order_they_are_known_in() -> (
    None
):
    account = opened((EARNED, 100), (order_lot(NEVER, b"n", 1), 1), (ASSIGNED, 40))
    post_overdue(account)
    assert [(e.type, e.occurred_at, e.moved.points) for e in account.entries] == [
        (EntryType.expired, 50, -40),
        (EntryType.expired, 100, -100),
    ]
    assert account.account.available == 1


def test_an_expiry_names_the_order_of_its_lot_and_none_for_lots_that_no_order_earned() -> None:
    account = opened((EARNED, 100), (ASSIGNED, 40))
    post_overdue(account)
    assert [(e.order_id, e.cause_id, e.lot) for e in account.entries] == [
        (None, b"command:cmd-1", ASSIGNED),
        (ORDER, b"5f0000000000000000000001-2", EARNED),
    ]


def test_a_lot_that_lapses_again_has_another_event_id() -> None:
    account = opened((EARNED, 100))
    post_overdue(account)
    grant(account.account, EARNED, 10)
    post_overdue(account)
    ids = [e.event_id for e in account.entries]
    lot = ("lot", "shop", "anna", "5f0000000000000000000001-2", 100)
    assert ids == [event_id(*lot, 0), event_id(*lot, 100)]


def test_event_ids_are_version_5_uuids_of_the_parts_with_their_lengths() -> None:
    namespace = uuid.UUID(bytes=EVENT_NAMESPACE)
    for number in range(10, 100):
        expected = uuid.uuid5(namespace, f"5:order4:shop3:b:12:{number}")
        assert event_id("order", "shop", "b:1", number) == expected.bytes


PARTS = st.lists(st.text("ab:1%4", max_size=4), min_size=1, max_size=4)


@example(["order", "a", "b:1"], ["order", "a:b", "1"])
@example(["1", "1:1"], ["1:1", "1"])
@given(PARTS, PARTS)
def test_no_two_things_have_one_event_id(one: list[str], other: list[str]) -> None:
    assert (event_id(*one) == event_id(*other)) == (one == other)


def test_an_order_id_with_colons_has_a_lot_of_its_own() -> None:
    command = LotKey(50, SourceKind.command, pack_id("cmd-1"), 0)
    assert lot_id(order_lot(50, pack_id("command:cmd"), 1)) != lot_id(command)


@pytest.mark.parametrize(
    ("kind", "source", "episode", "name"),
    [
        (SourceKind.order, "5f0000000000000000000001", 2, "5f0000000000000000000001-2"),
        (SourceKind.command, "cmd-1", 0, "command:cmd-1"),
        (SourceKind.job, "summer", 0, "job:summer"),
        (SourceKind.order_debit, "5f01", 3, "order-debit:5f01-3"),
    ],
)
def test_a_lot_is_named_for_what_made_it(
    kind: SourceKind, source: str, episode: int, name: str
) -> None:
    lot = LotKey(100, kind, pack_id(source), episode)
    assert lot_id(lot) == name
    assert order_of(lot) == (pack_id(source) if kind is SourceKind.order else None)
