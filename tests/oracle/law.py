"""What an order is entitled to, from all its records: rules.md 1 to 4, read straight through.

Nothing is remembered between two questions but what the rules themselves call recorded: the
settings that the order is bound to and the granted episode of finality.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle.carriers import Statement
from tests.oracle.delivery import final_episode
from tests.oracle.records import (
    Episode,
    Order,
    Settings,
    by_thing,
    in_order,
    is_cancelled,
    last_run,
    overlaid,
)
from tests.oracle.upstream import MOST, CustomerRecord, VersionedRecord, cents, instant, size

FRACTION = {"TWD": 0, "JPY": 0, "HKD": 2, "USD": 2}


@dataclass
class Entitled:
    """The answer: a state as `explain` names it, the points by the amount, and those due now."""

    state: str
    points: int = 0
    due_points: int = 0
    member: str | None = None
    episode: Episode | None = None


@dataclass
class Circumstances:
    """What decides together with an order's own records.

    `bound` and `bound_at` are the settings it is bound to and the creation that they were chosen
    by; `root` is the order whose creation, tier and channel count: its own, or what it was split
    from in the end (rules.md 1.7).
    """

    root: Order
    bound: Settings | None = None
    bound_at: datetime | None = None
    installs: list[tuple[datetime, bool]] = field(default_factory=list)
    statements: Mapping[str, list[list[Statement]]] = field(default_factory=dict)
    customer: list[CustomerRecord] = field(default_factory=list)


def feature_on(
    settings: Settings, installs: list[tuple[datetime, bool]], created: datetime
) -> bool:
    """rules.md 1.8."""
    if not settings["enabled"]:
        return False
    has = settings["entitlement"]
    if "crm_credits" in has.get("modules", []):
        return True
    if has["plan"] not in ("o2o", "enterprise"):
        return False
    since = datetime.fromisoformat(settings["effective_at"])
    events = [(at, installed) for at, installed in installs if since <= at <= created]
    return max(events)[1] if events else bool(has.get("app_installed"))


def tier_of(order_records: list[VersionedRecord]) -> str | None:
    """The tier at creation: what the oldest record that says anything of it says, also *none*."""
    for record in order_records:
        tier = record.what.get("membership_tier_data", {})
        if tier is None:
            return None
        if "_id" in tier:
            return tier["_id"] or None
    return None


def returned_total(
    order: Order, keep_from: datetime | None, settings: Settings, newest: dict[str, Any]
) -> int:
    """What completed returns take off the base (D16).

    With `keep`, those requested before the due date only.
    """
    whole = max(0, goods(newest, settings["earn"]))
    taken = Fraction(0)
    for records in by_thing(order.records("return")).values():
        what = overlaid(records)[-1].what
        requested = instant(what.get("created_at")) or min(s.version[0] for s in records)
        if what.get("status") != "completed" or (keep_from and requested >= keep_from):
            continue
        amounts = [what.get("total"), *[item.get("total") for item in what.get("items") or ()]]
        if any(a and a["cents"] and in_another(a.get("currency_iso"), settings) for a in amounts):
            continue
        ways = [Fraction(size(what["total"]))] if what.get("total") else []
        if what.get("items"):
            listed = min(sum(size(item.get("total")) for item in what["items"]), MOST)
            ways.append(Fraction(listed * whole, max(1, cents(newest.get("subtotal")))))
        taken += min(ways, default=Fraction(0))
    return min(floor(taken), MOST)


def in_another(currency: str | None, settings: Settings) -> bool:
    """Whether an amount is in another currency than the settings' (D11)."""
    return bool(currency) and str(currency).upper() != settings["currency"]


def amounts_of(record: dict[str, Any], earn: dict[str, Any]) -> list[dict[str, Any]]:
    """The amounts that enter the base."""
    names = ["subtotal", "order_discount", "order_points_to_cash"]
    names += ["user_credit"] if earn.get("deduct_store_credit") else []
    amounts = [record.get(name) for name in names]
    amounts += [item.get("total") for item in record.get("custom_discount_items") or ()]
    return [amount for amount in amounts if amount and amount["cents"]]


def goods(record: dict[str, Any], earn: dict[str, Any]) -> int:
    """The base before returns (rules.md 1.2)."""
    amount = (
        cents(record.get("subtotal"))
        - size(record.get("order_discount"))
        - size(record.get("order_points_to_cash"))
    )
    custom = sum(size(item.get("total")) for item in record.get("custom_discount_items") or ())
    amount -= min(custom, MOST)
    return amount - size(record.get("user_credit")) if earn.get("deduct_store_credit") else amount


def points_for(base: int, tier: str | None, settings: Settings) -> int | None:
    """Points of a base; None when no rule is for the tier, or when it is beyond all limits."""
    rules = {rule.get("membership_tier_id"): rule for rule in settings["earn"]["rules"]}
    rule = rules.get(tier) or rules.get(None)
    if rule is None:
        return None
    unit = int(Decimal(str(rule["unit_price"])).scaleb(FRACTION[settings["currency"]]))
    points = int(max(0, base) // unit * rule["points_per_unit"])
    return points if points <= 1_000_000_000 else None


def may_earn(record: dict[str, Any], creator: str | None, settings: Settings) -> bool:
    """rules.md 1.4, 1.5, 1.6, 1.9, but for cancelled orders."""
    retail = record.get("created_by") in ("pos", "shop_crm")
    channel = "retail" if creator in ("pos", "shop_crm") else "ec"
    return (
        bool(record.get("customer_id"))
        and record.get("is_guest_checkout") is not True
        and channel in settings["earn"].get("channels", ["ec", "retail"])
        and not (retail and record.get("type") in ("return", "exchange"))
        and record.get("status") != "temp"
        and not in_another(record.get("currency_iso"), settings)
        and not any(
            in_another(amount.get("currency_iso"), settings)
            for amount in amounts_of(record, settings["earn"])
        )
    )


def is_member(customer: list[CustomerRecord], created: datetime) -> bool:
    """rules.md 1.5: what held when the order was made.

    Every *no* ends a part of the customer's life with us. In the part in which the order was made
    the date of registration that was told last decides, else what was said last; before all that
    was said the first word holds, unless it was a removal.
    """
    words: list[tuple[datetime, bool, bool]] = []
    dates: list[datetime] = []
    for record in sorted(customer, key=lambda record: record.version):
        said = False if record.removed else record.what.get("is_member")
        if said is not None:
            words.append((record.version[0], said, record.removed))
        if (date := instant(record.what.get("registered_at"))) is not None:
            dates.append(date)
    noes = sorted(at for at, said, _ in words if not said)
    start = max([at for at in noes if at <= created], default=None)
    end = min([at for at in noes if at > created], default=None)
    here = [d for d in dates if (start is None or d > start) and (end is None or d <= end)]
    if here:
        return here[-1] <= created
    past = [said for at, said, _ in words if at <= created]
    if past:
        return past[-1]
    return not words or words[0][1] or words[0][2]


def entitled(order: Order, circumstances: Circumstances, now: datetime) -> Entitled:
    """What the order is entitled to now (rules.md 4.1)."""
    records, created = order.records("order"), circumstances.root.created()
    if created is None or circumstances.bound is None or circumstances.bound_at is None:
        return Entitled("none")
    settings, newest = circumstances.bound, order.newest() or {}
    member = newest.get("customer_id") or None
    if not feature_on(settings, circumstances.installs, circumstances.bound_at):
        return Entitled("none", member=member)
    episode = final_episode(order, settings, circumstances.statements)
    keep_from = episode.due if episode and settings["earn"].get("on_return") == "keep" else None
    returns = returned_total(order, keep_from, settings, newest)
    amount = goods(newest, settings["earn"])
    points = points_for(amount - returns, tier_of(circumstances.root.records("order")), settings)
    if (
        points is None
        or not may_earn(newest, (circumstances.root.newest() or {}).get("created_by"), settings)
        or not is_member(circumstances.customer, created)
    ):
        return Entitled("none", member=member, episode=episode)
    if order.told("combined_to_order_id"):
        return Entitled("withdrawn", points, member=member, episode=episode)
    gone = last_run(overlaid(in_order(records + order.records("remove"))), is_cancelled)
    if gone and (keep_from is None or min(s.version[0] for s in gone) < keep_from):
        return Entitled("withdrawn", points, member=member, episode=episode)
    refunded = (newest.get("order_payment") or {}).get("status") == "refunded"
    if refunded and settings["earn"].get("on_refund") == "claw_back":
        return Entitled("withdrawn", points, member=member, episode=episode)
    if returns and amount > 0 and amount <= returns and not gone:
        return Entitled("withdrawn", points, member=member, episode=episode)
    if episode is None:
        return Entitled("waiting", points, member=member)
    if episode.due > now and episode is not order.episode:
        return Entitled("planned", points, member=member, episode=episode)
    return Entitled("granted", points, points, member, episode)
