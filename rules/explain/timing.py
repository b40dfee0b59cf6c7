"""Final, due and expiring when, and what ended it later (rules.md 4), in sentences.

See rules.md 2.3, 3.1.
"""

from collections.abc import Iterator

from rules.explain.case import OrderCase
from rules.explain.formatting import day_of, day_shown
from rules.order import delivery
from rules.order.trail import CANCELLED, resolved, since
from schemas.ids import NEVER, Micros
from schemas.packing import unpack_id
from schemas.settings import BoundRules


def timing_steps(case: OrderCase, rules: BoundRules) -> Iterator[str]:
    """When the order was final, when its points are due, and when they expire."""
    now = case.decided
    if now.final_at is None or now.due_at is None or now.expires_at is None:
        if case.state == "waiting" and case.view.facts.posted.episode:
            new = "when it is final again there is a new due date and expiry"
            yield f"It is no longer final; {new}."
        return
    episode = f" (finality no. {now.episode})" if now.episode > 1 else ""
    yield f"Final {case.at(now.final_at)}{episode}."
    yield _due(case, rules, now.final_at, now.due_at)
    yield _expiry(case, rules, now.due_at, now.expires_at)


def _due(case: OrderCase, rules: BoundRules, final: Micros, due: Micros) -> str:
    if rules.pending_days:
        first, last = day_of(final, case.zone), day_of(due, case.zone)
        how = f"{first} + {rules.pending_days} days = {last}, at 00:00 of that day"
    else:
        how = "at once (pending_days is 0)"
    if case.decided.reason is not None:
        verb = "Would be due"
    else:
        verb = "Was due" if due <= case.view.now else "Due"
    late = ""
    if case.state == "planned" and case.decided.state == "granted":
        late = ", not posted yet: the grants worker does it within a second when it runs"
    return f"{verb} {case.at(due)}: {how}{late}."


def _expiry(case: OrderCase, rules: BoundRules, due: Micros, expires: Micros) -> str:
    if expires == NEVER or rules.expiry is None:
        return "The points never expire."
    month, day = rules.expiry
    year = day_of(due, case.zone).year
    until = f"usable until {day_shown(expires, case.zone)} ({case.zone})"
    over = " They have expired." if expires <= case.view.now else ""
    return f"The points of {year} expire on {month}/{day} of the next year: {until}.{over}"


def ended_steps(case: OrderCase, rules: BoundRules) -> Iterator[str]:
    """What cancelled or returned the order, and what the merchant's on_return keeps."""
    facts = case.view.facts
    cancelled = since(resolved(facts.trail), CANCELLED)
    if case.decided.reason == "combined":
        into = unpack_id(facts.origin.combined_to)
        yield f"Combined into order {into}: it counts as cancelled, whatever on_return says."
    elif cancelled is not None and case.decided.kept:
        kept = "at or after the due date: on_return is keep, so the points stay"
        yield f"Cancelled or removed {case.at(cancelled)}, {kept}."
    elif cancelled is not None:
        nothing = "it earns nothing while it stays so"
        yield f"Cancelled or removed since {case.at(cancelled)}: {nothing}."
    elif case.decided.reason == "returned":
        yield "Wholly returned: nothing is left that earns."
    if facts.record is not None and facts.record.refunded:
        takes_back = rules.refund_takes_back
        what = "it earns nothing while it stays so" if takes_back else "that changes nothing"
        how = "claw_back" if takes_back else "keep"
        yield f"Its payment is wholly refunded: on_refund is {how}, {what}."
    if rules.keep and _went_back_when_due(case, rules):
        yield "A parcel went back at or after the due date: on_return is keep, so the points stay."


def _went_back_when_due(case: OrderCase, rules: BoundRules) -> bool:
    due = case.decided.due_at
    if due is None:
        return False
    for standing in delivery.standings(case.view.facts, rules.overrides):
        for voice in standing:
            if any(word.at >= due and not word.reversal for word in voice.gone):
                return True
    return False
