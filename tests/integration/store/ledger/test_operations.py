"""Holds and redemptions in the database: against single points, in a race, and in few rows."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest

from rules.account import assigning, holding
from rules.account.acts import Act
from rules.account.entries import OpenAccount
from rules.account.holds import Hold, HoldState, Purpose
from rules.account.lots_needed import Intended
from schemas.events import EntryType, Performer, PerformerKind
from schemas.ids import NEVER, micros
from store.ledger import lots
from store.ledger.accounts import LockedAccount
from store.ledger.holds import HoldRace
from store.ledger.ledger import Ledger, post_all_overdue
from store.postgres import session
from tests.integration.store.ledger.books import (
    ANNA,
    BEN,
    NOW,
    SHOP,
    Books,
    merchant_id,
    order,
    own_lot,
    posting,
)
from tests.oracle.account import PointByPoint
from tests.support import invariants
from tests.support.account.steps import Dice, Step, do, line_of

MINUTE = 60_000_000
SHOPPER = Performer(kind=PerformerKind.member, id="anna")
CHECKS = (
    invariants.ACCOUNTS,
    invariants.RUNNING,
    invariants.LOTS,
    invariants.HOLDS,
    invariants.REDEMPTIONS,
    invariants.RECORDED,
)


def hold(opened: OpenAccount, name: str, points: int, end: int = NOW + MINUTE) -> None:
    act = Act.of_command("shop", f"hold {name}", 5, SHOPPER)
    holding.hold(opened, act, Hold(name.encode(), points, Purpose.cash, end, 5, []))


def held(books: Books, name: str, points: int, end: int = NOW + MINUTE) -> LockedAccount:
    return books.change(
        ANNA,
        [Intended(-points, hold_id=name.encode())],
        lambda locked: hold(locked, name, points, end),
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_batches_leave_the_database_as_an_account_of_single_points(
    books: Books, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """FEFO lot by lot, I2, I4, I8 and I9 after each transaction, with few lots read at once."""
    monkeypatch.setattr(lots, "PAGE", 2)
    chance = Random(seed)
    book = PointByPoint(now=NOW)
    dice, number, entries = Dice(chance, book, NOW), 0, 0
    books.change(ANNA, [], lambda _: None)
    for _ in range(40):
        if chance.random() < 0.5:
            book.to(book.now + chance.choice([1, 1, 2, 5]))
        steps = [step for _ in range(chance.randint(0, 4)) if (step := dice.step()) is not None]

        def operate(opened: OpenAccount, steps: list[Step] = steps, number: int = number) -> None:
            for offset, step in enumerate(steps):
                do(opened, step, number + offset)

        # A last intent that takes nothing has all accounts opened with their lots.
        intents = [*(step.intended for step in steps), Intended()]
        locked = books.change(ANNA, intents, operate, book.now)
        number += len(steps)
        assert [line_of(entry) for entry in locked.entries] == book.lines[entries:]
        entries = len(book.lines)
        found = books.account(ANNA)
        assert {
            key: (lot.remaining, lot.held, lot.expired)
            for key, lot in found.lots.items()
            if lot.remaining or lot.expired
        } == {key: figures for key, figures in book.lots().items() if any(figures)}
        assert [books.rows(check) for check in CHECKS] == [[]] * len(CHECKS)
        assert books.next_timeout(ANNA) <= min(book.ends.values(), default=NEVER)
    assert [event.sequence for event, _ in books.events()] == list(range(1, entries + 1))


def test_two_sessions_that_race_for_one_balance_never_hold_more_than_there_is(
    books: Books, database_url: str
) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    start = Barrier(4)

    def shop(number: int) -> int:
        made = 0
        with session.connect(database_url) as connection:
            start.wait()
            for turn in range(5):
                name = f"cart {number} {turn}"
                with session.transaction(connection) as cursor:
                    intents = [Intended(-9, hold_id=name.encode())]
                    ledger = Ledger.open(cursor, {(SHOP, ANNA): intents}, NOW, merchant_id)
                    locked = ledger.accounts[SHOP, ANNA]
                    if locked.account.available >= 9:
                        hold(locked, name, 9)
                        made += 1
                    ledger.write()
        return made

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(shop, range(4))) == 11
    account = books.account(ANNA)
    assert (account.available, account.held) == (1, 99)
    assert [books.rows(check) for check in CHECKS] == [[]] * len(CHECKS)


def test_of_two_members_holds_of_one_id_made_at_once_one_is_done_again(
    books: Books, database_url: str
) -> None:
    books.post(posting(ANNA, 100, own_lot(1)), posting(BEN, 100, own_lot(2)))
    intents = [Intended(-10, hold_id=b"cart")]

    def hold_behind_bens(locked: LockedAccount) -> None:
        with session.connect(database_url) as other, session.transaction(other) as cursor:
            ledger = Ledger.open(cursor, {(SHOP, BEN): intents}, NOW, merchant_id)
            hold(ledger.accounts[SHOP, BEN], "cart", 10)
            ledger.write()
        hold(locked, "cart", 10)

    with pytest.raises(HoldRace):
        books.change(ANNA, intents, hold_behind_bens)
    assert books.account(ANNA).held == 0
    seen = books.change(ANNA, intents, lambda _: None)
    assert seen.hold_ids == {b"cart"}
    assert seen.account.holds == {}


def test_a_hold_is_read_back_as_it_was_made_and_as_it_ended(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    held(books, "cart", 30)
    wanted = [Intended(hold_id=b"cart", redeemed_on=order(7))]

    def capture(locked: LockedAccount) -> None:
        made = locked.account.holds[b"cart"]
        assert made == Hold(b"cart", 30, Purpose.cash, NOW + MINUTE, 5, [(own_lot(1), 30)])
        act = Act.of_command("shop", "capture", 6, SHOPPER)
        holding.capture(locked, act, made, order(7), 20)

    books.change(ANNA, wanted, capture)
    seen = books.change(ANNA, wanted, lambda _: None).account
    assert (seen.holds[b"cart"].state, seen.holds[b"cart"].order_id) == (
        HoldState.captured,
        order(7),
    )
    [one] = seen.redemptions[order(7)]
    assert (one.number, one.purpose, one.points, one.settings_no, one.lots) == (
        1,
        Purpose.cash,
        20,
        5,
        [(own_lot(1), 20)],
    )
    assert (seen.available, seen.held) == (80, 0)


def test_a_hold_that_has_ended_is_released_by_whoever_opens_the_account(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    held(books, "cart", 30)
    books.post(posting(ANNA, 5, own_lot(2)), now=NOW + MINUTE)
    rows = [(row["type"], row["occurred_us"], row["hold_id"]) for row in books.ledger(ANNA)]
    assert rows[-2:] == [
        (EntryType.released, NOW + MINUTE, b"cart"),
        (EntryType.granted, NOW - 1, None),
    ]
    event = books.events()[-2][0]
    assert (event.points, event.held_points, event.hold_id) == (0, -30, "cart")
    assert (event.cause.kind.name, event.cause.id) == ("hold_timeout", "cart")


def test_holds_that_have_ended_are_claimed_and_announced_where_nothing_else_happens(
    books: Books,
) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    held(books, "cart", 30)
    for moment, claimed in ((NOW + MINUTE - 1, 0), (NOW + MINUTE, 1), (NOW + MINUTE, 0)):
        with session.transaction(books.connection) as cursor:
            assert post_all_overdue(cursor, 10, moment, merchant_id) == claimed
    assert books.account(ANNA).available == 100
    assert books.next_timeout(ANNA) == NEVER


def test_mere_grants_read_neither_holds_nor_redemptions(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    held(books, "cart", 30)

    def fail(*_: object) -> None:
        raise AssertionError("a grant needs nothing read")

    for room in ("hold_rows", "redemption_rows", "lot_rows"):
        monkeypatch.setattr(f"store.ledger.ledger.{room}.load", fail)
    for room in ("hold_rows", "redemption_rows"):
        monkeypatch.setattr(f"store.ledger.ledger.{room}.write", fail)
    books.post(posting(ANNA, 5, own_lot(2)))
    assert books.account(ANNA).held == 30


def test_of_many_live_holds_only_the_named_and_the_next_are_read(books: Books) -> None:
    books.post(posting(ANNA, 10_000, own_lot(1)))
    names = [f"cart {n}" for n in range(500)]

    def hold_all(locked: LockedAccount) -> None:
        for n, name in enumerate(names):
            hold(locked, name, 1, NOW + MINUTE + n)

    books.change(ANNA, [Intended(-1, hold_id=name.encode()) for name in names], hold_all)

    def release(locked: LockedAccount) -> None:
        act = Act.of_command("shop", "release", 5, SHOPPER)
        holding.release(locked, act, locked.account.holds[b"cart 0"])

    locked = books.change(ANNA, [Intended(hold_id=b"cart 0")], release)
    assert len(locked.account.holds) == 2
    assert books.next_timeout(ANNA) == NOW + MINUTE + 1
    assert len(books.change(ANNA, [Intended(-1)], lambda _: None).account.holds) == 0


def test_entries_are_recorded_in_the_order_of_their_sequence_though_the_clock_steps_back(
    books: Books,
) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    books.post(posting(ANNA, 5, own_lot(2)), posting(BEN, 5, own_lot(3)), now=NOW - MINUTE)
    books.post(posting(ANNA, -5, own_lot(2), EntryType.adjusted, 1), now=NOW - 2 * MINUTE)
    books.change(
        ANNA,
        [Intended(-1)],
        lambda opened: assigning.deduct(opened, Act.of_command("shop", "c", 5, SHOPPER), 1),
        now=NOW + 1,
    )
    assert [row["recorded_us"] for row in books.ledger(ANNA)] == [NOW, NOW, NOW, NOW + 1]
    assert books.ledger(ANNA)[-1]["occurred_us"] == NOW + 1
    assert [row["recorded_us"] for row in books.ledger(BEN)] == [NOW - MINUTE]
    recorded = [micros(event.recorded_at) for event, _ in books.events()]
    assert recorded == [NOW, NOW, NOW - MINUTE, NOW, NOW + 1]


def test_a_clawback_beside_a_hold_takes_what_is_free(books: Books) -> None:
    books.post(posting(ANNA, 100, own_lot(1)))
    held(books, "cart", 30)
    books.post(posting(ANNA, -100, own_lot(1), EntryType.clawed_back, 1))
    row = books.ledger(ANNA)[-1]
    assert (row["points"], row["available"], row["held"], row["debt"]) == (-100, 0, 30, 30)
