"""Lots are read no further than needed, and what is done is what it would be with all of them."""

import random
from dataclasses import replace

import pytest

from rules.account import holding
from rules.account.account import claw_back, grant, next_expiry
from rules.account.acts import Act
from rules.account.entries import OpenAccount
from rules.account.holds import Hold, Purpose
from rules.account.lots import Lot, LotKey, order_lot
from rules.account.lots_needed import Intended
from rules.account.overdue import post_overdue
from schemas.events import EntryType, Performer, PerformerKind
from schemas.ids import NEVER
from store.ledger import lots
from store.ledger.accounts import LockedAccount
from tests.integration.store.ledger.books import (
    ANNA,
    NOW,
    SHOP,
    YEAR,
    Books,
    order,
    own_lot,
    posting,
)
from tests.support.account.in_hand import open_account

MANY = 20_000
STAFF = Performer(kind=PerformerKind.staff, id="mei")
DAY = 86_400_000_000


@pytest.fixture
def many(books: Books) -> Books:
    """An account with 20,000 lots of 10 points, half of them used up; 100 lots expire a day."""
    books.post(posting(ANNA, 1, own_lot(0, NEVER)))
    books.rows(
        """INSERT INTO lot (account_no, merchant_no, expires_us, source, episode, points, remaining)
           SELECT account_no, merchant_no, %s + (n / 100) * %s,
                  decode(lpad(to_hex(n), 24, '0'), 'hex'), 1, 10,
                  CASE WHEN n %% 2 = 0 THEN 10 ELSE 0 END
           FROM account, generate_series(1, %s) n RETURNING account_no""",
        NOW,
        DAY,
        MANY,
    )
    books.rows(
        "UPDATE account SET available = 1 + %s, next_expiry = %s RETURNING 1", MANY // 2 * 10, NOW
    )
    return books


def lot(number: int) -> LotKey:
    return order_lot(NOW + number // 100 * DAY, order(number), 1)


def in_hand(locked: LockedAccount) -> int:
    return len(locked.read)


def test_a_clawback_reads_its_own_lot_and_the_first_that_expire(many: Books) -> None:
    locked = many.change(
        ANNA,
        [Intended(-10, lot(15_000))],
        lambda opened: claw_back(opened.account, lot(15_000), 10),
        now=NOW - 1,
    )
    assert in_hand(locked) == lots.PAGE + 1
    assert many.account(ANNA).lots[lot(15_000)] == Lot(10, 0)
    assert many.next_expiry(ANNA) == NOW


def test_a_clawback_that_takes_more_reads_more_but_not_all(many: Books) -> None:
    locked = many.change(
        ANNA,
        [Intended(-2000, lot(15_001))],
        lambda opened: claw_back(opened.account, lot(15_001), 2000),
        now=NOW - 1,
    )
    assert in_hand(locked) == lots.PAGE + lots.PAGE * lots.GROWTH + 1
    account = many.account(ANNA)
    assert [account.lots[lot(n)].remaining for n in (2, 398, 400, 402, 404)] == [0, 0, 0, 10, 10]
    assert many.next_expiry(ANNA) == NOW + 4 * DAY


def test_an_expiry_reads_what_lapses_and_the_one_that_lapses_next(many: Books) -> None:
    locked = many.change(ANNA, [], lambda _: None, now=NOW)
    assert in_hand(locked) == 49 + 1
    assert many.next_expiry(ANNA) == NOW + DAY
    locked = many.change(ANNA, [], lambda _: None, now=NOW + 10 * DAY)
    assert in_hand(locked) == 500 + 1


def test_a_grant_that_finds_something_overdue_reads_its_own_lot_too(many: Books) -> None:
    many.post(posting(ANNA, 5, lot(15_000), EntryType.adjusted, entries=1))
    assert many.account(ANNA).lots[lot(15_000)] == Lot(15, 15)
    assert [row["type"] for row in many.ledger(ANNA)][-2:] == [
        EntryType.expired,
        EntryType.adjusted,
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_batches_leave_the_database_as_an_account_with_all_lots_in_hand(
    books: Books, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The statements themselves, with pages so small that most batches need several."""
    monkeypatch.setattr(lots, "PAGE", 2)
    chance = random.Random(seed)
    keys = [order_lot(NOW + chance.choice([1, 2, 3, 4, YEAR]), order(n), 1) for n in range(40)]
    whole, now = open_account(), NOW
    for _ in range(40):
        now += chance.choice([0, 0, 0, 1]) if now < NOW + 4 else 0
        todo = [
            (chance.choice(keys), chance.randint(-25, 15) or 1) for _ in range(chance.randint(1, 4))
        ]

        def operate(opened: OpenAccount, todo: list[tuple[LotKey, int]] = todo) -> None:
            for key, points in todo:
                if points > 0:
                    grant(opened.account, key, points)
                else:
                    claw_back(opened.account, key, -points)

        # A last intent that takes nothing has all accounts opened with their lots.
        books.change(ANNA, [*(Intended(n, key) for key, n in todo), Intended()], operate, now)
        whole.now = now
        post_overdue(whole)
        operate(whole)
        found = books.account(ANNA)
        assert found == replace(whole.account, lots=found.lots)
        assert {key: lot for key, lot in found.lots.items() if lot.points} == whole.account.lots
        assert books.next_expiry(ANNA) == next_expiry(whole.account)
    assert len(books.rows("SELECT 1 FROM account WHERE merchant_no = %s", SHOP)) == 1


def test_a_hold_on_thousands_of_lots_reads_the_first_and_its_release_only_its_own(
    many: Books,
) -> None:
    def hold(locked: LockedAccount) -> None:
        act = Act.of_command("shop", "cmd", 1, STAFF)
        holding.hold(locked, act, Hold(b"cart", 25, Purpose.cash, NOW + DAY, 1, []))

    locked = many.change(ANNA, [Intended(-25, hold_id=b"cart")], hold, now=NOW - 1)
    assert in_hand(locked) == lots.PAGE
    assert [points for _, points in locked.account.holds[b"cart"].lots] == [10, 10, 5]

    def release(locked: LockedAccount) -> None:
        act = Act.of_command("shop", "cmd 2", 1, STAFF)
        holding.release(locked, act, locked.account.holds[b"cart"])

    locked = many.change(ANNA, [Intended(hold_id=b"cart")], release, now=NOW - 1)
    assert in_hand(locked) == 3
    assert many.next_expiry(ANNA) == NOW


@pytest.mark.parametrize("wanted", [MANY // 2 * 10 + 2, 999_999])
def test_who_wants_more_than_there_is_has_no_more_than_a_page_of_lots_read(
    many: Books, wanted: int
) -> None:
    too_many, few = Intended(-wanted, is_whole=True), Intended(-25, is_whole=True)
    locked = many.change(ANNA, [too_many], lambda _: None, now=NOW - 1)
    assert in_hand(locked) == lots.PAGE
    locked = many.change(ANNA, [few, too_many, few], lambda _: None, now=NOW - 1)
    assert in_hand(locked) == lots.PAGE
