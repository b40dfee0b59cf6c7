"""Folding records into an order's facts.

Each facet takes the newest version, trails take what they need; nothing else counts. Folding is
commutative and idempotent: any order and any number of repeats of the same records give the same
facts (I1).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, TypeVar

from rules.order.facts import (
    UNSEEN,
    CarrierReport,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    ReturnOrder,
)
from rules.order.family import FamilyRecord
from rules.order.report_limits import least_telling
from rules.order.trail import GONE_BACK, Entry, State, Trail, Version
from schemas.carriers.meaning import Meaning
from schemas.ids import NEVER, Micros

Outcome = Literal["applied", "duplicate", "stale", "too_many_reports"]
APPLIED: Outcome = "applied"
DUPLICATE: Outcome = "duplicate"
STALE: Outcome = "stale"
TOO_MANY: Outcome = "too_many_reports"
MOST_REPORTS = 500
"""Of one order. A parcel has some tens; a sender gone wrong must not make rows grow without end."""

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


def fold_record(
    facts: OrderFacts,
    version: Version,
    order: OrderRecord | None,
    tier: str | None,
    parcel: ParcelRecord | None,
    returned: ReturnOrder | None,
    family: FamilyRecord | None = None,
) -> Outcome:
    """Folds what one record contains: an order and its nested parcel, one of them, or a return.

    With none of them it is an `order/remove` that names the order and nothing more.
    """
    if order is not None:
        outcome = fold_order(facts, order, tier)
        if family is not None:
            fold_family(facts, family, version)
        if parcel is None:
            return outcome
        nested = fold_parcel(facts, parcel)
        if outcome is APPLIED:
            return APPLIED
        # The parcel may be newer than the order around it; and where only one of the two is a
        # repeat, the record is none.
        return nested if nested is APPLIED or outcome is DUPLICATE else outcome
    if parcel is not None:
        return fold_parcel(facts, parcel)
    if returned is not None:
        return fold_return(facts, returned)
    return fold_bare_remove(facts, version)


def fold_order(facts: OrderFacts, record: OrderRecord, tier: str | None) -> Outcome:
    """Folds a full order record (its nested delivery is folded by itself)."""
    newest, tier_before = facts.record, facts.tier
    if newest is not None:
        record, newest = _of_one_creation(facts, record, newest)
    else:
        facts.origin = facts.origin._replace(first=record.version)
    # The tier at creation counts (rules.md 1.3), so the oldest record that names one; a tie in the
    # version falls by the tier's name, the same way everywhere.
    tier_older = tier is not None and (
        facts.tier_at is None or (record.version, tier) < (facts.tier_at, facts.tier or "")
    )
    if tier_older:
        facts.tier, facts.tier_at = tier, record.version
        if tier != tier_before:
            facts.settings_no = UNSEEN
    state = _ORDER_STATES.get(record.status, State.OTHER)
    completed_at = record.completed_at if state is State.COMPLETED else None
    trail = extended(facts.trail, Entry(record.version, state, completed_at))
    moved = trail is not facts.trail
    facts.trail = trail
    if newest is None or _beats(record, newest):
        if newest is not None and record.created_by != newest.created_by:
            facts.settings_no = UNSEEN
        facts.record = record
        return APPLIED
    # A late record changes nothing of the newest state, but may show since when a state holds.
    if moved or tier_older:
        return APPLIED
    return DUPLICATE if record == newest else STALE


def _of_one_creation(
    facts: OrderFacts, record: OrderRecord, newest: OrderRecord
) -> tuple[OrderRecord, OrderRecord]:
    """Both records with the creation that the lowest version names (rules.md 1.7).

    Where it changes, the order is to be bound anew.
    """
    created_at, first = newest.created_at, facts.origin.first
    if first is None or (record.version, record.created_at) < (first, created_at):
        facts.origin = facts.origin._replace(first=record.version)
        created_at = record.created_at
    if created_at != newest.created_at:
        newest = facts.record = newest._replace(created_at=created_at)
        facts.settings_no = UNSEEN
    if created_at != record.created_at:
        record = record._replace(created_at=created_at)
    return record, newest


def fold_family(facts: OrderFacts, family: FamilyRecord, version: Version) -> None:
    """Folds what a record says of the orders that its own comes from, or went into."""
    before = facts.origin
    facts.origin = before.told(family, version)
    if facts.origin.ancestors != before.ancestors:
        facts.settings_no = UNSEEN


def fold_heard(facts: OrderFacts, at: Micros) -> None:
    """Notes the Kafka timestamp of one of the order's own records (rules.md 1.7)."""
    origin = facts.origin.heard(at)
    if origin is not facts.origin:
        facts.origin, facts.settings_no = origin, UNSEEN


_Record = TypeVar("_Record", OrderRecord, ParcelRecord, ReturnOrder)


def _beats(record: _Record, newest: _Record) -> bool:
    """Whether the record is newer.

    A tie that even the version leaves open falls the same way everywhere (rules.md 7).
    """
    if record.version != newest.version:
        return record.version > newest.version
    return record != newest and repr(record) > repr(newest)


def fold_bare_remove(facts: OrderFacts, version: Version) -> Outcome:
    """Folds an `order/remove` that carries nothing but the id (rules.md 7)."""
    trail = extended(facts.trail, Entry(version, State.BARE_REMOVE))
    if trail is not facts.trail:
        facts.trail = trail
        return APPLIED
    seen = any(e.version == version for e in facts.trail.entries)
    return DUPLICATE if seen else STALE


def fold_parcel(facts: OrderFacts, record: ParcelRecord) -> Outcome:
    """Folds a record of one parcel; another parcel id is another parcel (rules.md 2.5)."""
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

    A failed logistics state beats a final status (rules.md 6).
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
        # Compared without their trails: a record has none of its own.
        newest = known._replace(trail=record.trail)
        trail = extended(known.trail, entry)
        newer = _beats(record, newest)
        if not newer and trail is known.trail:
            return DUPLICATE if record == newest else STALE
        folded = (record if newer else known)._replace(trail=trail)
        facts.returns = (*facts.returns[:i], folded, *facts.returns[i + 1 :])
        return APPLIED
    facts.returns = (*facts.returns, record._replace(trail=extended(record.trail, entry)))
    return APPLIED


def fold_report(facts: OrderFacts, report: CarrierReport) -> Outcome:
    """Folds a carrier's report that was matched to the order (rules.md 6).

    Kept are all that decide something and all of unknown meaning; of the others, which are only
    shown, each number's newest. Of too many, the one that tells least is dropped.
    """
    kept = facts.reports
    place = bisect_left(kept, report)
    if place < len(kept) and kept[place] == report:
        return DUPLICATE
    if _only_shown(report):
        twin = _shown_before(kept, report)
        if twin is not None:
            if kept[twin] > report:
                return STALE
            facts.reports = (*kept[:twin], *kept[twin + 1 : place], report, *kept[place:])
            return APPLIED
    folded = (*kept[:place], report, *kept[place:])
    if len(folded) > MOST_REPORTS:
        least = least_telling(folded)
        if least == place:
            return TOO_MANY
        folded = (*folded[:least], *folded[least + 1 :])
    facts.reports = folded
    return APPLIED


def _only_shown(report: CarrierReport) -> bool:
    return report.meaning is not Meaning.UNKNOWN and not report.meaning.decisive


def _shown_before(kept: Sequence[CarrierReport], report: CarrierReport) -> int | None:
    """Where the report is kept that is only shown, of the same number; there is one at most."""
    for i, other in enumerate(kept):
        same = other.number == report.number and other.named is report.named
        if same and _only_shown(other):
            return i
    return None


def extended(trail: Trail, entry: Entry) -> Trail:
    """The trail with one more record; the same object when the record adds nothing."""
    floor, entries, version = trail.floor, trail.entries, entry.version
    # What lies at or below the floor can never matter again.
    if floor is not None and version <= floor:
        return trail
    if entry.state is State.OTHER:
        if not entries:
            return Trail(version)
        return Trail(version, tuple(e for e in entries if e.version > version))
    if not entries:
        return Trail(floor, (entry,))
    twin = next((e for e in entries if _same_evidence(e, entry)), None)
    if twin is not None:
        if twin.version >= version:
            return trail
        entries = tuple(e for e in entries if e is not twin)
    if not entries or version > entries[-1].version:
        return Trail(floor, (*entries, entry))
    return Trail(floor, tuple(sorted((*entries, entry), key=_by_version)))


def _same_evidence(a: Entry, b: Entry) -> bool:
    """Whether records of one moment show the same; then only the newest is kept.

    An order repeats its delivery in every record.
    """
    return (
        a.version.at == b.version.at
        and a.state is b.state
        and a.said_at == b.said_at
        and a.also_at == b.also_at
    )


def _by_version(entry: Entry) -> tuple[Version, State, Micros, Micros]:
    """The sort key of an entry; a tie in the version falls by what the record says.

    So the order of entries is the same everywhere, whichever record came first.
    """
    said_at = NEVER if entry.said_at is None else entry.said_at
    also_at = NEVER if entry.also_at is None else entry.also_at
    return entry.version, entry.state, said_at, also_at
