"""What an order would earn by its amount and who ordered it (SPEC 1), before the question of when."""

from collections.abc import Iterable
from typing import NamedTuple

from rules.order.facts import UNKNOWN_BUYER, Buyer, OrderFacts, OrderRecord, ReturnOrder
from rules.order.trail import COMPLETED, since
from schemas.ids import Micros
from schemas.settings import BoundRules
from schemas.upstream.base import INT64

POINTS_LIMIT = 1_000_000_000
"""Points of one order beyond which nothing is granted (`over_limit`): a typing mistake, not a
purchase.
"""

RETAIL_CHANNELS = frozenset({"pos", "shop_crm"})
ONLINE_CHANNELS = frozenset({"shop", "sc", "mc", "admin", "openapi", "import"})
NOT_EARNING_KINDS = frozenset({"return", "exchange"})


class Earning(NamedTuple):
    """Base in minor units and points, or why there are none (`reason`.

    None when the order can earn).
    """

    base: int
    points: int
    reason: str | None = None
    returned: int = 0
    goods: int = 0


def channel_of(created_by: str | None) -> str:
    """`retail` for tills and kiosks, else `ec` (SPEC 1.4); unknown ones count as `ec`."""
    return "retail" if created_by in RETAIL_CHANNELS else "ec"


def counted_returns(returns: Iterable[ReturnOrder], keep_from: Micros | None) -> int:
    """Sum of the completed returns in minor units.

    With `keep`, only of those dated before the due date (SPEC 4.3).
    """
    total = 0
    for one in returns:
        at = since(one.trail, COMPLETED)
        if at is not None and (keep_from is None or at < keep_from):
            total += one.total
    return min(total, INT64 - 1)


def goods_of(record: OrderRecord, *, deduct_store_credit: bool) -> int:
    """The amount of the goods that counts, before returns (SPEC 1.2), in minor units.

    May be negative.
    """
    amount = (
        record.subtotal - record.order_discount - record.custom_discount - record.points_to_cash
    )
    return amount - record.user_credit if deduct_store_credit else amount


def earning_of(facts: OrderFacts, rules: BoundRules, returned: int) -> Earning:
    """What the order earns under the rules it is bound to, with `returned` minor units of goods sent back."""
    record = facts.record
    if record is None:
        return Earning(0, 0, "unknown_order")
    goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
    base = max(0, goods - returned)
    reason = _refusal(record, facts.buyer, rules)
    if reason is not None:
        return Earning(base, 0, reason, returned, goods)
    unit, per_unit = rules.unit_by_tier.get(facts.tier) or rules.unit_by_tier.get(None) or (0, 0)
    if not unit:
        return Earning(base, 0, "no_rule_for_tier", returned, goods)
    points = base // unit * per_unit
    if points > POINTS_LIMIT:
        return Earning(base, 0, "over_limit", returned, goods)
    return Earning(base, points, None, returned, goods)


def _refusal(record: OrderRecord, buyer: Buyer, rules: BoundRules) -> str | None:
    if record.member is None:
        return "no_member"
    if record.guest:
        return "guest_checkout"
    if (
        buyer is not UNKNOWN_BUYER
        and (reason := not_yet_a_member(buyer, record.created_at)) is not None
    ):
        return reason
    if channel_of(record.created_by) not in rules.channels:
        return "channel_excluded"
    if record.kind in NOT_EARNING_KINDS and record.created_by in RETAIL_CHANNELS:
        return "pos_return"
    if record.status == "temp":
        return "temporary_order"
    if record.currency is not None and record.currency != rules.currency:
        return "currency_mismatch"
    return None


def not_yet_a_member(buyer: Buyer, created_at: Micros) -> str | None:
    """Why the buyer was no member when he ordered (SPEC 1.5, 1.9).

    None when he was, or when nothing is known of it.

    When he registered tells more than whether he is a member now, so `is_member` counts without
    `registered_at` only.
    """
    if buyer.registered_at is not None:
        return "registered_later" if buyer.registered_at > created_at else None
    return "not_a_member" if buyer.is_member is False else None
