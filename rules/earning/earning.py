"""What an order would earn by its amount and its buyer (rules.md 1), whenever that is."""

from typing import NamedTuple

from rules.order.facts import (
    AMOUNTS,
    NOT_EARNING_KINDS,
    OrderFacts,
    OrderRecord,
    ReturnOrder,
)
from rules.order.folding import currency_of
from rules.order.membership import UNKNOWN_BUYER, not_yet_a_member
from rules.order.trail import CANCELLED, resolved
from schemas.ids import Micros
from schemas.settings import BoundRules
from schemas.upstream.base import INT64

POINTS_LIMIT = 1_000_000_000
"""Beyond so many points of one order nothing is granted (`over_limit`): it is a typing mistake."""

RETAIL_CHANNELS = frozenset({"pos", "shop_crm"})
ONLINE_CHANNELS = frozenset({"shop", "sc", "mc", "admin", "openapi", "import"})


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


def counted_returns(facts: OrderFacts, rules: BoundRules, keep_from: Micros | None) -> int:
    """What the completed returns lower the base by, in minor units (D16).

    Each by what its goods had earned: the smaller of its total and its items' share of the base.
    With `keep`, only those dated before the due date count (rules.md 4.3). Fractions are added up
    and rounded down once.
    """
    record = facts.record
    if record is None:
        return 0
    whole = max(0, goods_of(record, deduct_store_credit=rules.deduct_store_credit))
    parts = max(1, record.subtotal)
    taken = sum(
        goods_back(one, whole, parts)
        for one in completed_returns(facts, rules.currency)
        if keep_from is None or one.dated < keep_from
    )
    return min(taken // parts, INT64 - 1)  # what the database can hold


def completed_returns(facts: OrderFacts, currency: str | None) -> list[ReturnOrder]:
    """The returns that count: completed, and in this currency (D11)."""
    return [
        one for one in facts.returns if one.status == "completed" and not is_foreign(one, currency)
    ]


def is_foreign(one: ReturnOrder, currency: str | None) -> bool:
    """Whether an amount of the return is in another currency."""
    return any(code not in {None, currency} for code in (one.currency, one.items_currency))


def goods_back(one: ReturnOrder, whole: int, parts: int) -> int:
    """What a return's goods had earned on, in minor units times `parts` (D16).

    `whole` is the amount of all goods, of which each has the share that its price is of the
    subtotal, `parts`.
    """
    amounts = []
    if one.total is not None:
        amounts.append(one.total * parts)
    if one.items is not None:
        amounts.append(one.items * whole)
    return min(amounts, default=0)


def list_price(one: ReturnOrder) -> int:
    """What a return's goods cost by their price tags; without items what was paid back for them."""
    return one.items if one.items is not None else one.total or 0


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


def withdrawal_of(facts: OrderFacts, rules: BoundRules, earning: Earning) -> str | None:
    """Why the order has lost what it earns, if it has.

    `combined` into another order, `cancelled`, `refunded`, or wholly `returned`.

    See rules.md 1.7, 4.3.
    """
    if facts.origin.combined_to:
        return "combined"
    entries = facts.trail.entries
    if entries and resolved(facts.trail).newest() in CANCELLED:
        return "cancelled"
    if facts.record is not None and facts.record.refunded and rules.refund_takes_back:
        return "refunded"
    if earning.returned and earning.goods > 0 and not earning.base:
        return "returned"
    return None


def currencies_of(record: OrderRecord, *, deduct_store_credit: bool) -> list[str | None]:
    """The currencies of the order and of each amount that enters its base (D11)."""
    entering = AMOUNTS if deduct_store_credit else AMOUNTS[:-1]
    return [record.currency, *(currency_of(record, amount) for amount in entering)]


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
    return "currency_mismatch" if _is_in_another_currency(record, rules) else None


def _is_in_another_currency(record: OrderRecord, rules: BoundRules) -> bool:
    if record.currency == rules.currency and not record.currencies:
        return False
    found = currencies_of(record, deduct_store_credit=rules.deduct_store_credit)
    return any(code not in {None, rules.currency} for code in found)
