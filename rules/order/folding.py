"""Folding records into facts: each facet takes the newest version, trails take what they need, and nothing else counts.

Folding is commutative and idempotent: any order and any number of repeats of the same records give
the same facts.
"""

from bisect import bisect_left
from typing import Literal, TypeVar

from rules.order.facts import (
    CarrierReport,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    ReturnOrder,
)
from rules.order.trail import GONE_BACK, Entry, State, Version, extended
from schemas.carriers.meaning import Meaning

Outcome = Literal["applied", "duplicate", "stale", "too_many_reports"]
APPLIED: Outcome = "applied"
DUPLICATE: Outcome = "duplicate"
STALE: Outcome = "stale"
TOO_MANY: Outcome = "too_many_reports"
MOST_REPORTS = 500
"""Of one order. A parcel has some tens; more is a sender gone wrong, which must not make a row grow
without end.
"""

_ORDER_STATES = {
    "completed": State.COMPLETED,
    "cancelled": State.CANCELLED,
    "removed": State.CANCELLED,
}
_PARCEL_STATES = {
    "arrived": State.ARRIVED,
    "collected": State.COLLECTED,
    "returning": State.RETURNING,
    "returned": State.RETURNED,
    "returning_store_closed": State.RETURNING,
    "expired": State.LOST,
}


def fold_order(facts: OrderFacts, record: OrderRecord, tier: str | None) -> Outcome:
    """Folds a full order record (its nested delivery is folded by itself)."""
    newest = facts.record
    tier_older = tier is not None and (
        facts.tier_at is None or (record.version, tier) < (facts.tier_at, facts.tier or "")
    )
    if tier_older:
        facts.tier, facts.tier_at = tier, record.version
    state = _ORDER_STATES.get(record.status, State.OTHER)
    said = record.completed_at if state is State.COMPLETED else None
    trail = extended(facts.trail, Entry(record.version, state, said))
    moved = trail is not facts.trail
    facts.trail = trail
    if newest is None or _beats(record, newest):
        facts.record = record
        return APPLIED
    if moved or tier_older:
        return APPLIED
    return DUPLICATE if record == newest else STALE


_Record = TypeVar("_Record", OrderRecord, ParcelRecord, ReturnOrder)


def _beats(record: _Record, newest: _Record) -> bool:
    """Whether the record is newer.

    A tie that even the version leaves open falls the same way everywhere (SPEC 7).
    """
    if record.version != newest.version:
        return record.version > newest.version
    return record != newest and repr(record) > repr(newest)


def fold_bare_remove(facts: OrderFacts, version: Version) -> Outcome:
    """Folds an `order/remove` that carries nothing but the id (SPEC 7)."""
    trail = extended(facts.trail, Entry(version, State.BARE_REMOVE))
    if trail is not facts.trail:
        facts.trail = trail
        return APPLIED
    seen = any(e.version == version for e in facts.trail.entries)
    return DUPLICATE if seen else STALE


def fold_parcel(facts: OrderFacts, record: ParcelRecord) -> Outcome:
    """Folds a record of one parcel; another parcel id is another parcel (SPEC 2.5)."""
    for i, parcel in enumerate(facts.parcels):
        if parcel.record.parcel_id == record.parcel_id:
            folded, outcome = _fold_into(parcel, record)
            if outcome is APPLIED:
                facts.parcels = (*facts.parcels[:i], folded, *facts.parcels[i + 1 :])
            return outcome
    facts.parcels = (*facts.parcels, _fold_into(Parcel(record), record, new=True)[0])
    return APPLIED


def _fold_into(
    parcel: Parcel, record: ParcelRecord, *, new: bool = False
) -> tuple[Parcel, Outcome]:
    newest = parcel.record
    trail = extended(parcel.trail, parcel_entry(record))
    if new or _beats(record, newest):
        return Parcel(record, trail), APPLIED
    if trail is not parcel.trail:
        return parcel._replace(trail=trail), APPLIED
    return parcel, DUPLICATE if record == newest else STALE


def parcel_entry(record: ParcelRecord) -> Entry:
    """What the record adds to its parcel's trail.

    A failed logistics state beats a final status (SPEC 6).
    """
    state = _PARCEL_STATES.get(record.status, State.OTHER)
    if record.failed:
        state = State.LOST
    if state is State.ARRIVED:
        return Entry(record.version, state, record.arrived_at, record.collected_at)
    if state is State.COLLECTED:
        return Entry(record.version, state, record.collected_at, record.arrived_at)
    return Entry(record.version, state, record.returned_at if state in GONE_BACK else None)


def fold_return(facts: OrderFacts, record: ReturnOrder) -> Outcome:
    """Folds a return order; `record.trail` is ignored, the facts' own is extended."""
    state = State.COMPLETED if record.status == "completed" else State.OTHER
    entry = Entry(record.version, state)
    for i, known in enumerate(facts.returns):
        if known.return_id != record.return_id:
            continue
        told = known._replace(trail=record.trail)
        trail = extended(known.trail, entry)
        newer = _beats(record, told)
        if not newer and trail is known.trail:
            return DUPLICATE if record == told else STALE
        folded = (record if newer else known)._replace(trail=trail)
        facts.returns = (*facts.returns[:i], folded, *facts.returns[i + 1 :])
        return APPLIED
    facts.returns = (*facts.returns, record._replace(trail=extended(record.trail, entry)))
    return APPLIED


def fold_report(facts: OrderFacts, report: CarrierReport) -> Outcome:
    """Folds a carrier's report that was joined to the order (SPEC 6).

    Kept are all that decide something and all of unknown meaning; of the others, which are only
    shown, each number's newest. Of too many, the decisive ones and then the newest are kept, so
    that it never matters which came first.
    """
    kept = facts.reports
    place = bisect_left(kept, report)
    if place < len(kept) and kept[place] == report:
        return DUPLICATE
    if _only_shown(report):
        twin = next(
            (
                i
                for i, other in enumerate(kept)
                if _only_shown(other)
                and other.number == report.number
                and other.named is report.named
            ),
            None,
        )
        if twin is not None:
            if kept[twin] > report:
                return STALE
            facts.reports = (*kept[:twin], *kept[twin + 1 : place], report, *kept[place:])
            return APPLIED
    folded = (*kept[:place], report, *kept[place:])
    if len(folded) > MOST_REPORTS:
        least = min(range(len(folded)), key=lambda i: (folded[i].meaning.decisive, folded[i]))
        if least == place:
            return TOO_MANY
        folded = (*folded[:least], *folded[least + 1 :])
    facts.reports = folded
    return APPLIED


def _only_shown(report: CarrierReport) -> bool:
    return report.meaning is not Meaning.UNKNOWN and not report.meaning.decisive
