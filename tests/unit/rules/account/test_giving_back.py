"""What orders took: given back, taken again, debited (account.md 5, 8)."""

from rules.account import giving_back, holding
from rules.account.account import claw_back, grant
from rules.account.acts import Act
from rules.account.entries import OpenAccount
from rules.account.holds import Hold, Purpose
from rules.account.lots import Lot, command_lot, lot_id, order_debit_lot, order_lot
from rules.account.redemptions import Redemption, return_order
from schemas.events import CauseKind, EntryType, Performer, PerformerKind
from schemas.ids import NEVER
from schemas.packing import pack_id
from tests.support.account.in_hand import open_account

STAFF = Performer(kind=PerformerKind.staff, id="mei")
ORDER = pack_id("5f0000000000000000000001")
SOON, LATE = order_lot(100, b"b", 1), order_lot(200, b"a", 1)
FOREVER = command_lot(NEVER, "gift")
NEW = order_debit_lot(NEVER, ORDER)


def by_hand(number: int = 9) -> Act:
    return Act.of_command("shop", f"cmd-{number}", 4, STAFF, "wrong size")


def by_law(redemption: Redemption, at: int = 60) -> Act:
    return Act.of_law("shop", "anna", redemption, 4, at)


def captured(opened: OpenAccount, points: int, cart: bytes = b"cart") -> Redemption:
    made = Hold(cart, points, Purpose.cash, opened.now + 50, 3, [])
    holding.hold(opened, by_hand(1), made)
    return holding.capture(opened, by_hand(2), made, ORDER)


def figures(opened: OpenAccount) -> tuple[int, int, int]:
    return opened.account.available, opened.account.held, opened.account.debt


def test_points_go_back_to_their_lots_the_latest_expiring_first() -> None:
    opened = open_account((SOON, 30), (LATE, 30))
    taken = captured(opened, 50)
    giving_back.give_back(opened, by_law(taken), taken, 25, NEW)
    entry = opened.entries[-1]
    assert (entry.type, entry.moved) == (EntryType.returned, (25, ((SOON, 5), (LATE, 20)), 0))
    assert (entry.order_id, entry.cause, entry.cause_id) == (ORDER, CauseKind.order, ORDER)
    assert (entry.settings_no, entry.occurred_at, entry.performer) == (4, 60, None)
    assert (taken.returned, taken.manual, taken.out, taken.lots) == (25, 0, 25, [(SOON, 25)])


def test_what_is_given_back_by_hand_is_remembered_as_such_with_who_and_why() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 20)
    giving_back.give_back(opened, by_hand(), taken, 5, NEW)
    assert (taken.returned, taken.manual) == (5, 5)
    entry = opened.entries[-1]
    assert (entry.reason, entry.performer, entry.cause) == ("wrong size", STAFF, CauseKind.command)


def test_what_comes_back_pays_debt_first_the_soonest_expiring() -> None:
    opened = open_account((SOON, 30), (LATE, 30))
    taken = captured(opened, 60)
    claw_back(opened.account, SOON, 40)
    giving_back.give_back(opened, by_law(taken), taken, 50, NEW)
    # 20 come back to SOON and 30 to LATE; the 40 owed take the first 20 and 20 of the others.
    assert opened.entries[-1].moved == (50, ((SOON, 0), (LATE, 10)), 0)
    assert figures(opened) == (10, 0, 0)


def test_where_the_lots_time_is_over_points_come_back_and_lapse_both_in_the_history() -> None:
    opened = open_account((SOON, 30), (FOREVER, 10))
    taken = captured(opened, 35)
    opened.now = opened.recorded_at = 150
    giving_back.give_back(opened, by_law(taken, at=140), taken, 35, NEW)
    back, expired = opened.entries[-2:]
    assert (back.type, back.moved.points) == (EntryType.returned, 35)
    assert (expired.type, expired.moved) == (EntryType.expired, (-30, ((SOON, -30),), 0))
    assert (back.occurred_at, expired.occurred_at) == (140, 140)
    assert opened.account.lots[SOON] == Lot(30, 0, 0, 30)
    assert figures(opened) == (10, 0, 0)


def test_what_came_back_before_its_lots_time_was_over_lapses_when_that_is_over() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 30)
    opened.now = opened.recorded_at = 150
    giving_back.give_back(opened, by_law(taken, at=90), taken, 30, NEW)
    assert [entry.occurred_at for entry in opened.entries[-2:]] == [90, 100]


def test_lapsed_points_that_come_back_pay_debt_before_they_lapse() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 30)
    claw_back(opened.account, SOON, 20)
    opened.now = opened.recorded_at = 150
    giving_back.give_back(opened, by_hand(), taken, 30, NEW)
    assert [e.moved.points for e in opened.entries[-2:]] == [30, -10]
    assert figures(opened) == (0, 0, 0)


def test_what_is_taken_again_comes_of_any_lot_and_what_is_missing_is_debt() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 30)
    giving_back.give_back(opened, by_law(taken), taken, 30, NEW)
    captured(opened, 20, b"another")
    grant(opened.account, LATE, 5)
    giving_back.take_again(opened, by_law(taken), taken, 30)
    entry = opened.entries[-1]
    assert (entry.type, entry.moved) == (EntryType.redeemed, (-30, ((SOON, -10), (LATE, -5)), 0))
    assert (entry.order_id, entry.hold_id, entry.settings_no) == (ORDER, None, 3)
    assert (taken.returned, taken.debt, taken.lots) == (0, 15, [(SOON, 10), (LATE, 5)])
    assert figures(opened) == (0, 0, 15)


def test_what_had_become_debt_comes_back_first_against_debt() -> None:
    opened = open_account((SOON, 30))
    debit = giving_back.debit_of(opened.account, ORDER, 7)
    giving_back.debit(opened, by_law(debit), debit, 50)
    assert opened.entries[-1].moved == (-50, ((SOON, -30),), 0)
    assert opened.entries[-1].settings_no == 7
    assert figures(opened) == (0, 0, 20)
    giving_back.give_back(opened, by_law(debit), debit, 25, NEW)
    assert opened.entries[-1].moved == (25, ((SOON, 5),), 0)
    assert (debit.debt, debit.lots) == (0, [(SOON, 25)])
    assert figures(opened) == (5, 0, 0)


def test_what_finds_no_debt_any_more_makes_a_lot_of_its_own() -> None:
    opened = open_account((SOON, 30))
    debit = giving_back.debit_of(opened.account, ORDER, 7)
    giving_back.debit(opened, by_law(debit), debit, 50)
    grant(opened.account, LATE, 12)
    giving_back.give_back(opened, by_law(debit), debit, 50, NEW)
    assert opened.entries[-1].moved == (50, ((SOON, 30), (NEW, 12)), 0)
    assert lot_id(NEW) == "order-debit:5f0000000000000000000001"
    assert opened.account.lots[NEW] == Lot(12, 12)
    assert figures(opened) == (42, 0, 0)


def test_a_debits_lot_is_named_by_its_order_and_the_minute_of_its_expiry() -> None:
    midnight = 1_798_732_800_000_000
    assert (
        lot_id(order_debit_lot(midnight, ORDER)) == "order-debit:5f0000000000000000000001-29978880"
    )


def test_lots_of_one_debit_with_two_expiries_have_two_names() -> None:
    one, other = (order_debit_lot(year * 31_536_000_000_000, ORDER) for year in (55, 56))
    assert lot_id(one) != lot_id(other)


def test_debits_of_two_orders_have_two_names_whatever_the_orders_are_called() -> None:
    expiries = (NEVER, 60_000_000 * 5, 60_000_000 * 50)
    orders = ("o", "o-5", "o-50", "o-5-5", "o-0", "o-5-0", "o-")
    names = [
        lot_id(order_debit_lot(expires_at, pack_id(order)))
        for expires_at in expiries
        for order in orders
    ]
    assert len({*names}) == len(expiries) * len(orders)
    assert lot_id(order_debit_lot(NEVER, pack_id("o-x1"))) == "order-debit:o-x1"


def test_an_account_has_one_debit_for_an_order_and_it_comes_last_in_a_return() -> None:
    opened = open_account((SOON, 30))
    debit = giving_back.debit_of(opened.account, ORDER, 7)
    giving_back.debit(opened, by_law(debit), debit, 10)
    captured(opened, 5)
    assert giving_back.debit_of(opened.account, ORDER, 8) is debit
    redemptions = opened.account.redemptions[ORDER]
    assert [one.number for one in return_order(redemptions)] == [1, 0]


def test_a_debit_beside_captures_is_one_of_its_own_and_counts_all_it_took() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 5)
    debit = giving_back.debit_of(opened.account, ORDER, 7)
    assert opened.account.redemptions[ORDER] == [debit, taken]
    assert (debit.number, debit.points, debit.out, debit.settings_no) == (0, 0, 0, 7)
    for points in (10, 7):
        giving_back.debit(opened, by_law(debit), debit, points)
    assert (debit.points, debit.out, debit.lots) == (17, 17, [(SOON, 17)])
    giving_back.give_back(opened, by_law(debit), debit, 17, NEW)
    giving_back.debit(opened, by_law(debit), debit, 4)
    assert (debit.points, debit.returned, debit.out) == (21, 17, 4)


def test_what_stays_out_of_several_lots_is_kept_the_soonest_first() -> None:
    opened = open_account((FOREVER, 10), (LATE, 10), (SOON, 10))
    taken = captured(opened, 30)
    giving_back.give_back(opened, by_law(taken), taken, 5, NEW)
    assert taken.lots == [(SOON, 10), (LATE, 10), (FOREVER, 5)]


def test_what_a_return_brings_back_names_the_return_as_its_cause() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 30)
    sent_back = pack_id("64d20b7741f3a90019c0de42")
    act = Act.of_law("shop", "anna", taken, 4, 60, CauseKind.return_, sent_back)
    giving_back.give_back(opened, act, taken, 5, NEW)
    entry = opened.entries[-1]
    assert (entry.cause, entry.cause_id, entry.order_id) == (CauseKind.return_, sent_back, ORDER)


def test_points_that_debt_takes_whole_do_not_lapse_as_well() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 30)
    claw_back(opened.account, SOON, 30)
    opened.now = opened.recorded_at = 150
    giving_back.give_back(opened, by_law(taken), taken, 30, NEW)
    assert [entry.type for entry in opened.entries[2:]] == [EntryType.returned]
    assert figures(opened) == (0, 0, 0)


def test_the_laws_entries_on_a_redemption_have_names_by_their_number() -> None:
    opened = open_account((SOON, 30))
    taken = captured(opened, 20)
    giving_back.give_back(opened, by_law(taken), taken, 5, NEW)
    giving_back.take_again(opened, by_law(taken), taken, 5)
    giving_back.give_back(opened, by_hand(), taken, 5, NEW)
    ids = [entry.event_id for entry in opened.entries[-3:]]
    assert len(set(ids)) == 3
    assert taken.entries == 2
