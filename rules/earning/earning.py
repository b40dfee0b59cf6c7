"""What an order would earn by its amount and its buyer (rules.md 1), whenever that is."""

from collections.abc import Iterable
from typing import NamedTuple

from rules.order.facts import OrderFacts, OrderRecord, ReturnOrder
from rules.order.membership import UNKNOWN_BUYER, not_yet_a_member
from rules.order.trail import CANCELLED, COMPLETED, since
from schemas.ids import Micros
from schemas.settings import BoundRules
from schemas.upstream.base import INT64

POINTS_LIMIT = 1_000_000_000
"""Beyond so many points of one order nothing is granted (`over_limit`): it is a typing mistake."""

RETAIL_CHANNELS = frozenset({"pos", "shop_crm"})
ONLINE_CHANNELS = frozenset({"shop", "sc", "mc", "admin", "openapi", "import"})
NOT_EARNING_KINDS = frozenset({"return", "exchange"})


class Earning(NamedTuple):
    """Base in minor units and points, or the `reason` why there are none.

    `returned` is what was sent back, `goods` the amount of the goods before that.
    """

    base: int
    points: int
    reason: str | None = None
    returned: int = 0
    goods: int = 0


def channel_of(created_by: str | None) -> str:
    """`retail` for tills and kiosks, else `ec` (rules.md 1.4); unknown ones count as `ec`."""
    return "retail" if created_by in RETAIL_CHANNELS else "ec"


def counted_returns(returns: Iterable[ReturnOrder], keep_from: Micros | None) -> int:
    """Sum of the completed returns in minor units.

    With `keep`, only of those dated before the due date (rules.md 4.3).
    """
    total = 0
    for return_order in returns:
        at = since(return_order.trail, COMPLETED)
        if at is not None and (keep_from is None or at < keep_from):
            total += return_order.total
    return min(total, INT64 - 1)  # what the database can hold


def goods_of(record: OrderRecord, *, deduct_store_credit: bool) -> int:
    """The amount of the goods that counts, before returns (rules.md 1.2), in minor units.

    May be negative.
    """
    amount = (
        record.subtotal - record.order_discount - record.custom_discount - record.points_to_cash
    )
    return amount - record.user_credit if deduct_store_credit else amount


def earning_of(facts: OrderFacts, rules: BoundRules, returned: int) -> Earning:
    """What the order earns under its rules, less `returned` minor units of goods (rules.md 1)."""
    record = facts.record
    if record is None:
        return Earning(0, 0, "unknown_order")
    goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
    base = max(0, goods - returned)
    reason = _refusal(record, facts, rules)
    if reason is not None:
        return Earning(base, 0, reason, returned, goods)
    tier = facts.tier if facts.inherited is None else facts.inherited.tier
    unit, per_unit = rules.unit_by_tier.get(tier) or rules.unit_by_tier.get(None) or (0, 0)
    if not unit:
        return Earning(base, 0, "no_rule_for_tier", returned, goods)
    points = base // unit * per_unit
    if points > POINTS_LIMIT:
        return Earning(base, 0, "over_limit", returned, goods)
    return Earning(base, points, None, returned, goods)


def withdrawal_of(facts: OrderFacts, earning: Earning) -> str | None:
    """Why the order has lost what it earns, if it has.

    `combined` into another order, `cancelled`, or wholly `returned` (rules.md 1.7, 4.3).
    """
    if facts.origin.combined_to:
        return "combined"
    entries = facts.trail.entries
    if entries and entries[-1].state in CANCELLED:
        return "cancelled"
    if earning.returned and earning.goods > 0 and not earning.base:
        return "returned"
    return None


def _refusal(record: OrderRecord, facts: OrderFacts, rules: BoundRules) -> str | None:
    # Of a split child its root's creation counts; customer and guest flag are its own.
    created_at, created_by = record.created_at, record.created_by
    if facts.inherited is not None:
        created_at, created_by = facts.inherited.created_at, facts.inherited.created_by
    if record.member is None:
        return "no_member"
    if record.guest:
        return "guest_checkout"
    if facts.buyer is not UNKNOWN_BUYER:
        reason = not_yet_a_member(facts.buyer, created_at)
        if reason is not None:
            return reason
    if channel_of(created_by) not in rules.channels:
        return "channel_excluded"
    if record.kind in NOT_EARNING_KINDS and record.created_by in RETAIL_CHANNELS:
        return "pos_return"
    if record.status == "temp":
        return "temporary_order"
    if record.currency is not None and record.currency != rules.currency:
        return "currency_mismatch"
    return None
