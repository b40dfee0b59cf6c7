"""The platform's own figure of an order and ours (rules.md 7): compared, never paid from."""

from rules.earning.earning import earning_of
from rules.earning.entitlement import Entitlement
from rules.order.facts import OrderFacts
from schemas.settings import BoundRules

EQUAL = "equal"
OTHER_POINTS = "other_points"
PARTLY_RETURNED = "partly_returned"
OTHER_DAYS = "other_days"
NOT_FINAL = "not_final"


def our_points(now: Entitlement) -> int:
    """The points to compare with the platform's: what the order earns in the end, else 0."""
    return now.points if now.state in {"waiting", "planned", "granted"} else 0


def compare(facts: OrderFacts, rules: BoundRules | None, now: Entitlement) -> str | None:
    """In one word how the platform's figure stands to ours; None when it gave none.

    EQUAL; the word why we give nothing (`no_member`, `cancelled`, … as in `explain`);
    PARTLY_RETURNED when it is ours before goods went back; OTHER_POINTS; OTHER_DAYS when only the
    pending days do; NOT_FINAL when all is equal and the order is not final yet. Where both give
    nothing they are equal, whatever the reasons.
    """
    record = facts.record
    if record is None or record.summary_points is None:
        return None
    points = our_points(now)
    if record.summary_points == points == 0:
        return EQUAL
    if now.state in {"none", "withdrawn"}:
        return now.reason or now.state
    if rules is not None and record.summary_points != points:
        whole = now.earning.returned and earning_of(facts, rules, 0).points == record.summary_points
        return PARTLY_RETURNED if whole else OTHER_POINTS
    if rules is not None and record.summary_days not in {None, rules.pending_days}:
        return OTHER_DAYS
    return NOT_FINAL if now.state == "waiting" else EQUAL
