"""What falls due on an account by itself: holds that end, lots that lapse (account.md 4, 8)."""

from itertools import groupby

from rules.account.account import lapsed
from rules.account.entries import OpenAccount, post_lapse
from rules.account.holding import time_out
from rules.account.holds import Hold
from schemas.ids import Micros


def post_overdue(opened: OpenAccount) -> None:
    """Post what has fallen due, in the order of the instants (rules.md 3.4).

    A hold that ends comes before a lapse of the same instant. What it frees in lots whose time is
    over lapses at that instant.
    """
    due = sorted(
        (h for h in opened.account.holds.values() if h.is_live and h.expires_at <= opened.now),
        key=_when,
    )
    for instant, ending in groupby(due, key=_end):
        _lapse_until(opened, instant - 1)
        for hold in ending:
            time_out(opened, hold)
        _lapse_until(opened, instant, instant)
    _lapse_until(opened, opened.now)


def _when(hold: Hold) -> tuple[Micros, bytes]:
    return hold.expires_at, hold.hold_id


def _end(hold: Hold) -> Micros:
    return hold.expires_at


def _lapse_until(opened: OpenAccount, instant: Micros, since: Micros | None = None) -> None:
    for key in lapsed(opened.account, instant):
        post_lapse(opened, key, since)
