"""Points redeemed on orders: what an order's facts give back or take (account.md 5).

Part of settling an order (processors/settlement.py), for the few orders that redeemed points: what
comes back is posted before what the order earns, what is taken after it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from processors.trigger import Trigger
from rules.account.acts import Act
from rules.account.expiry import expires_at
from rules.account.giving_back import debit, debit_of, give_back, take_again
from rules.account.lots import LotKey, order_debit_lot
from rules.account.lots_needed import Intended, Intent
from rules.account.redemptions import DEBIT_NUMBER, Redemption
from rules.earning.redeemed_orders import (
    ORDER_POINTS_LIMIT,
    RedeemChange,
    Redeemed,
    captured_on,
    redeem_changes,
)
from schemas.events import CauseKind
from schemas.ids import NEVER, Micros
from schemas.settings import BoundRules
from schemas.settings.account_rules import AccountRules
from store.ledger import redemptions
from store.ledger.accounts import AccountKey, Intents, LockedAccount
from store.ledger.ledger import Ledger
from store.orders.orders import OrderKey, OrderRow
from store.postgres.session import Cursor
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest

_CAUSES: Final = frozenset({CauseKind.order, CauseKind.return_})
"""What entries of redeemed orders name as their cause; whatever else made us look, the order is."""


@dataclass(slots=True)
class RedeemedOrder:
    """An order with the differences to post on its redemptions, which were `known` when they came.

    `new_lot` is where points go that an order took into debt and that find none any more.
    """

    row: OrderRow
    trigger: Trigger
    known: Redeemed
    changes: Sequence[RedeemChange]
    settings_no: int | None
    new_lot: LotKey


class RedeemedOrders:
    """The orders of a batch on which points are redeemed, or are to be."""

    def __init__(
        self, orders: Sequence[RedeemedOrder], mismatched: int, met: Sequence[OrderKey]
    ) -> None:
        """`mismatched`: how many were found so. `met`: those for which something may wait."""
        self._orders, self._met = orders, met
        self.mismatched = mismatched

    @classmethod
    def find(
        cls,
        cursor: Cursor,
        todo: Sequence[tuple[OrderRow, Trigger]],
        merchants: Merchants,
        now: Micros,
        *,
        look_at_all: bool,
    ) -> "RedeemedOrders | None":
        """Those of some locked and bound orders that are to be given points back, or to pay.

        A capture does not write its order's row, which may not even be there: it asks for the order
        to be looked at again, then with `look_at_all`; and whoever hears of an order that is
        awaited does so, too. An order that redeemed points upstream is looked at here and now,
        since what was captured on it is no more to be debited.

        None, as a rule, when no order of them has to do with redeemed points.
        """
        asked = [row for row, _ in todo if look_at_all or _may_concern(row)]
        if not asked:
            return None
        known = redemptions.on_orders(cursor, sorted({row.key for row in asked}))
        # Beside the transaction that heard of an order a capture may say that it waits, once more.
        new = {row.key for row in asked if look_at_all or not row.facts.redeemed}
        met = sorted(new & known.keys())
        for row in asked:
            row.facts.redeemed |= row.key in known
        concerned = [(row, trigger) for row, trigger in todo if _may_concern(row)]
        if not concerned:
            return None
        found, mismatched = [], 0
        for row, trigger in concerned:
            redeemed = known.get(row.key, {})
            rules = merchants.rules[row.merchant_no, row.facts.settings_no]
            was, row.facts.mismatched = row.facts.mismatched, _is_mismatched(row, rules, redeemed)
            mismatched += row.facts.mismatched and not was
            changes = redeem_changes(
                row.facts,
                rules,
                merchants.installs[row.merchant_no],
                redeemed,
                _Policies(merchants, row.merchant_no),
            )
            if changes:
                found.append(_order(row, trigger, redeemed, changes, merchants, now))
        return cls(found, mismatched, met)

    def intents(self, others: Intents) -> Intents:
        """What is intended with which account, besides what others intend."""
        intents: dict[AccountKey, list[Intent]] = {key: [*some] for key, some in others.items()}
        for order in self._orders:
            for change in order.changes:
                key = (order.row.merchant_no, change.member)
                named = intents.setdefault(key, [])
                named.append(Intended(min(0, change.points), redeemed_on=order.row.order_id))
                if change.points > 0:
                    # A capture that was taken again may owe points, too, as a debit does.
                    named.append(Intended(0, order.new_lot))
        return intents

    def leave_overtaken(self, cursor: Cursor, ledger: Ledger) -> None:
        """Leaves orders to the recheck on which commands redeemed or returned points meanwhile.

        A command locks the orders that it names. Where one was not heard of yet, there was none to
        lock: what was read here before its account was locked is then not what is there, and what
        the command gave back would be given back twice.
        """
        left = [order for order in self._orders if _is_overtaken(order, ledger)]
        keys = {order.row.key for order in left}
        self._orders = [order for order in self._orders if order.row.key not in keys]
        recheck.add(
            cursor,
            [
                RecheckRequest(RecheckKind.ORDER, *order.row.key, order.trigger.occurred_at)
                for order in left
            ],
        )

    def give_back(self, ledger: Ledger) -> None:
        """Post what comes back, each order's in the order of its captures."""
        for order, change, account, redemption in self._in_hand(ledger):
            if change.points > 0:
                act = _act(order, account, redemption)
                give_back(account, act, redemption, change.points, order.new_lot)

    def take(self, ledger: Ledger) -> None:
        """Post what is taken again, and debits."""
        for order, change, account, redemption in self._in_hand(ledger):
            if change.points < 0:
                act = _act(order, account, redemption)
                taken = debit if redemption.is_debit else take_again
                taken(account, act, redemption, -change.points)
                order.row.facts.redeemed = True

    def note_met(self, cursor: Cursor) -> None:
        """Nothing waits for these orders any more.

        Behind the accounts' locks: a capture that has its account's may wait for what this deletes.
        """
        if self._met:
            redemptions.met(cursor, self._met)

    def _in_hand(
        self, ledger: Ledger
    ) -> Iterable[tuple[RedeemedOrder, RedeemChange, LockedAccount, Redemption]]:
        for order in self._orders:
            for change in order.changes:
                account = ledger.accounts[order.row.merchant_no, change.member]
                yield order, change, account, _redemption(order, change, account)


def _is_overtaken(order: RedeemedOrder, ledger: Ledger) -> bool:
    """Whether a member's redemptions on the order are others by now."""
    merchant_no, order_id = order.row.key
    return any(
        _figures(ledger.accounts[merchant_no, change.member].account.redemptions[order_id])
        != _figures(order.known.get(change.member, ()))
        for change in order.changes
    )


def _figures(each: Iterable[Redemption]) -> list[tuple[int, int, int, int]]:
    return sorted((one.number, one.points, one.manual, one.returned) for one in each)


class _Policies:
    """The account's rules of a merchant's settings versions."""

    def __init__(self, merchants: Merchants, merchant_no: int) -> None:
        self._merchants, self._merchant_no = merchants, merchant_no

    def __call__(self, version: int | None) -> AccountRules | None:
        rules = self._merchants.rules[self._merchant_no, version or 0]
        return rules.account if rules is not None else None


def _may_concern(row: OrderRow) -> bool:
    return row.facts.redeemed or row.facts.mismatched or _order_points(row) > 0


def _order_points(row: OrderRow) -> int:
    record = row.facts.record
    return record.order_points if record is not None else 0


def _is_mismatched(row: OrderRow, rules: BoundRules | None, redeemed: Redeemed) -> bool:
    """Whether an order redeemed other points than were captured, and these are not debited.

    They are only observed, or so many that they are ignored.
    """
    figure = _order_points(row)
    debits = rules is not None and rules.account.debit_orders and figure <= ORDER_POINTS_LIMIT
    return not debits and figure != captured_on(redeemed)


def _order(
    row: OrderRow,
    trigger: Trigger,
    redeemed: Redeemed,
    changes: Sequence[RedeemChange],
    merchants: Merchants,
    now: Micros,
) -> RedeemedOrder:
    current = merchants.in_force(row.merchant_no, now)
    rules = current.rules
    expires = NEVER if rules is None else expires_at(now, rules.expiry, rules.zone)
    new_lot = order_debit_lot(expires, row.order_id)
    return RedeemedOrder(row, trigger, redeemed, changes, current.version, new_lot)


def _redemption(order: RedeemedOrder, change: RedeemChange, account: LockedAccount) -> Redemption:
    order_id = order.row.order_id
    if change.number == DEBIT_NUMBER:
        return debit_of(account.account, order_id, order.row.facts.settings_no)
    each = account.account.redemptions[order_id]
    return next(one for one in each if one.number == change.number)


def _act(order: RedeemedOrder, account: LockedAccount, redemption: Redemption) -> Act:
    trigger = order.trigger
    named = trigger.cause in _CAUSES
    return Act.of_law(
        account.merchant_id,
        account.member_id,
        redemption,
        order.settings_no,
        trigger.occurred_at,
        trigger.cause if named else CauseKind.order,
        trigger.cause_id if named else None,
        trigger.traceparent(),
    )
