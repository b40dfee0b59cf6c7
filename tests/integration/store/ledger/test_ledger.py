"""Open, operate, write: what is written is what was posted, column by column, entry by event."""

from typing import Any

import pytest

from rules.account import assigning, holding
from rules.account.account import Account
from rules.account.acts import Act
from rules.account.holds import Hold, Purpose
from rules.account.lots import Lot, command_lot
from rules.account.lots_needed import Intended
from schemas.events import CauseKind, EntryType, Notify, Performer, PerformerKind
from schemas.ids import NEVER
from store.ledger import postings
from store.ledger.accounts import LockedAccount
from store.ledger.entries import note_hash
from store.ledger.ledger import Ledger, LedgerMisused, post_all_overdue
from store.postgres import session
from tests.integration.store.ledger.books import (
    ANNA,
    BEN,
    NOW,
    SHOP,
    YEAR,
    Books,
    merchant_id,
    order,
    own_lot,
    posting,
)

STAFF = Performer(kind=PerformerKind.staff, id="mei@shop.example")
GIFT = command_lot(NOW + YEAR, "cmd-1")
HOUR = 3_600_000_000
HELD = Intended(-510, hold_id=b"cart-77")


def assign(locked: LockedAccount) -> None:
    """Assigns the gift of 500."""
    act = Act.of_command("shop", "cmd-1", 4, STAFF, "生日快樂", Notify(email=True, sms=False))
    assigning.assign(locked, act, 500, GIFT)


def hold(locked: LockedAccount) -> None:
    """Holds 510: all of the gift, which expires first, and 10 of order 1."""
    act = Act.of_command("shop", "cmd-2", 5, Performer(kind=PerformerKind.member, id="anna"))
    holding.hold(locked, act, Hold(b"cart-77", 510, Purpose.cash, NOW + HOUR, 5, []))


def test_every_column_of_an_orders_entry_has_its_own_value(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1)), posting(ANNA, 40, own_lot(2), entries=6))
    account_no = books.rows("SELECT account_no FROM account")[0]["account_no"]
    assert books.ledger(ANNA)[1] == {
        "account_no": account_no,
        "sequence": 2,
        "merchant_no": SHOP,
        "type": EntryType.granted,
        "cause": CauseKind.order,
        "order_id": order(2),
        "entry_no": 7,
        "cause_id": None,
        "points": 40,
        "held_points": 0,
        "available": 140,
        "held": 0,
        "debt": 0,
        "settings_no": 3,
        "episode": 1,
        "expires_us": NOW + YEAR,
        "lot_points": 40,
        "lots": None,
        "hold_id": None,
        "note_hash": None,
        "occurred_us": NOW - 1,
        "recorded_us": NOW,
        "event_id": books.events()[1][0].event_id,
    }


def test_an_assignment_has_its_lot_its_note_and_the_notes_hash(books: Books) -> None:
    locked = books.change(ANNA, [Intended(500, GIFT), Intended(-1)], assign)
    [row] = books.ledger(ANNA)
    assert row["order_id"] is None
    assert row["entry_no"] is None
    assert (row["cause"], row["cause_id"]) == (CauseKind.command, b"cmd-1")
    assert (row["points"], row["available"], row["settings_no"]) == (500, 500, 4)
    assert row["lots"] == [
        {"lot_id": "command:cmd-1", "points": 500, "expires_at": "2027-05-28T20:26:40Z"}
    ]
    assert row["note_hash"] == note_hash(locked.entries[0])
    assert books.rows("SELECT * FROM entry_note") == [
        {
            "account_no": row["account_no"],
            "sequence": 1,
            "merchant_no": SHOP,
            "reason": "生日快樂",
            "performer_kind": PerformerKind.staff,
            "performer_id": "mei@shop.example",
        }
    ]
    assert books.account(ANNA) == Account(1, 500, 0, 0, {GIFT: Lot(500, 500)})


def test_an_assignment_is_also_added_without_lots_being_read(books: Books) -> None:
    locked = books.change(ANNA, [Intended(500, GIFT)], assign)
    assert not locked.needs_lots
    assert books.account(ANNA) == Account(1, 500, 0, 0, {GIFT: Lot(500, 500)})
    [(event, _)] = books.events()
    assert (event.reason, event.performer, event.notify) == (
        "生日快樂",
        STAFF,
        Notify(email=True, sms=False),
    )


def test_a_hold_of_no_points_has_its_sequence_and_its_held_points(books: Books) -> None:
    books.post(posting(ANNA, 40, own_lot(1, NEVER)))
    books.change(ANNA, [Intended(500, GIFT)], assign)
    books.change(ANNA, [HELD], hold)
    row = books.ledger(ANNA)[2]
    assert {
        name: value for name, value in row.items() if name not in {"account_no", "event_id"}
    } == {
        "sequence": 3,
        "merchant_no": SHOP,
        "type": EntryType.held,
        "cause": CauseKind.command,
        "order_id": None,
        "entry_no": None,
        "cause_id": b"cmd-2",
        "points": 0,
        "held_points": 510,
        "available": 30,
        "held": 510,
        "debt": 0,
        "settings_no": 5,
        "episode": None,
        "expires_us": None,
        "lot_points": None,
        "lots": [
            {"lot_id": "command:cmd-1", "points": 500, "expires_at": "2027-05-28T20:26:40Z"},
            {"lot_id": f"{1:024x}-1", "points": 10, "expires_at": None},
        ],
        "hold_id": b"cart-77",
        "note_hash": row["note_hash"],
        "occurred_us": NOW,
        "recorded_us": NOW,
    }
    assert row["note_hash"] is not None
    assert books.account(ANNA) == Account(
        3, 30, 510, 0, {GIFT: Lot(500, 500, 500), own_lot(1, NEVER): Lot(40, 40, 10)}
    )


def test_every_entry_has_one_event_that_says_the_same_in_the_models_bytes(books: Books) -> None:
    books.post(posting(ANNA, 40, own_lot(1, NEVER)))
    books.change(ANNA, [Intended(500, GIFT)], assign)
    books.change(ANNA, [HELD], hold)
    books.change(ANNA, [], lambda _: None, now=NOW + YEAR)
    rows, events = books.ledger(ANNA), books.events()
    assert [row["type"] for row in rows] == [
        EntryType.granted,
        EntryType.assigned,
        EntryType.held,
        EntryType.released,
        EntryType.expired,
    ]
    for row, (event, value) in zip(rows, events, strict=True):
        assert event.to_json() == value
        assert (event.event_id, event.type) == (row["event_id"], row["type"])
        assert (event.sequence, event.points) == (row["sequence"], row["points"])
        assert (event.held_points or 0) == row["held_points"]
        assert event.settings_version == row["settings_no"]
        balance = event.balance
        assert (balance.available, balance.held, balance.debt) == (
            row["available"],
            row["held"],
            row["debt"],
        )


def test_a_lot_that_no_order_earned_expires_without_an_order_and_held_points_stay(
    books: Books,
) -> None:
    books.change(ANNA, [Intended(500, GIFT)], assign)
    books.change(
        ANNA,
        [Intended(-120, hold_id=b"long")],
        lambda locked: holding.hold(
            locked,
            Act.of_command("shop", "cmd-3", 5, STAFF),
            Hold(b"long", 120, Purpose.gift, NOW + 2 * YEAR, 5, []),
        ),
    )
    with session.transaction(books.connection) as cursor:
        assert post_all_overdue(cursor, 10, NOW + YEAR, merchant_id) == 1
    row = books.ledger(ANNA)[2]
    assert (row["type"], row["points"], row["order_id"]) == (EntryType.expired, -380, None)
    event = books.events()[2][0]
    assert (event.order_id, event.cause.id) == (None, "command:cmd-1")
    assert books.account(ANNA).lots[GIFT] == Lot(500, 120, 120, 380)
    assert books.next_expiry(ANNA) == NEVER


def test_points_that_are_granted_too_late_lapse_behind_their_grant(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1, NOW)))
    assert [(row["type"], row["points"]) for row in books.ledger(ANNA)] == [
        (EntryType.granted, 100),
        (EntryType.expired, -100),
    ]
    assert books.account(ANNA) == Account(2, 0, 0, 0, {own_lot(1, NOW): Lot(100, 0, 0, 100)})


def test_a_grant_that_pays_debt_leaves_the_rest_of_it_in_its_lot(books: Books) -> None:
    books.post(posting(ANNA, -30, own_lot(1), EntryType.clawed_back, entries=1))
    books.post(posting(ANNA, 100, own_lot(2)), posting(ANNA, 5, own_lot(3)))
    rows = [(row["points"], row["lot_points"], row["debt"]) for row in books.ledger(ANNA)]
    assert rows == [(-30, None, 30), (100, 70, 0), (5, 5, 0)]
    assert books.account(ANNA) == Account(
        3, 75, 0, 0, {own_lot(2): Lot(100, 70), own_lot(3): Lot(5, 5)}
    )


def test_a_grant_finds_the_balance_as_it_was(books: Books) -> None:
    books.post(posting(ANNA, 40, own_lot(1, NEVER)))
    books.change(ANNA, [Intended(500, GIFT)], assign)
    books.change(ANNA, [HELD], hold)
    books.post(posting(ANNA, 7, own_lot(2)))
    row = books.ledger(ANNA)[3]
    assert (row["sequence"], row["available"], row["held"], row["debt"]) == (4, 37, 510, 0)


def test_figures_of_lots_come_back_as_they_were_written(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1)), posting(ANNA, 7, own_lot(2)))

    def spend(locked: LockedAccount) -> None:
        lot = locked.account.lots[own_lot(1)]
        lot.points, lot.remaining, lot.held, lot.expired = 100, 63, 21, 11

    books.change(ANNA, [Intended(0, own_lot(1))], spend)
    seen: list[Any] = []
    books.change(
        ANNA, [Intended(0, own_lot(1))], lambda locked: seen.append(dict(locked.account.lots))
    )
    assert seen[0][own_lot(1)] == Lot(100, 63, 21, 11)
    assert books.account(ANNA).lots == {own_lot(1): Lot(100, 63, 21, 11), own_lot(2): Lot(7, 7)}


def test_the_ledger_is_opened_once_a_transaction(books: Books) -> None:
    with session.transaction(books.connection) as cursor:
        Ledger.open(cursor, {(SHOP, ANNA): ()}, NOW, merchant_id).write()
        with pytest.raises(LedgerMisused, match="opened"):
            Ledger.open(cursor, {(SHOP, BEN): ()}, NOW, merchant_id)
    with session.transaction(books.connection) as cursor:
        Ledger.open(cursor, {(SHOP, BEN): ()}, NOW, merchant_id).write()


def test_the_ledger_is_written_once(books: Books) -> None:
    with session.transaction(books.connection) as cursor:
        ledger = Ledger.open(cursor, {(SHOP, ANNA): ()}, NOW, merchant_id)
        ledger.write()
        with pytest.raises(LedgerMisused, match="written"):
            ledger.write()


def test_an_account_opened_for_grants_takes_these_grants_and_nothing_else(books: Books) -> None:
    grouped = postings.by_account([posting(ANNA, 100, own_lot(1))])
    with session.transaction(books.connection) as cursor:
        ledger = Ledger.open(cursor, grouped, NOW, merchant_id)
        with pytest.raises(LedgerMisused, match="grants"):
            ledger.write()


def test_a_transaction_that_is_rolled_back_may_be_tried_again(books: Books) -> None:
    grouped = postings.by_account([posting(ANNA, 100, own_lot(1))])

    def fail(_: LockedAccount) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        books.change(ANNA, grouped[SHOP, ANNA], fail)
    books.post(posting(ANNA, 100, own_lot(1)))
    assert books.account(ANNA) == Account(1, 100, 0, 0, {own_lot(1): Lot(100, 100)})
