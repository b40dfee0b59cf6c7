"""Points given and taken by staff (account.md 3, 7, 8)."""

import pytest

from rules.account.account import claw_back
from rules.account.acts import Act
from rules.account.assigning import assign, deduct
from rules.account.entries import event_id
from rules.account.lots import Lot, command_lot, job_lot, lot_id, order_lot
from schemas.events import CauseKind, EntryType, Notify, Performer, PerformerKind
from schemas.ids import NEVER
from tests.support.account.in_hand import open_account

STAFF = Performer(kind=PerformerKind.staff, id="mei")
MAIL = Notify(email=True, sms=False)
SOON, LATE = order_lot(100, b"b", 1), order_lot(200, b"a", 1)
GIFT = command_lot(150, "cmd-1")


def command() -> Act:
    return Act.of_command("shop", "cmd-1", 4, STAFF, "生日快樂", MAIL)


def test_an_assignment_is_a_lot_named_for_its_command_with_who_why_and_whom_to_notify() -> None:
    opened = open_account(now=7)
    assign(opened, command(), 500, GIFT)
    [entry] = opened.entries
    assert (entry.type, entry.moved) == (EntryType.assigned, (500, ((GIFT, 500),), 0))
    assert (entry.reason, entry.performer, entry.notify) == ("生日快樂", STAFF, MAIL)
    assert (entry.settings_no, entry.occurred_at, entry.lot) == (4, 7, GIFT)
    assert entry.event_id == event_id("command", "shop", "cmd-1", 1)
    assert lot_id(GIFT) == "command:cmd-1"


def test_an_assignment_pays_debt_first() -> None:
    opened = open_account()
    claw_back(opened.account, SOON, 30)
    assign(opened, command(), 100, GIFT)
    assert opened.entries[-1].moved == (100, ((GIFT, 70),), 0)
    assert (opened.account.available, opened.account.debt) == (70, 0)


def test_a_deduction_takes_free_points_soonest_to_expire_first() -> None:
    opened = open_account((LATE, 30), (SOON, 30))
    deduct(opened, command(), 40)
    assert opened.entries[-1].moved == (-40, ((SOON, -30), (LATE, -10)), 0)
    assert opened.entries[-1].type is EntryType.deducted


def test_a_deduction_may_take_all_there_is_but_never_makes_debt() -> None:
    opened = open_account((SOON, 30))
    with pytest.raises(ValueError, match="no more than there is"):
        deduct(opened, command(), 31)
    deduct(opened, command(), 30)
    assert (opened.account.available, opened.account.debt) == (0, 0)


def test_a_jobs_lot_is_named_for_the_job_and_its_undoing_takes_of_it_first() -> None:
    lot = job_lot(NEVER, "summer")
    opened = open_account((SOON, 30))
    act = Act.of_command("shop", "summer", 4, STAFF, "summer", one_of_many="anna")
    assign(opened, act, 20, lot)
    entry = opened.entries[-1]
    assert (lot_id(lot), entry.cause, entry.cause_id) == (
        "job:summer",
        CauseKind.command,
        b"summer",
    )
    assert entry.event_id == event_id("job", "shop", "summer", "anna", 1)
    undo = Act.of_command("shop", "summer:undo", 4, STAFF, "oops", one_of_many="anna")
    deduct(opened, undo, 25, lot)
    assert opened.entries[-1].moved == (-25, ((lot, -20), (SOON, -5)), 0)
    assert opened.account.lots[lot] == Lot(20, 0)
    assert len({one.event_id for one in opened.entries}) == 2
