"""Points that staff give and take: assigned, deducted (account.md 3, 7)."""

from rules.account.account import Moved, grant, take
from rules.account.acts import Act, post
from rules.account.entries import OpenAccount
from rules.account.lots import LotKey
from schemas.events import EntryType


def assign(opened: OpenAccount, act: Act, points: int, lot: LotKey) -> None:
    """Give points in a lot; they pay debt first."""
    moved = grant(opened.account, lot, points)
    post(opened, act, EntryType.assigned, moved, settings_no=act.settings_no, lot=lot)


def deduct(opened: OpenAccount, act: Act, points: int, first: LotKey | None = None) -> None:
    """Take free points: of the lot `first` where one is named, then FEFO; never into debt (A18).

    Raises ValueError when there are not so many: whoever calls has decided that before.
    """
    if points > opened.account.available:
        raise ValueError("a deduction takes no more than there is")
    taken, _ = take(opened.account, points, first)
    moved = Moved(-points, tuple(taken))
    post(opened, act, EntryType.deducted, moved, settings_no=act.settings_no)
