"""Explains an order: the steps of `points explain`, in the order in which a person would ask.

The rules themselves decide; this only puts their decision into words: which settings apply, who
earns, how much, final when, due and expiring when, and what was posted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rules.earning.entitlement import OrderState, entitlement
from rules.explain.amount import amount_steps, member_steps, upstream_steps
from rules.explain.case import OrderCase
from rules.explain.delivery import delivery_steps
from rules.explain.formatting import day_shown, moment_shown, points_shown
from rules.explain.redeemed import redeemed_answer, redeemed_steps
from rules.explain.settings import settings_steps
from rules.explain.timing import ended_steps, timing_steps
from rules.explain.view import OrderEntry, OrderView
from rules.order.facts import OrderFacts, OrderRecord
from schemas.answers.orders import ExplainAnswer
from schemas.events import EntryType
from schemas.ids import NEVER
from schemas.packing import unpack_id
from schemas.settings import BoundRules

ORDER_STATUSES = frozenset(
    {"temp", "pending", "confirmed", "completed", "cancelled", "removed", "open"}
)
"""The statuses that upstream documents; others are kept, and said to be unknown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence, under a heading for people."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Explained(OrderCase):
    """An order decided at one moment, and why."""

    steps: tuple[Step, ...]

    @property
    def member_id(self) -> str | None:
        """The order's newest member."""
        record = self.view.facts.record
        member = record.member if record is not None else None
        return unpack_id(member) if member is not None else None

    def answer(self, order_id: str) -> ExplainAnswer:
        """The answer of `points explain --json` and of the API."""
        settings = self.view.settings
        return ExplainAnswer(
            order_id=order_id,
            member_id=self.member_id,
            settings_version=settings.version if settings is not None else None,
            base=self.decided.earning.base,
            points=self.decided.points,
            final_at=self.decided.final_at,
            due_at=self.decided.due_at,
            expires_at=self.decided.expires_at,
            state=self.state,
            granted=self.view.granted,
            redeemed=redeemed_answer(self.view),
            steps=tuple(step.text for step in self.steps),
        )


def explain(view: OrderView) -> Explained:
    """Decides the order by the same rules as the workers, at the moment of the view."""
    rules = view.settings.rules if view.settings is not None else None
    decided = entitlement(view.facts, rules, view.now, view.installs)
    # Due, but no worker has posted it yet: the points are still planned, for the balance too.
    late = decided.state == "granted" and view.due_at is not None
    state: OrderState = "planned" if late else decided.state
    known = view.settings or view.newest
    case = OrderCase(
        view=view,
        decided=decided,
        state=state,
        zone=known.document.timezone if known is not None else "UTC",
        currency=_currency_of(view),
    )
    steps = tuple(_steps(case, rules))
    return Explained(view, decided, state, case.zone, case.currency, steps)


def _currency_of(view: OrderView) -> str:
    """The order's currency; the merchant's where the order has none."""
    record, known = view.facts.record, view.settings or view.newest
    if record is not None and record.currency:
        return record.currency
    return known.document.currency if known is not None else ""


def _steps(case: OrderCase, rules: BoundRules | None) -> Iterator[Step]:
    record = case.view.facts.record
    if record is None:
        yield Step("order", _unknown(case.view.facts))
    else:
        status = record.status or "unknown"
        yield Step("order", f"Created {case.at(record.created_at)}; its status is {status}.")
        if record.status and record.status not in ORDER_STATUSES:
            unknown = "is not a status that we know: it counts as neither completed nor cancelled"
            yield Step("order", f"{record.status} {unknown}.")
        yield from _about("settings", settings_steps(case, record))
        if rules is not None:
            yield from _of_bound_order(case, record, rules)
    yield from _about("redeemed", redeemed_steps(case, rules))
    yield from _about("posted", _posted(case))


def _of_bound_order(case: OrderCase, record: OrderRecord, rules: BoundRules) -> Iterator[Step]:
    yield from _about("member", member_steps(case, record, rules))
    yield from _about("amount", amount_steps(case, record, rules))
    for about, text in delivery_steps(case, record, rules):
        yield Step(about, text)
    yield from _about("when", timing_steps(case, rules))
    yield from _about("after", ended_steps(case, rules))
    yield from _about("upstream", upstream_steps(case, record, rules))


def _about(heading: str, texts: Iterable[str]) -> Iterator[Step]:
    return (Step(heading, text) for text in texts)


def _unknown(facts: OrderFacts) -> str:
    parts = [
        *(["deliveries"] if facts.parcels else []),
        *(["returns"] if facts.returns else []),
        *(["its removal"] if facts.trail.entries else []),
    ]
    if not parts:
        return "unknown_order: we have received no record of this order."
    what = " and ".join(parts)
    return (
        f"unknown_order: we have received {what}, but not the order itself; "
        "all of it counts once the order comes."
    )


def _posted(case: OrderCase) -> Iterator[str]:
    view = case.view
    for entry in view.entries:
        yield _entry(entry, case.zone)
    if view.entries:
        yield f"Posted in all: {points_shown(view.granted)}."
    elif case.state == "planned":
        yield f"Nothing is posted yet; {points_shown(view.planned)} planned."
    elif view.facts.record is not None:
        yield "Nothing was posted."


def _entry(entry: OrderEntry, zone: str) -> str:
    expiry = ""
    if entry.expires_at == NEVER:
        expiry = ", never expiring"
    elif entry.expires_at is not None:
        expiry = f", expiring {day_shown(entry.expires_at, zone)}"
    if entry.type is EntryType.expired:  # that it expires is what the entry says
        expiry = ""
    when = moment_shown(entry.recorded_at, zone)
    which = f"(sequence {entry.sequence}{expiry})"
    return f"{when} {entry.type.name} {entry.points:+,} for member {entry.member_id} {which}."
