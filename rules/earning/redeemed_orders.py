"""What of the points redeemed on an order comes back: a law over the order's facts (account.md 5).

As for earning, the target follows from the facts alone, and the difference is posted whenever a
fact changes: so events may come twice, late or in any order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from rules.account.holds import Purpose
from rules.account.redemptions import DEBIT_NUMBER, Redemption
from rules.earning.earning import completed_returns, goods_back, goods_of, list_price
from rules.earning.entitlement import Installs, bound_at, feature_in_force
from rules.order.facts import OrderFacts, OrderRecord
from rules.order.trail import CANCELLED, resolved
from schemas.settings import BoundRules
from schemas.settings.account_rules import AccountRules

ORDER_POINTS_LIMIT: Final = 1_000_000_000
"""An order that says it redeemed more is a typing mistake: it is ignored, and counted."""


class Part(NamedTuple):
    """A part of a whole, `of` > 0: what came back of an order."""

    part: int
    of: int

    @property
    def is_whole(self) -> bool:
        """Whether all came back."""
        return self.part >= self.of


NOTHING: Final = Part(0, 1)


def part_returned(facts: OrderFacts, rules: BoundRules | None) -> Part:
    """The part of an order that came back: f of account.md 5, unrounded, at most the whole.

    It is what the completed returns lower the earning base by (D16), of the base before returns, so
    that points and base move by one measure. Where that base is 0 the goods' list prices stand in,
    of the subtotal; an order whose subtotal is 0 as well has no measure, and nothing comes back of
    it by itself. `rules` are those that the order is bound to; without, its own currency counts.
    """
    record = facts.record
    if record is None or not facts.returns:
        return NOTHING
    deducts = rules is not None and rules.deduct_store_credit
    whole = max(0, goods_of(record, deduct_store_credit=deducts))
    subtotal = max(1, record.subtotal)
    returns = completed_returns(facts, rules.currency if rules is not None else record.currency)
    if whole:
        amounts = (goods_back(one, whole, subtotal) for one in returns)
        return _at_most_whole(sum(amounts), whole * subtotal)
    if record.subtotal <= 0:
        return NOTHING
    return _at_most_whole(sum(map(list_price, returns)), subtotal)


def _at_most_whole(part: int, of: int) -> Part:
    return Part(min(part, of), of)


def given_back_of(
    points: int,
    purpose: Purpose | None,
    policy: AccountRules,
    facts: OrderFacts,
    rules: BoundRules | None,
) -> int:
    """What of `points` redeemed on an order comes back by itself.

    `purpose` is the capture's, None of a debit, which counts as cash. `policy` is that of the
    settings in force at the hold, for good (A7), and of a debit that of the order's own.
    """
    if policy.returns_on_cancel and is_undone(facts, rules):
        return points
    if not policy.returns_in_proportion:
        return 0
    returned = part_returned(facts, rules)
    if purpose is Purpose.gift:
        return points if returned.is_whole else 0
    return points * returned.part // returned.of


def is_undone(facts: OrderFacts, rules: BoundRules | None) -> bool:
    """Whether the order was cancelled or removed, or withdrawn by a refund (D17).

    One that went into another order lives on there, and gives nothing back by that (D13).
    """
    record = facts.record
    if record is not None and record.refunded and rules is not None and rules.refund_takes_back:
        return True
    if facts.origin.combined_to or not facts.trail.entries:
        return False
    return resolved(facts.trail).newest() in CANCELLED


def debit_of(facts: OrderFacts, rules: BoundRules | None, installs: Installs, captured: int) -> int:
    """What an order that redeemed upstream takes from its member, before anything comes back.

    `captured` are the points of all captures on it. 0 unless the settings that the order is bound
    to say `debit` and were in force.
    """
    record = facts.record
    if record is None or rules is None or not rules.account.debit_orders or not _has_debtor(record):
        return 0
    if facts.origin.combined_to or record.order_points > ORDER_POINTS_LIMIT:
        return 0
    if not feature_in_force(rules, installs, bound_at(facts, record)):
        return 0
    return max(0, record.order_points - captured)


def _has_debtor(record: OrderRecord) -> bool:
    return record.member is not None and record.status != "temp"


class RedeemChange(NamedTuple):
    """A difference to post on one of an order's redemptions (`number`, of `member`).

    Positive `points` come back, negative ones are taken.
    """

    member: bytes
    number: int
    points: int


Redeemed = Mapping[bytes, Sequence[Redemption]]
"""The redemptions on an order, by the member whose points they are."""
Policies = Callable[[int | None], AccountRules | None]
"""What a settings version says of points that come back."""


def captured_on(redeemed: Redeemed) -> int:
    """The points of all captures on an order, whatever came back of them."""
    return sum(one.points for each in redeemed.values() for one in each if not one.is_debit)


def redeem_changes(
    facts: OrderFacts,
    rules: BoundRules | None,
    installs: Installs,
    redeemed: Redeemed,
    policies: Policies,
) -> list[RedeemChange]:
    """What differs between what is out on an order and what should be, capture by capture."""
    owed = debit_of(facts, rules, installs, captured_on(redeemed))
    debtor = facts.record.member if facts.record is not None and owed else None
    changes = []
    for member, each in sorted(redeemed.items()):
        for one in sorted(each, key=lambda one: (one.is_debit, one.number)):
            if not one.is_debit:
                target = one.points - _back(one.points, one, policies, facts, rules)
                changes.append(RedeemChange(member, one.number, one.out - target))
            elif member != debtor:
                changes.append(RedeemChange(member, one.number, one.out))
    if debtor is not None:
        before = next((one for one in redeemed.get(debtor, ()) if one.is_debit), None)
        known = before or Redemption(b"", DEBIT_NUMBER, None, 0, facts.settings_no)
        target = owed - _back(owed, known, policies, facts, rules)
        changes.append(RedeemChange(debtor, DEBIT_NUMBER, known.out - target))
    return [change for change in changes if change.points]


def _back(
    points: int,
    one: Redemption,
    policies: Policies,
    facts: OrderFacts,
    rules: BoundRules | None,
) -> int:
    """What of `points` of a redemption should have been given back, by hand and by itself."""
    settings_no = facts.settings_no if one.is_debit else one.settings_no
    policy = policies(settings_no)
    by_itself = 0 if policy is None else given_back_of(points, one.purpose, policy, facts, rules)
    return min(points, one.manual + by_itself)
