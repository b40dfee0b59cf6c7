"""Who earns and how much, and the platform's own figure (rules.md 7), in words.

See rules.md 1.3 to 1.6.
"""

from collections.abc import Iterator, Sequence

from rules.earning.earning import (
    channel_of,
    completed_returns,
    counted_returns,
    currencies_of,
    goods_of,
    is_foreign,
)
from rules.earning.upstream_figures import compare, our_points
from rules.explain.case import OrderCase
from rules.explain.formatting import money_shown, points_shown
from rules.order.facts import ORDER_KEYS, OrderRecord, ReturnOrder, version_of_key
from rules.order.membership import left_at, registered_at
from schemas.packing import unpack_id
from schemas.settings import BoundRules

_SUBTOTAL = next(bit for bit, fields in ORDER_KEYS.items() if "subtotal" in fields)


def member_steps(case: OrderCase, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
    """Whose order it is, and whether its channel and kind earn."""
    if record.member is None:
        yield "no_member: the order belongs to no member."
    elif record.guest:
        member = unpack_id(record.member)
        yield f"guest_checkout: a guest checkout earns nothing, not even for member {member}."
    else:
        yield _buyer(case, unpack_id(record.member), record)
    yield _channel(case, record, rules)
    if case.decided.reason == "pos_return":
        yield f"pos_return: a till's order of type {record.kind} earns nothing."
    if case.decided.reason == "temporary_order":
        yield "temporary_order: its status is temp."


def _channel(case: OrderCase, record: OrderRecord, rules: BoundRules) -> str:
    inherited = case.view.facts.inherited
    created_by = record.created_by if inherited is None else inherited.created_by
    channel, allowed = channel_of(created_by), " and ".join(sorted(rules.channels))
    by = f"Created by {created_by}" if created_by else "Its creator is unknown"
    if channel in rules.channels:
        return f"{by}: channel {channel}, which earns ({allowed})."
    return f"channel_excluded: {by.lower()}: channel {channel}; only {allowed} earns."


def _buyer(case: OrderCase, member: str, record: OrderRecord) -> str:
    facts = case.view.facts
    created_at, order = record.created_at, "the order"
    if facts.inherited is not None:
        created_at, order = facts.inherited.created_at, f"order {unpack_id(facts.inherited.root)}"
    registered = registered_at(facts.buyer, created_at)
    if case.decided.reason == "registered_later" and registered is not None:
        when = case.at(registered)
        return f"registered_later: {member} became a member {when}, after {order} was made."
    if case.decided.reason == "not_a_member":
        said = f"customer events say that {member} was not a member"
        return f"not_a_member: {said} when {order} was made."
    left = left_at(facts.buyer, created_at)
    since = f", registered {case.at(registered)}" if registered is not None else ""
    if left is not None:
        kept = "that changes nothing for this order"
        return f"Member {member}{since}. Left {case.at(left)}, after {order} was made: {kept}."
    return f"Member {member}{since}."


def amount_steps(case: OrderCase, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
    """From the subtotal to the base, and from the base to the points."""
    yield _goods(case, record, rules)
    yield "Delivery fee, payment fee, tax and extra fees never count."
    if record.user_credit and not rules.deduct_store_credit:
        spent = case.money(record.user_credit)
        yield f"Store credits spent ({spent}) do not lower the base (deduct_store_credit is off)."
    yield from _returns(case, rules)
    if case.view.till_returns:
        named = ", ".join(case.view.till_returns)
        yield f"A till's order of type return names it ({named}): that is no return of it."
    if case.decided.reason == "feature_off":
        return
    earning = case.decided.earning
    goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
    below = " (below zero counts as zero)" if goods < earning.returned else ""
    yield f"Base: {case.money(earning.base)}{below}."
    yield _points(case, record, rules)


def _goods(case: OrderCase, record: OrderRecord, rules: BoundRules) -> str:
    credit = record.user_credit if rules.deduct_store_credit else 0
    deductions = (
        (record.order_discount, "order discount"),
        (record.custom_discount, "custom discounts"),
        (record.points_to_cash, "points used as cash"),
        (credit, "store credits (deduct_store_credit is on)"),
    )
    parts = [f"Subtotal {case.money(record.subtotal)}"]
    parts += [f"less {name} {case.money(amount)}" for amount, name in deductions if amount]
    if len(parts) == 1:
        return f"{parts[0]}; no discounts."
    goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
    return f"{', '.join(parts)} = {case.money(goods)}."


def _returns(case: OrderCase, rules: BoundRules) -> Iterator[str]:
    facts = case.view.facts
    returns = facts.returns
    if not returns:
        return
    completed = [r for r in returns if r.status == "completed"]
    foreign = [r for r in completed if is_foreign(r, rules.currency)]
    counting = completed_returns(facts, rules.currency)
    counted, worth = case.decided.earning.returned, counted_returns(facts, rules, None)
    if counting:
        paid = sum(r.total or 0 for r in counting)
        share = f"their goods' share of the base is {case.money(worth)}" if paid != worth else ""
        lowers = f"{case.money(counted)} lowers the base"
        told = [f"together {case.money(paid)}", *([share] if share else []), lowers]
        yield f"Completed returns: {len(counting)}, {'; '.join(told)}."
    without = sum(1 for r in counting if r.total is None)
    if without:
        yield f"Returns without total: {without}; they count by their items, if they have any."
    if foreign:
        yield f"Returns in another currency: {len(foreign)}; they are not counted."
    if rules.keep and counted < worth:
        yield "on_return is keep: returns dated at or after the due date change nothing."
    if len(completed) < len(returns):
        yield f"Returns not completed: {len(returns) - len(completed)}; they do not count."
    record = facts.record
    if counting and record is not None and _edited_since(record, counting):
        yield (
            "The order was edited after a return: goods that came back and were then also taken "
            "out of the order lower the base twice."
        )


def _edited_since(record: OrderRecord, returns: Sequence[ReturnOrder]) -> bool:
    """Whether the newest amounts of the order are from after a return was requested."""
    amounts = version_of_key(record, _SUBTOTAL)
    return amounts is not None and any(one.dated < amounts.at for one in returns)


def _points(case: OrderCase, record: OrderRecord, rules: BoundRules) -> str:
    reason, base = case.decided.earning.reason, case.decided.earning.base
    inherited = case.view.facts.inherited
    tier = case.view.facts.tier if inherited is None else inherited.tier
    if reason == "currency_mismatch":
        theirs = f"the settings in {rules.currency}"
        found = currencies_of(record, deduct_store_credit=rules.deduct_store_credit)
        other = next((c for c in found if c not in {None, rules.currency}), record.currency)
        what = "the order is" if other == record.currency else "an amount of it is"
        return f"currency_mismatch: {what} in {other}, {theirs}; it earns nothing."
    if reason == "no_rule_for_tier":
        whose = f"tier {tier}" if tier else "an order without tier"
        return f"no_rule_for_tier: there is no rule for {whose} and no general one."
    unit, per_unit = rules.unit_by_tier.get(tier) or rules.unit_by_tier.get(None) or (0, 0)
    if not unit:
        return "It earns nothing."
    each = f"{points_shown(per_unit)} for every full {money_shown(unit, rules.currency)}"
    rule = f"{each}, {_whose_rule(tier, rules)}"
    product = f"{base // unit:,} × {per_unit:,} = {points_shown(base // unit * per_unit)}"
    if reason == "over_limit":
        limit = "more than 1,000,000,000 points is taken for a mistake and earns nothing"
        return f"over_limit: {rule}: {product}; {limit}."
    if_it_could = f", if it could earn ({reason})" if reason else ""
    return f"{rule[0].upper()}{rule[1:]}: {product}{if_it_could}."


def _whose_rule(tier: str | None, rules: BoundRules) -> str:
    if not tier:
        return "the general rule"
    if tier in rules.unit_by_tier:
        return f"the rule of tier {tier}"
    return f"the general rule (tier {tier} has none of its own)"


def upstream_steps(case: OrderCase, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
    """The platform's own figure, where it gave one, and how ours compares."""
    outcome = compare(case.view.facts, rules, case.decided)
    if outcome is None or record.summary_points is None:
        return
    days = f" after {record.summary_days} days" if record.summary_days is not None else ""
    theirs = f"is {points_shown(record.summary_points)}{days}"
    ours = f"ours {points_shown(our_points(case.decided))} after {rules.pending_days}"
    yield (
        f"The platform's own figure (member_point_summary) {theirs}, {ours}: {outcome}. "
        "It is only compared: points are never granted from it."
    )
