"""Points set aside, spent, set free again (account.md 4)."""

from rules.account.account import Account, Moved
from rules.account.acts import Act, occurred_at, post
from rules.account.entries import Entry, OpenAccount, event_id, post_lapse
from rules.account.holds import Hold, HoldState
from rules.account.lots import LotKey
from rules.account.points_by_lot import PointsByLot, soonest_parts, usable_after_debt
from rules.account.redemptions import Redemption
from schemas.events import CauseKind, EntryType
from schemas.ids import Micros


def hold(opened: OpenAccount, act: Act, new: Hold) -> None:
    """Set points aside, FEFO; fills in the hold's lots.

    Raises ValueError when there are not so many, or the merchant knows the id: whoever calls has
    decided that before.
    """
    account = opened.account
    if new.points > account.available or new.hold_id in opened.hold_ids:
        raise ValueError("a hold takes no more than there is, and has an id of its own")
    new.lots = _set_aside(account, new.points)
    account.holds[new.hold_id] = new
    opened.hold_ids.add(new.hold_id)
    moved = Moved(0, tuple(new.lots), new.points)
    post(opened, act, EntryType.held, moved, settings_no=new.settings_no, hold_id=new.hold_id)


def _set_aside(account: Account, points: int) -> PointsByLot:
    chosen = list(account.free_parts(points))
    for key, part in chosen:
        account.lots[key].held += part
    account.available -= points
    account.held += points
    return chosen


def capture(
    opened: OpenAccount, act: Act, held: Hold, order_id: bytes, points: int | None = None
) -> Redemption:
    """Spend a live hold on an order (packed id), all or so many points of it; free the rest.

    The order's redemptions must be in hand. Two entries when a rest is released (A16).
    """
    account = opened.account
    spent, rest = soonest_parts(held.lots, held.points if points is None else points)
    for key, part in spent:
        account.lots[key].held -= part
        account.lots[key].remaining -= part
    total = sum(part for _, part in spent)
    account.held -= total
    captures = account.redemptions.setdefault(order_id, [])
    number = 1 + max((one.number for one in captures), default=0)
    captured = Redemption(order_id, number, held.purpose, total, held.settings_no, spent)
    captures.append(captured)
    held.state, held.order_id = HoldState.captured, order_id
    post(
        opened,
        act,
        EntryType.redeemed,
        Moved(-total, _negative(spent), -total),
        settings_no=held.settings_no,
        order_id=order_id,
        hold_id=held.hold_id,
    )
    if rest:
        _release(opened, act, held, rest)
    return captured


def release(opened: OpenAccount, act: Act, held: Hold) -> None:
    """Free all points of a live hold by command."""
    held.state = HoldState.released
    _release(opened, act, held, held.lots)


def _release(opened: OpenAccount, act: Act, held: Hold, lots: PointsByLot) -> None:
    moved = _set_free(opened.account, lots)
    post(
        opened,
        act,
        EntryType.released,
        moved,
        settings_no=held.settings_no,
        hold_id=held.hold_id,
    )
    lapse_at_once(opened, lots, occurred_at(opened, act))


def time_out(opened: OpenAccount, held: Hold) -> None:
    """Free the points of a hold whose time is over; lapses are left to whoever posts in order."""
    held.state = HoldState.timed_out
    moved = _set_free(opened.account, held.lots)
    opened.post(
        Entry(
            type=EntryType.released,
            event_id=event_id("hold", opened.merchant_id, held.hold_id.decode()),
            occurred_at=held.expires_at,
            cause=CauseKind.hold_timeout,
            cause_id=held.hold_id,
            moved=moved,
            settings_no=held.settings_no,
            hold_id=held.hold_id,
        )
    )


def _set_free(account: Account, lots: PointsByLot) -> Moved:
    """Give held points back to their lots; they pay debt first (A10)."""
    usable, account.debt = usable_after_debt(lots, account.debt)
    for (key, part), (_, left) in zip(lots, usable, strict=True):
        lot = account.lots[key]
        lot.held -= part
        lot.remaining -= part - left
        account.held -= part
        account.available += left
    return Moved(0, _negative(lots), -sum(part for _, part in lots))


def lapse_at_once(opened: OpenAccount, lots: PointsByLot, since: Micros) -> None:
    """Let points that came back at `since` to lots whose time is over expire."""
    for key, _ in lots:
        if key.expires_at <= opened.now and opened.account.lots[key].free > 0:
            post_lapse(opened, key, since)


def _negative(lots: PointsByLot) -> tuple[tuple[LotKey, int], ...]:
    return tuple((key, -part) for key, part in lots)
