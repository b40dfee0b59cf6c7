"""Holds, as account.md 4 and 8 have them, sentence by sentence."""

import pytest

from rules.account import holding
from rules.account.account import claw_back, grant, next_timeout
from rules.account.acts import Act
from rules.account.entries import OpenAccount, event_id
from rules.account.holds import Hold, HoldState, Purpose
from rules.account.lots import Lot, LotKey, command_lot, order_lot
from rules.account.overdue import post_overdue
from schemas.events import CauseKind, EntryType, Performer, PerformerKind
from schemas.ids import NEVER, Micros
from schemas.packing import pack_id
from tests.support.account.in_hand import open_account

SHOPPER = Performer(kind=PerformerKind.member, id="anna")
ORDER = pack_id("5f0000000000000000000001")
FIRST = order_lot(60, b"c", 1)
SOON, LATE = order_lot(100, b"b", 1), order_lot(200, b"a", 1)
FOREVER = command_lot(NEVER, "gift")


def command(number: int = 1) -> Act:
    return Act.of_command("shop", f"cmd-{number}", 9, SHOPPER)


def hold(opened: OpenAccount, points: int, ends: Micros = 50, name: bytes = b"cart-1") -> Hold:
    made = Hold(name, points, Purpose.cash, ends, 3, [])
    holding.hold(opened, command(), made)
    return made


def said(opened: OpenAccount) -> list[tuple[EntryType, int, int, Micros]]:
    return [(e.type, e.moved.points, e.moved.held, e.occurred_at) for e in opened.entries]


def figures(opened: OpenAccount) -> tuple[int, int, int]:
    return opened.account.available, opened.account.held, opened.account.debt


def test_a_hold_reserves_free_points_of_named_lots_soonest_to_expire_first() -> None:
    opened = open_account((FOREVER, 30), (LATE, 30), (SOON, 30))
    made = hold(opened, 70)
    assert made.lots == [(SOON, 30), (LATE, 30), (FOREVER, 10)]
    [entry] = opened.entries
    assert (entry.type, entry.moved) == (EntryType.held, (0, tuple(made.lots), 70))
    assert (entry.hold_id, entry.settings_no, entry.performer) == (b"cart-1", 3, SHOPPER)
    assert (entry.order_id, entry.cause, entry.cause_id) == (None, CauseKind.command, b"cmd-1")
    assert figures(opened) == (20, 70, 0)


def test_within_one_expiry_the_ids_of_the_lots_decide_and_not_what_came_first() -> None:
    lots = [order_lot(100, bytes([n]), 1) for n in (3, 1, 2)]
    opened = open_account(*((lot, 10) for lot in lots))
    assert [key.source for key, _ in hold(opened, 25).lots] == [b"\1", b"\2", b"\3"]


def test_a_hold_takes_nothing_of_lapsed_lots() -> None:
    opened = open_account((SOON, 30), (LATE, 30), now=100)
    post_overdue(opened)
    assert hold(opened, 30, ends=150).lots == [(LATE, 30)]


def test_held_points_are_not_held_twice() -> None:
    opened = open_account((SOON, 30))
    hold(opened, 20)
    with pytest.raises(ValueError, match="no more than there is"):
        hold(opened, 11, name=b"cart-2")
    assert hold(opened, 10, name=b"cart-3").lots == [(SOON, 10)]


def test_an_id_that_the_merchant_knows_makes_no_second_hold() -> None:
    opened = open_account((SOON, 30))
    hold(opened, 10)
    with pytest.raises(ValueError, match="an id of its own"):
        hold(opened, 10)


def test_a_capture_of_all_spends_the_hold_and_says_the_order() -> None:
    opened = open_account((SOON, 30))
    made = hold(opened, 20)
    captured = holding.capture(opened, command(2), made, ORDER)
    entry = opened.entries[-1]
    assert len(opened.entries) == 2
    assert (entry.type, entry.moved) == (EntryType.redeemed, (-20, ((SOON, -20),), -20))
    assert (entry.order_id, entry.hold_id, entry.settings_no) == (ORDER, b"cart-1", 3)
    assert (made.state, made.order_id) == (HoldState.captured, ORDER)
    assert (captured.number, captured.points, captured.lots) == (1, 20, [(SOON, 20)])
    assert opened.account.lots[SOON] == Lot(30, 10)
    assert figures(opened) == (10, 0, 0)


def test_a_capture_of_part_spends_the_soonest_and_releases_the_rest_by_a_second_entry() -> None:
    opened = open_account((SOON, 30), (LATE, 30))
    holding.capture(opened, command(2), hold(opened, 50), ORDER, 35)
    redeemed, released = opened.entries[1:]
    assert redeemed.moved == (-35, ((SOON, -30), (LATE, -5)), -35)
    assert released.moved == (0, ((LATE, -15),), -15)
    assert (redeemed.cause_id, released.cause_id) == (b"cmd-2", b"cmd-2")
    assert redeemed.event_id == event_id("command", "shop", "cmd-2", 1)
    assert released.event_id == event_id("command", "shop", "cmd-2", 2)
    assert (released.order_id, released.hold_id, released.settings_no) == (None, b"cart-1", 3)
    assert figures(opened) == (25, 0, 0)


def test_an_order_may_have_several_captures_which_are_counted() -> None:
    opened = open_account((SOON, 30))
    for name in (b"cash", b"gift", b"more"):
        holding.capture(opened, command(), hold(opened, 10, name=name), ORDER)
    assert [one.number for one in opened.account.redemptions[ORDER]] == [1, 2, 3]


def test_a_hold_that_is_released_has_ended_and_its_end_does_nothing() -> None:
    opened = open_account((SOON, 30))
    made, other = hold(opened, 10), hold(opened, 5, ends=40, name=b"cart-2")
    holding.capture(opened, command(2), other, ORDER)
    holding.release(opened, command(3), made)
    assert (made.state, made.is_live) == (HoldState.released, False)
    assert not any(ended.is_live_at(opened.now) for ended in (made, other))
    opened.now = opened.recorded_at = 60
    before = len(opened.entries)
    post_overdue(opened)
    assert len(opened.entries) == before


def test_points_are_held_once_whatever_came_between() -> None:
    opened = open_account((LATE, 1), (SOON, 1))
    assert hold(opened, 1).lots == [(SOON, 1)]
    assert hold(opened, 1, name=b"cart-2").lots == [(LATE, 1)]
    grant(opened.account, FIRST, 1)
    grant(opened.account, FOREVER, 5)
    assert hold(opened, 3, name=b"cart-3").lots == [(FIRST, 1), (FOREVER, 2)]


def test_the_next_end_is_that_of_the_first_live_hold_to_end() -> None:
    opened = open_account((SOON, 30))
    assert next_timeout(opened.account) == NEVER
    for ends, name in ((50, b"a"), (40, b"b"), (60, b"c")):
        hold(opened, 5, ends=ends, name=name)
    assert next_timeout(opened.account) == 40
    holding.release(opened, command(), opened.account.holds[b"b"])
    assert next_timeout(opened.account) == 50


def test_holds_end_in_the_order_of_their_ends_and_those_of_one_instant_by_id() -> None:
    opened = open_account((LATE, 30), now=70)
    for ends, name in ((60, b"a"), (50, b"c"), (50, b"b")):
        hold(opened, 5, ends=ends, name=name)
    post_overdue(opened)
    assert [entry.hold_id for entry in opened.entries[3:]] == [b"b", b"c", b"a"]


def test_a_lapse_of_the_instant_before_an_end_comes_before_it() -> None:
    opened = open_account((SOON, 30), now=200)
    hold(opened, 10, ends=101)
    post_overdue(opened)
    assert said(opened)[1:] == [
        (EntryType.expired, -20, 0, 100),
        (EntryType.released, 0, -10, 101),
        (EntryType.expired, -10, 0, 101),
    ]


def test_at_its_end_a_hold_is_free_by_an_entry_dated_then() -> None:
    opened = open_account((SOON, 30), now=60)
    made = hold(opened, 20)
    post_overdue(opened)
    entry = opened.entries[-1]
    assert (entry.type, entry.occurred_at, entry.cause) == (
        EntryType.released,
        50,
        CauseKind.hold_timeout,
    )
    assert (entry.cause_id, entry.hold_id, entry.performer) == (b"cart-1", b"cart-1", None)
    assert (entry.settings_no, entry.order_id) == (3, None)
    assert entry.event_id == event_id("hold", "shop", "cart-1")
    assert made.state is HoldState.timed_out
    assert figures(opened) == (30, 0, 0)


def test_a_hold_lives_until_its_end_exclusive() -> None:
    opened = open_account((SOON, 30), now=49)
    made = hold(opened, 20)
    post_overdue(opened)
    assert (made.is_live, made.is_live_at(49), made.is_live_at(50)) == (True, True, False)
    opened.now = 50
    post_overdue(opened)
    assert not made.is_live


def test_due_things_are_posted_in_the_order_of_their_instants() -> None:
    opened = open_account((SOON, 30), (LATE, 30), now=300)
    hold(opened, 10, ends=150)
    post_overdue(opened)
    assert said(opened)[1:] == [
        (EntryType.expired, -20, 0, 100),
        (EntryType.released, 0, -10, 150),
        (EntryType.expired, -10, 0, 150),
        (EntryType.expired, -30, 0, 200),
    ]


def test_a_timeout_comes_before_a_lapse_of_the_same_instant_and_the_lot_lapses_once() -> None:
    opened = open_account((SOON, 30), now=100)
    hold(opened, 10, ends=100)
    hold(opened, 5, ends=100, name=b"cart-2")
    post_overdue(opened)
    assert said(opened)[2:] == [
        (EntryType.released, 0, -10, 100),
        (EntryType.released, 0, -5, 100),
        (EntryType.expired, -30, 0, 100),
    ]


@pytest.mark.parametrize("released_at", [100, 120])
def test_held_points_do_not_expire_while_the_hold_lives_and_lapse_when_it_is_released(
    released_at: Micros,
) -> None:
    opened = open_account((SOON, 30))
    made = hold(opened, 10, ends=150)
    opened.now = opened.recorded_at = released_at
    post_overdue(opened)
    holding.release(opened, command(2), made)
    assert said(opened)[1:] == [
        (EntryType.expired, -20, 0, 100),
        (EntryType.released, 0, -10, released_at),
        (EntryType.expired, -10, 0, released_at),
    ]
    first, second = (e.event_id for e in opened.entries if e.type is EntryType.expired)
    assert first != second
    assert figures(opened) == (0, 0, 0)


def test_captured_after_their_lot_lapsed_held_points_are_spent_as_if_in_time() -> None:
    opened = open_account((SOON, 30))
    made = hold(opened, 10, ends=150)
    opened.now = 120
    post_overdue(opened)
    holding.capture(opened, command(2), made, ORDER)
    assert said(opened)[-1][:3] == (EntryType.redeemed, -10, -10)
    assert opened.account.lots[SOON] == Lot(30, 0, 0, 20)


def test_a_clawback_takes_free_points_only_and_the_rest_is_debt() -> None:
    opened = open_account((SOON, 30), (LATE, 30))
    made = hold(opened, 20)
    moved = claw_back(opened.account, SOON, 60)
    assert moved == (-60, ((SOON, -10), (LATE, -30)), 0)
    assert figures(opened) == (0, 20, 20)
    assert made.is_live


def test_released_points_pay_debt_first_the_soonest_and_lapsed_ones_too() -> None:
    opened = open_account((SOON, 30), (LATE, 30))
    made = hold(opened, 40, ends=150)
    claw_back(opened.account, FOREVER, 45)
    opened.now = opened.recorded_at = 120
    post_overdue(opened)
    holding.release(opened, command(2), made)
    assert opened.entries[-2].moved == (0, ((SOON, -30), (LATE, -10)), -40)
    # 25 were owed: 25 of the lapsed lot paid them, 5 of it lapse, 10 are left to spend.
    assert said(opened)[-1] == (EntryType.expired, -5, 0, 120)
    assert opened.account.lots[LATE].free == 10
    assert figures(opened) == (10, 0, 0)


def test_a_hold_in_debt_can_be_captured_and_leaves_the_debt() -> None:
    opened = open_account((SOON, 30))
    made = hold(opened, 20)
    claw_back(opened.account, SOON, 25)
    holding.capture(opened, command(2), made, ORDER)
    assert figures(opened) == (0, 0, 15)


@pytest.mark.parametrize("lot", [SOON, LATE, FOREVER])
def test_released_points_go_back_to_the_lots_they_were_held_of(lot: LotKey) -> None:
    opened = open_account((lot, 30))
    holding.release(opened, command(2), hold(opened, 20))
    assert opened.account.lots == {lot: Lot(30, 30)}
    assert opened.entries[-1].settings_no == 3
    assert opened.entries[-1].performer == SHOPPER
