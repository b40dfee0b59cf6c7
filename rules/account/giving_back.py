"""What orders took comes back, is taken again, or is taken without a hold (account.md 5)."""

from rules.account.account import Account, Moved, take
from rules.account.acts import Act, occurred_at, post
from rules.account.entries import OpenAccount
from rules.account.holding import lapse_at_once
from rules.account.lots import Lot, LotKey
from rules.account.points_by_lot import PointsByLot, merged, soonest_parts, usable_after_debt
from rules.account.redemptions import DEBIT_NUMBER, Redemption
from schemas.events import CauseKind, EntryType


def give_back(
    opened: OpenAccount, act: Act, redemption: Redemption, points: int, new_lot: LotKey
) -> None:
    """Give back points of a redemption, at most what is out.

    What it took into debt comes back first, against debt, and what finds none goes to `new_lot`
    (rules.account.lots.order_debit_lot). The rest goes to the lots it came from, the
    latest-expiring first (A9), pays debt, and expires at once where the lot's time is over. All
    these lots must be in hand.
    """
    account = opened.account
    from_debt = min(points, redemption.debt)
    to_lots, kept = soonest_parts(reversed(redemption.lots), points - from_debt)
    redemption.debt -= from_debt
    redemption.lots = sorted(kept)
    redemption.returned += points
    if act.cause is CauseKind.command:
        redemption.manual += points
    usable = merged([*_against_debt(account, from_debt, new_lot), *_to_lots(account, to_lots)])
    post(
        opened,
        act,
        EntryType.returned,
        Moved(points, tuple(usable)),
        settings_no=act.settings_no,
        order_id=redemption.order_id,
    )
    _count(act, redemption)
    lapse_at_once(opened, usable, occurred_at(opened, act))


def _against_debt(account: Account, points: int, new_lot: LotKey) -> PointsByLot:
    paid = min(points, account.debt)
    account.debt -= paid
    left = points - paid
    if not left:
        return []
    lot = account.lots.setdefault(new_lot, Lot())
    lot.points += left
    lot.remaining += left
    account.available += left
    return [(new_lot, left)]


def _to_lots(account: Account, lots: PointsByLot) -> PointsByLot:
    usable, account.debt = usable_after_debt(lots, account.debt)
    for key, left in usable:
        account.lots[key].remaining += left
        account.available += left
    return usable


def take_again(opened: OpenAccount, act: Act, redemption: Redemption, points: int) -> None:
    """Take points that had been given back, FEFO; what is missing becomes debt (A8)."""
    redemption.returned -= points
    _take(opened, act, redemption, points)


def debit_of(account: Account, order_id: bytes, settings_no: int | None) -> Redemption:
    """The order's debit on an account, with 0 points when there was none.

    The order's redemptions must be in hand.
    """
    redemptions = account.redemptions.setdefault(order_id, [])
    for redemption in redemptions:
        if redemption.is_debit:
            return redemption
    made = Redemption(order_id, DEBIT_NUMBER, None, 0, settings_no)
    redemptions.insert(0, made)
    return made


def debit(opened: OpenAccount, act: Act, redemption: Redemption, points: int) -> None:
    """Take points that an order redeemed elsewhere, FEFO; what is missing becomes debt."""
    redemption.points += points
    _take(opened, act, redemption, points)


def _take(opened: OpenAccount, act: Act, redemption: Redemption, points: int) -> None:
    account = opened.account
    taken, missing = take(account, points)
    account.debt += missing
    redemption.debt += missing
    redemption.add_lots([(key, -part) for key, part in taken])
    post(
        opened,
        act,
        EntryType.redeemed,
        Moved(-points, tuple(taken)),
        settings_no=redemption.settings_no,
        order_id=redemption.order_id,
    )
    _count(act, redemption)


def _count(act: Act, redemption: Redemption) -> None:
    """Remember how many entries the law made, which names the next one."""
    if act.cause is not CauseKind.command:
        redemption.entries = act.entries
