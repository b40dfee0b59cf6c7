"""What an order is entitled to, worked out from all its records from the beginning: SPEC 1 to 4, read straight through.

Nothing is remembered between two questions but what SPEC itself calls recorded: the settings that the order is bound to
and the granted episode of finality.
"""

from calendar import isleap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.upstream import Said, cents, instant

GONE = ("returning", "returned", "returning_store_closed", "expired")
FETCHED = frozenset({"custom", "store_pickup", "tw_711_pay", "tw_fm_c2c_nopay", "hk_pakpobox", "hk_integrated_sf_pickup"})
BROUGHT = frozenset({"tw_tcat_roomtemp", "hk_integrated_sfexpress", "sfexpress", "ninja_van"})
FRACTION = {"TWD": 0, "JPY": 0, "HKD": 2, "USD": 2}
FOREVER = datetime.max.replace(tzinfo=UTC)
Settings = dict[str, Any]


@dataclass
class Episode:
    """A final moment that was granted, its due date and the expiry of its lot."""

    final: datetime
    due: datetime
    expires: datetime


@dataclass
class Order:
    """All that was ever said about an order, in the order it was heard, and what is recorded with it."""

    said: list[Said] = field(default_factory=list)
    bound: Settings | None = None
    decided: bool = False
    known_settings: int = 0
    episode: Episode | None = None
    points: int = 0
    member: str | None = None


@dataclass
class Entitled:
    """The answer: a state as `explain` names it, the points by the amount, and those due now."""

    state: str
    points: int = 0
    due_points: int = 0
    member: str | None = None
    episode: Episode | None = None


def sorted_records(order: Order, kind: str) -> list[Said]:
    """The different records of a kind, oldest first."""
    return sorted({s.version: s for s in order.said if s.kind == kind}.values(), key=lambda s: s.version)


def by_thing(records: Iterable[Said]) -> list[list[Said]]:
    """Records of each parcel or return by itself."""
    things: dict[str, list[Said]] = {}
    for said in records:
        things.setdefault(said.what["id"], []).append(said)
    return list(things.values())


def last_run(records: list[Said], holds: Callable[[Said], bool]) -> list[Said]:
    """The newest records without a break for which it holds; none when it does not hold for the newest."""
    run: list[Said] = []
    for said in reversed(records):
        if not holds(said):
            break
        run.insert(0, said)
    return run


def is_completed(said: Said) -> bool:
    return said.what.get("status") == "completed"


def is_cancelled(said: Said) -> bool:
    return said.kind == "remove" or said.what.get("status") in ("cancelled", "removed")


def went_back(said: Said) -> bool:
    return said.what.get("status") in GONE or said.what.get("delivery_status") == "failed"


def waits_for_collection(parcel: dict[str, Any], overrides: dict[str, str]) -> bool:
    """Whether the parcel is final only when collected (SPEC 2.2)."""
    option = parcel.get("platform")
    if option in overrides:
        return overrides[option] == "collected"
    if option in FETCHED:
        return True
    return option not in BROUGHT and parcel.get("delivery_type") in ("pickup", "store_pickup")


def parcel_final(records: list[Said], *, fetched: bool) -> datetime | None:
    """When the parcel became final: its fields, else the earliest record since the newest that was not final."""
    states = ("collected",) if fetched else ("arrived", "collected")
    run = last_run(records, lambda s: s.what.get("status") in states and not went_back(s))
    if not run:
        return None
    newest = run[-1].what
    arrived, collected = instant(newest.get("arrived_at")), instant(newest.get("collected_at"))
    if fetched:
        return collected or min(s.version[0] for s in run)
    if arrived is not None:
        return min(arrived, collected or arrived)
    evidence = []
    for said in run:
        fields = [instant(said.what.get("arrived_at")), instant(said.what.get("collected_at"))]
        evidence += [f for f in fields if f is not None] or [said.version[0]]
    return min(evidence)


def out_of_the_count(records: list[Said]) -> bool:
    """Returned or lost, so that the other parcels decide without it (SPEC 2.5)."""
    newest = records[-1].what
    return newest.get("delivery_status") == "failed" or newest.get("status") in ("returned", "expired")


def gone_since(records: list[Said]) -> datetime | None:
    """The first word of the parcel's going back, if it does."""
    run = last_run(records, went_back)
    moments = [instant(s.what.get("returned_at")) or s.version[0] for s in run]
    return min(moments, default=None)


def completed_at(order_records: list[Said]) -> datetime | None:
    """When the order was completed; a cancellation after that is judged by itself."""
    standing = order_records[: len(order_records) - len(last_run(order_records, is_cancelled))]
    run = last_run(standing, is_completed)
    if not run:
        return None
    return instant(run[-1].what.get("completed_at")) or min(s.version[0] for s in run)


def local_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def episode_of(final: datetime, settings: Settings) -> Episode:
    """Due N calendar days after the final moment, expiring at the end of a day of the next year (SPEC 2.1, 3.1)."""
    zone, earn = settings["timezone"], settings["earn"]
    days = earn["pending_days"]
    due = final
    if days:
        due = max(final, local_midnight(final.astimezone(ZoneInfo(zone)).date() + timedelta(days=days), zone))
    expiry = earn["expiry"]
    if expiry["kind"] == "never":
        return Episode(final, due, FOREVER)
    year, month, day = due.astimezone(ZoneInfo(zone)).year + 1, expiry["month"], expiry["day"]
    last = date(year, month, 28 if (month, day) == (2, 29) and not isleap(year) else day)
    return Episode(final, due, local_midnight(last + timedelta(days=1), zone))


def counts_from(order: Order, final: datetime) -> Episode:
    """The episode that a final moment belongs to: an earlier one than the granted moves nothing (SPEC 4.5)."""
    assert order.bound is not None
    if order.episode is not None and final <= order.episode.final:
        return order.episode
    return episode_of(final, order.bound)


def final_episode(order: Order, order_records: list[Said]) -> Episode | None:
    """The order's newest episode of finality, if it is final (SPEC 2.2, 2.5, 4.5)."""
    assert order.bound is not None
    earn, newest = order.bound["earn"], order_records[-1].what
    parcels = by_thing(sorted_records(order, "parcel"))
    says_none = "order_delivery" in newest and newest["order_delivery"] is None
    counter = newest.get("created_by") in ("pos", "shop_crm") and "order_delivery" not in newest
    if earn.get("grant_on") == "order_completed" or (not parcels and (says_none or counter)):
        done = completed_at(sorted(order_records + sorted_records(order, "remove"), key=lambda s: s.version))
        return None if done is None else counts_from(order, done)
    if not parcels:
        return None
    # With `keep`, what goes back at or after the due date changes nothing. Which parcels that is depends on the due
    # date, and the due date on which parcels count: so every set of the latest to go back is tried, the largest first.
    thresholds = sorted(g for g in map(gone_since, parcels) if g is not None) if earn.get("on_return") == "keep" else []
    for threshold in [*thresholds, None]:
        final = last_final(parcels, order.bound.get("delivery_overrides", {}), threshold)
        if final is None:
            continue
        episode = counts_from(order, final)
        if threshold is None or threshold >= episode.due:
            return episode
    return None


def last_final(parcels: list[list[Said]], overrides: dict[str, str], kept_from: datetime | None) -> datetime | None:
    """The last of the parcels' final moments; what went back from `kept_from` on counts as it stood before."""
    moments = []
    for records in parcels:
        gone = gone_since(records)
        standing = records
        if gone is not None and kept_from is not None and gone >= kept_from:
            standing = records[: len(records) - len(last_run(records, went_back))]
        elif out_of_the_count(records):
            continue
        moments.append(parcel_final(standing, fetched=waits_for_collection(records[-1].what, overrides)))
    found = [m for m in moments if m is not None]
    return max(found) if found and len(found) == len(moments) else None


def feature_on(settings: Settings, installs: list[tuple[datetime, bool]], created: datetime) -> bool:
    """SPEC 1.8."""
    if not settings["enabled"]:
        return False
    has = settings["entitlement"]
    if "crm_credits" in has.get("modules", []):
        return True
    if has["plan"] not in ("o2o", "enterprise"):
        return False
    since = datetime.fromisoformat(settings["effective_at"])
    speaks = [(at, says) for at, says in installs if since <= at <= created]
    return max(speaks)[1] if speaks else bool(has.get("app_installed"))


def tier_of(order_records: list[Said]) -> str | None:
    """The tier at creation: the oldest that is named."""
    for said in order_records:
        tier = said.what.get("membership_tier_data")
        if tier and tier.get("_id"):
            return str(tier["_id"])
    return None


def returned_total(order: Order, keep_from: datetime | None) -> int:
    """Completed returns; with `keep`, those from before the due date only."""
    total = 0
    for records in by_thing(sorted_records(order, "return")):
        run = last_run(records, is_completed)
        if run and (keep_from is None or min(s.version[0] for s in run) < keep_from):
            total += cents(run[-1].what.get("total"))
    return total


def goods(record: dict[str, Any], earn: dict[str, Any]) -> int:
    """The base before returns (SPEC 1.2)."""
    amount = cents(record["subtotal"]) - cents(record.get("order_discount")) - cents(record.get("order_points_to_cash"))
    amount -= sum(cents(item.get("total")) for item in record.get("custom_discount_items") or ())
    return amount - cents(record.get("user_credit")) if earn.get("deduct_store_credit") else amount


def points_for(base: int, tier: str | None, settings: Settings) -> int | None:
    """Points of a base; None when no rule is for the tier, or when it is beyond all limits."""
    rules = {rule.get("membership_tier_id"): rule for rule in settings["earn"]["rules"]}
    rule = rules.get(tier) or rules.get(None)
    if rule is None:
        return None
    unit = int(Decimal(str(rule["unit_price"])).scaleb(FRACTION[settings["currency"]]))
    points = int(max(0, base) // unit * rule["points_per_unit"])
    return points if points <= 1_000_000_000 else None


def may_earn(record: dict[str, Any], settings: Settings) -> bool:
    """SPEC 1.4, 1.5, 1.6, 1.9, but for cancelled orders."""
    retail = record.get("created_by") in ("pos", "shop_crm")
    channel = "retail" if retail else "ec"
    return (
        bool(record.get("customer_id"))
        and record.get("is_guest_checkout") is not True
        and channel in settings["earn"].get("channels", ["ec", "retail"])
        and not (retail and record.get("type") in ("return", "exchange"))
        and record.get("status") != "temp"
        and record.get("currency_iso") in (None, settings["currency"])
    )


def entitled(order: Order, installs: list[tuple[datetime, bool]], now: datetime) -> Entitled:
    """What the order is entitled to now (SPEC 4.1)."""
    records = sorted_records(order, "order")
    if not records or order.bound is None:
        return Entitled("none")
    settings, newest = order.bound, records[-1].what
    member = newest.get("customer_id") or None
    created = datetime.fromisoformat(newest["created_at"])
    if not feature_on(settings, installs, created):
        return Entitled("none", member=member)
    episode = final_episode(order, records)
    keep_from = episode.due if episode and settings["earn"].get("on_return") == "keep" else None
    returns, amount = returned_total(order, keep_from), goods(newest, settings["earn"])
    points = points_for(amount - returns, tier_of(records), settings)
    if points is None or not may_earn(newest, settings):
        return Entitled("none", member=member, episode=episode)
    gone = last_run(sorted(records + sorted_records(order, "remove"), key=lambda s: s.version), is_cancelled)
    if gone and (keep_from is None or min(s.version[0] for s in gone) < keep_from):
        return Entitled("withdrawn", points, member=member, episode=episode)
    if returns and amount > 0 and amount <= returns and not gone:
        return Entitled("withdrawn", points, member=member, episode=episode)
    if episode is None:
        return Entitled("waiting", points, member=member)
    if episode.due > now:
        return Entitled("planned", points, member=member, episode=episode)
    return Entitled("granted", points, points, member, episode)
