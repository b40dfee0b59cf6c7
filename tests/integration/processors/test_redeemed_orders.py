"""Points redeemed on orders come back by what becomes of the order (account.md 5)."""

from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import psycopg
import pytest

from rules.account.holds import Purpose
from rules.explain.order import explain
from schemas.packing import pack_id
from store.postgres import session
from store.reads.order import order_view
from tests.support.account import moves
from tests.support.batches import Shop, open_shop
from tests.support.engine import wait_for
from tests.support.in_process import InProcessEngine
from tests.support.order_facts import (
    MEMBER,
    MERCHANT,
    ORDER,
    OTHER_MEMBER,
    Event,
    bytes_of,
    day,
    money,
    order,
    removed,
    returned,
    settings,
    some_id,
)
from tests.support.servers import Databases
from tests.support.upstream import Record

NOTHING_EARNED: dict[str, Any] = {"rules": [
    {"unit_price": 1_000_000, "points_per_unit": 1, "membership_tier_id": None}
], "pending_days": 0, "expiry": {"kind": "never"}}  # fmt: skip
WAITING = """SELECT 1 FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'"""
TYPES = ["", "granted", "adjusted", "clawed_back", "expired", "assigned", "deducted", "held"]
TYPES += ["released", "redeemed", "returned"]


class Till(Shop):
    """A shop whose member has 1,000 points to spend."""

    def open(self, **redeem: object) -> "Till":
        self.settings(settings(earn=NOTHING_EARNED, redeem=redeem))
        self.work_off()
        self.assign(1000)
        return self

    def assign(self, points: int) -> None:
        moves.assign(self.connection, MERCHANT, MEMBER, points)

    def redeem(
        self, points: int, *, order_id: str = ORDER, purpose: Purpose = Purpose.cash
    ) -> None:
        moves.redeem(self.connection, MERCHANT, MEMBER, points, order_id, purpose)

    def return_redeemed(self, points: int) -> None:
        moves.return_redeemed(self.connection, MERCHANT, MEMBER, points, ORDER)

    def happens(self, *events: Event) -> list[int]:
        """Events are consumed one after the other; what was posted for them."""
        before = self.entries()
        for event in events:
            self.consume(event)
            self.work_off()
        return self.entries()[len(before) :]

    def entries(self, member: str = MEMBER) -> list[int]:
        """The changes of the balance by entries that redeem or return."""
        query = """SELECT l.points FROM ledger l JOIN account a USING (account_no)
                   WHERE a.member = $1 AND l.type IN (9, 10) ORDER BY l.sequence"""
        return [points for (points,) in self.rows(query, pack_id(member))]

    def balance(self, member: str = MEMBER) -> tuple[int, int]:
        """Available and debt."""
        query = "SELECT available, debt FROM account WHERE member = $1"
        rows = self.rows(query, pack_id(member))
        return rows[0] if rows else (0, 0)


@pytest.fixture
def till(postgres: Databases) -> Iterator[Till]:
    with open_shop(postgres) as shop:
        opened = Till(shop.url)
        yield opened
        opened.close()


def cancelled(when: str = "12-05", **fields: Any) -> Event:
    return order(status="cancelled", updated=day(when), **fields)


def test_points_of_a_cancelled_order_come_back_and_are_taken_again(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300)
    assert till.balance() == (700, 0)
    assert till.happens(cancelled()) == [300]
    assert till.happens(order(updated=day("12-06"))) == [-300]
    assert till.happens(removed(day("12-07"))) == [300]
    assert till.happens(cancelled()) == []
    assert till.balance() == (1000, 0)


def test_where_the_holds_settings_say_so_nothing_comes_back(till: Till) -> None:
    till.open(return_on_cancel=False, on_return="keep").consume(order())
    till.redeem(300)
    assert till.happens(returned(1000, day("12-04")), cancelled()) == []


@pytest.mark.parametrize("order_has_later_ones", [False, True])
def test_policies_are_those_of_the_hold_whatever_the_settings_became(
    till: Till, *, order_has_later_ones: bool
) -> None:
    till.open()
    if not order_has_later_ones:
        till.consume(order())
    till.redeem(300)
    later = settings(
        effective="2024-01-01T00:00:00Z",
        earn=NOTHING_EARNED,
        redeem={"return_on_cancel": False},
    )
    till.settings(later)
    if order_has_later_ones:
        assert till.happens(order()) == []
    assert till.happens(cancelled()) == [300]


def test_each_capture_gives_back_by_itself_in_the_order_of_the_captures(till: Till) -> None:
    till.open().consume(order())
    for points in (100, 20, 3):
        till.redeem(points)
    assert till.happens(cancelled()) == [100, 20, 3]


@pytest.mark.parametrize(
    ("returns", "back"),
    [
        ([500], [150]),
        ([333, 333, 334], [99, 100, 101]),
        ([1], [0]),
        ([1, 1, 1, 1], [0, 0, 0, 1]),
        ([1000], [300]),
        ([1000, 500], [300, 0]),
    ],
)
def test_ten_small_returns_give_back_as_much_as_one(
    till: Till, returns: list[int], back: list[int]
) -> None:
    till.open().consume(order())
    till.redeem(300)
    for number, (total, points) in enumerate(zip(returns, back, strict=True)):
        event = returned(total, day("12-04"), return_id=f"return {number}")
        assert till.happens(event) == ([points] if points else [])


def test_a_gift_comes_back_only_with_the_whole_order(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300, purpose=Purpose.gift)
    assert till.happens(returned(999, day("12-04"))) == []
    assert till.happens(returned(1, day("12-04"), return_id="another")) == [300]


def test_a_return_counts_by_what_its_goods_had_earned(till: Till) -> None:
    till.open().consume(order(order_discount=money(300)))
    till.redeem(100)
    # Half of the goods at list price: half of the base, whatever was paid back with freight.
    item = {"total": money(500)}
    assert till.happens(returned(560, day("12-04"), items=[item])) == [50]


def test_without_a_base_goods_count_by_their_price(till: Till) -> None:
    till.open().consume(order(order_points_to_cash=money(1000), order_points=100))
    till.redeem(100)
    assert till.happens(returned(0, day("12-04"), items=[{"total": money(250)}])) == [25]
    assert till.happens(returned(750, day("12-04"), return_id="no items")) == [75]


def test_a_return_that_is_cancelled_takes_the_points_again(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300)
    assert till.happens(returned(500, day("12-04"))) == [150]
    assert till.happens(returned(500, day("12-05"), status="cancelled")) == [-150]


def test_by_hand_and_by_itself_never_more_than_was_taken(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300)
    till.return_redeemed(200)
    assert till.happens(returned(500, day("12-04"))) == [100]
    assert till.happens(returned(500, day("12-05"), status="cancelled")) == [-100]
    assert till.happens(cancelled()) == [100]


def test_a_capture_on_an_order_that_is_cancelled_already_is_given_back_at_once(till: Till) -> None:
    till.open().happens(order(), cancelled())
    till.redeem(300)
    till.work_off()
    assert till.entries() == [-300, 300]


def test_a_refund_gives_back_only_where_the_orders_settings_say_so(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300)
    refunded = order(updated=day("12-05"), order_payment={"status": "refunded"})
    assert till.happens(refunded) == []


def test_a_refund_of_an_order_whose_settings_say_so_counts_as_cancelled(till: Till) -> None:
    till.settings(settings(earn=NOTHING_EARNED | {"on_refund": "claw_back"}))
    till.assign(1000)
    till.consume(order())
    till.redeem(300)
    assert till.happens(order(updated=day("12-05"), order_payment={"status": "refunded"})) == [300]


def test_a_combined_order_gives_nothing_back_by_that(till: Till) -> None:
    till.open().consume(order())
    till.redeem(300)
    combined = order(
        updated=day("12-05"), status="cancelled", combined_to_order_id=some_id("another")
    )
    assert till.happens(combined) == []


# --- redeemed upstream


def test_points_redeemed_upstream_are_only_observed_by_default(till: Till) -> None:
    till.open()
    assert till.happens(order(order_points=600)) == []
    assert till.balance() == (1000, 0)


def test_with_debit_they_are_taken_at_once_and_follow_the_order(till: Till) -> None:
    till.open(from_orders="debit")
    assert till.happens(order(order_points=600)) == [-600]
    assert till.happens(order(order_points=-700, updated=day("12-01"))) == [-100]
    assert till.happens(order(order_points=500, updated=day("12-02"))) == [200]
    assert till.happens(returned(500, day("12-04"))) == [250]
    assert till.happens(cancelled(order_points=500)) == [250]
    assert till.balance() == (1000, 0)


def test_what_is_not_there_becomes_debt_and_comes_back_against_it(till: Till) -> None:
    till.open(from_orders="debit")
    assert till.happens(order(order_points=1600)) == [-1600]
    assert till.balance() == (0, 600)
    assert till.happens(order(order_points=1100, updated=day("12-02"))) == [500]
    assert till.balance() == (0, 100)
    till.assign(150)
    assert till.balance() == (50, 0)
    # The debt was paid meanwhile: what finds none any more is a lot of its own.
    assert till.happens(cancelled(order_points=1100)) == [1100]
    assert till.balance() == (1150, 0)
    lots = "SELECT points, remaining FROM lot WHERE source_kind = 4"
    assert till.rows(lots) == [(100, 100)]


def test_a_capture_that_comes_after_the_debit_gives_it_back(till: Till) -> None:
    till.open(from_orders="debit")
    till.consume(order(order_points=600))
    till.redeem(400)
    till.work_off()
    assert till.entries() == [-600, -400, 400]
    assert till.balance() == (400, 0)


@pytest.mark.parametrize("heard_of", [False, True])
def test_what_was_captured_before_is_not_debited_first_and_given_back(
    till: Till, *, heard_of: bool
) -> None:
    """Whether the order is new or was there: nobody has looked at it again yet."""
    till.open(from_orders="debit")
    if heard_of:
        till.consume(order())
    till.redeem(400)
    till.consume(order(order_points=600, updated=day("12-02")))
    assert till.entries() == [-400, -200]
    till.work_off()
    assert till.entries() == [-400, -200]
    assert till.value("SELECT count(*) FROM redemption_awaiting") == 0
    assert till.happens(cancelled(order_points=600)) == [400, 200]


def test_nothing_waits_for_an_order_that_was_heard_of_beside_another_capture(till: Till) -> None:
    """The first one is met, and what the second one asks for is found when that is looked for."""
    till.open().redeem(400)
    till.work_off()
    batch = till.batch().consume(order(order_points=600))
    with session.connect(till.url) as beside, psycopg.connect(till.url, autocommit=True) as looking:
        capture = Thread(target=moves.redeem, args=(beside, MERCHANT, MEMBER, 200, ORDER))
        capture.start()
        wait_for("the capture waiting", lambda: looking.execute(WAITING).fetchone())
        batch.commit()
        capture.join()
    till.work_off()
    assert till.value("SELECT count(*) FROM redemption_awaiting") == 0
    assert till.happens(cancelled(order_points=600)) == [400, 200]


@pytest.mark.parametrize(
    ("move", "points", "heard_as", "entries"),
    [
        (moves.return_redeemed, 400, cancelled(order_points=400), [-400, 400]),
        (moves.return_redeemed, 100, cancelled(order_points=400), [-400, 100, 300]),
        (moves.redeem, 200, order(order_points=700), [-400, -200, -100]),
    ],
)
def test_what_a_command_did_beside_the_orders_first_record_is_not_done_twice(
    till: Till, move: Any, points: int, heard_as: Event, entries: list[int]
) -> None:
    """The command finds no order to lock, and the order's worker waits for the account."""
    till.open(from_orders="debit").redeem(400)
    till.work_off()
    batch = till.batch()
    with session.connect(till.url) as beside, psycopg.connect(till.url) as holder:
        holder.execute("SELECT FROM account FOR UPDATE")
        command = Thread(target=move, args=(beside, MERCHANT, MEMBER, points, ORDER))
        hearing = Thread(target=batch.consume, args=(heard_as,))
        command.start()
        wait_for("the command waiting", lambda: len(holder.execute(WAITING).fetchall()) == 1)
        hearing.start()
        wait_for("both waiting", lambda: len(holder.execute(WAITING).fetchall()) == 2)
        holder.rollback()
        command.join()
        hearing.join()
        batch.commit()
    till.work_off()
    assert till.entries() == entries
    assert till.balance() == (1000 + sum(entries), 0)


def test_a_debit_moves_with_the_order_to_another_member(till: Till) -> None:
    till.open(from_orders="debit")
    till.consume(order(order_points=600))
    till.consume(order(order_points=600, member=OTHER_MEMBER, updated=day("12-02")))
    assert till.entries() == [-600, 600]
    assert (till.entries(OTHER_MEMBER), till.balance(OTHER_MEMBER)) == ([-600], (0, 600))


def test_captures_that_owe_nothing_any_more_add_to_the_lot_that_is_there(till: Till) -> None:
    """They were taken again into debt, it was paid, and the points come back in two steps."""
    till.open().consume(order())
    till.redeem(100)
    till.redeem(100)
    till.happens(cancelled())
    till.redeem(1000, order_id=some_id("all there is"))
    assert till.happens(order(updated=day("12-06"))) == [-100, -100]
    assert till.balance() == (0, 200)
    till.assign(210)
    till.return_redeemed(50)
    assert till.happens(cancelled("12-07")) == [100, 50]
    remaining = till.value("SELECT sum(remaining)::bigint FROM lot")
    assert till.balance() == (remaining, 0) == (210, 0)


def test_captures_give_back_before_the_debit_does_whoever_has_the_order_now(till: Till) -> None:
    till.open(from_orders="debit")
    till.consume(order(order_points=600))
    till.redeem(100)
    till.work_off()
    assert till.entries() == [-600, -100, 100]
    assert till.happens(cancelled(order_points=600, member=OTHER_MEMBER)) == [100, 500]


@pytest.mark.parametrize(
    "fields",
    [
        {"member": None},
        {"status": "temp"},
        {"order_points": 1_000_000_001},
        {"order_points": "600"},
        {"order_points": 600.5},
        {"order_points": None},
        {"combined_to_order_id": some_id("another")},
        {"created": "2018-12-31T00:00:00Z"},
    ],
)
def test_no_debit(till: Till, fields: dict[str, Any]) -> None:
    till.open(from_orders="debit")
    assert till.happens(order(**{"order_points": 600} | fields)) == []


def test_orders_that_redeemed_other_points_than_were_captured_are_known(till: Till) -> None:
    till.open()
    till.consume(order(order_points=600))
    flags = "SELECT flags >> 14 & 1 FROM orders WHERE order_id = $1"
    assert till.value(flags, pack_id(ORDER)) == 1
    till.redeem(600)
    till.work_off()
    assert till.value(flags, pack_id(ORDER)) == 0


@pytest.mark.parametrize(("figure", "is_counted"), [(1_000_000_000, 0), (1_000_000_001, 1)])
def test_an_order_that_says_more_than_can_be_meant_is_not_debited_and_is_counted(
    till: Till, figure: int, is_counted: int
) -> None:
    till.open(from_orders="debit")
    till.consume(order(order_points=figure))
    assert till.entries() == ([] if is_counted else [-figure])
    flags = "SELECT flags >> 14 & 1 FROM orders WHERE order_id = $1"
    assert till.value(flags, pack_id(ORDER)) == is_counted


def test_an_order_is_not_taken_for_a_mismatch_before_its_captures_are_looked_for(
    till: Till,
) -> None:
    till.open().redeem(600)
    till.consume(order(order_points=600))
    assert till.value("SELECT flags >> 14 & 1 FROM orders WHERE order_id = $1", pack_id(ORDER)) == 0


def test_explain_tells_what_was_redeemed_and_what_came_back(till: Till) -> None:
    till.open(from_orders="debit")
    till.consume(order(order_points=600))
    till.redeem(100)
    till.work_off()
    till.consume(returned(500, day("12-04")))
    answer = explain(order_view(till.connection, MERCHANT, ORDER)).answer(ORDER)
    assert answer.redeemed.model_dump() == {
        "captured": 100,
        "debited": 250,
        "returned": 50,
        "order_points": 600,
    }
    assert f"Captured from member {MEMBER}: 100 points, of which 50 points came back." in (
        answer.steps
    )


def test_explain_of_an_order_not_heard_of_shows_its_captures(till: Till) -> None:
    till.open().redeem(100)
    redeemed = explain(order_view(till.connection, MERCHANT, ORDER)).answer(ORDER).redeemed
    assert (redeemed.captured, redeemed.order_points) == (100, None)


def test_an_order_heard_of_after_its_capture_is_looked_at_again(postgres: Databases) -> None:
    """The worker that hears of it finds that it is awaited, and no one else looks."""
    url = postgres.migrated()
    with InProcessEngine(url, None) as engine, closing(Till(url)) as till:
        till.open().redeem(300)
        till.work_off()
        assert till.value("SELECT count(*) FROM redemption_awaiting") == 1
        engine.consume(Record("orders", None, bytes_of(cancelled())))
        assert till.entries() == [-300, 300]
        assert till.value("SELECT count(*) FROM redemption_awaiting") == 0
    postgres.drop(url)


def test_orders_of_two_merchants_with_one_id_are_each_looked_at_again(postgres: Databases) -> None:
    """Both come in one batch, after points were captured on both."""
    other = some_id("another merchant")
    url = postgres.migrated()
    with InProcessEngine(url, None) as engine, closing(Till(url)) as till:
        till.open()
        till.settings(settings(earn=NOTHING_EARNED), other)
        for merchant in (MERCHANT, other):
            moves.assign(till.connection, merchant, OTHER_MEMBER, 1000)
            moves.redeem(till.connection, merchant, OTHER_MEMBER, 300, ORDER)
            till.work_off()
        both = [cancelled(member=OTHER_MEMBER, merchant=each) for each in (MERCHANT, other)]
        engine.consume(*[Record("orders", None, bytes_of(event)) for event in both])
        assert [engine.points(each, OTHER_MEMBER) for each in (MERCHANT, other)] == [1000, 1000]
    postgres.drop(url)
