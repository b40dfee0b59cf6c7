"""Folding records into an order's facts.

Each facet takes the newest version, trails take what they need; nothing else counts. Folding is
commutative and idempotent: any order and any number of repeats of the same records give the same
facts (I1).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar

from rules.order.facts import (
    AMOUNTS,
    ORDER_KEYS,
    PARCEL_KEYS,
    RETURN_KEYS,
    UNSEEN,
    CarrierReport,
    Keys,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
    ReturnOrder,
    version_of_key,
)
from rules.order.family import FamilyRecord, Origin
from rules.order.report_limits import least_telling
from rules.order.trail import (
    GONE_BACK,
    MOST_ENTRIES,
    NOT_SAID,
    State,
    Trail,
    TrailEntry,
    Version,
    thinned,
)
from schemas.carriers.meaning import Meaning
from schemas.ids import NEVER, Micros

Outcome = Literal[
    "applied", "duplicate", "stale", "too_many_reports", "too_many_parcels", "too_many_returns"
]
APPLIED: Outcome = "applied"
DUPLICATE: Outcome = "duplicate"
STALE: Outcome = "stale"
TOO_MANY: Outcome = "too_many_reports"
TOO_MANY_PARCELS: Outcome = "too_many_parcels"
TOO_MANY_RETURNS: Outcome = "too_many_returns"
MOST_REPORTS = 500
"""Of one order. A parcel has some tens; a sender gone wrong must not make rows grow without end."""

MOST_PARCELS: Final = 100
"""Of one order; beyond it those that were replaced are forgotten, then no more are taken."""
MOST_RETURNS: Final = 200
"""Of one order; beyond it those that do not count are forgotten, then no more are taken."""

_ORDER_STATES = {
    "completed": State.COMPLETED,
    "cancelled": State.CANCELLED,
    "removed": State.CANCELLED,
}
# Looked up once: an enumeration's member is an attribute that Python computes.
_OTHER: Final = State.OTHER
_ARRIVED: Final = State.ARRIVED
_COLLECTED: Final = State.COLLECTED
_COMPLETED_STATE: Final = State.COMPLETED
_NOT_SAID: Final = State.NOT_SAID

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
    family: FamilyRecord | None,
) -> Outcome:
    """Folds what one record contains: an order and its nested parcel, one of them, or a return.

    With none of them it is an `order/remove` that names the order and nothing more.
    """
    if order is not None:
        outcome = fold_order(facts, order, tier)
        if family is not None:
            fold_family(facts, family, order.version)
        if parcel is None:
            return outcome
        nested = fold_parcel(facts, parcel, nested=True)
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
        facts.origin = _beginning(facts.origin, record.version)
    # The tier at creation counts (rules.md 1.3), so the oldest record that names one; a tie in the
    # version falls by the tier's name, the same way everywhere.
    tier_older = tier is not None and (
        facts.tier_at is None or (record.version, tier) < (facts.tier_at, facts.tier or "")
    )
    if tier_older:
        facts.tier, facts.tier_at = tier, record.version
        if tier != tier_before:
            facts.settings_no = UNSEEN
    trail = extended(facts.trail, order_entry(record))
    moved = trail is not facts.trail
    facts.trail = trail
    if newest is None:
        facts.record = record
        return APPLIED
    folded = joined(record, newest, ORDER_KEYS)
    if folded is not newest:
        if folded.created_by != newest.created_by:
            facts.settings_no = UNSEEN
        facts.record = folded
        return APPLIED
    # A late record changes nothing of the newest state, but may show since when a state holds.
    if moved or tier_older:
        return APPLIED
    return DUPLICATE if record.version == newest.version else STALE


def _beginning(origin: Origin, first: Version) -> Origin:
    """The origin with that lowest version: what `_replace` makes, for half its price."""
    return Origin(origin.heard_at, first, *origin[2:])


_STATUS, _COMPLETED, _FAILED = (
    next(bit for bit, fields in keys.items() if name in fields)
    for keys, name in (
        (ORDER_KEYS, "status"),
        (ORDER_KEYS, "completed_at"),
        (PARCEL_KEYS, "failed"),
    )
)
_ARRIVED_AT, _COLLECTED_AT, _RETURNED_AT = (
    next(bit for bit, fields in PARCEL_KEYS.items() if name in fields)
    for name in ("arrived_at", "collected_at", "returned_at")
)


def order_entry(record: OrderRecord) -> TrailEntry:
    """What the record adds to its order's trail."""
    said = record.said
    state = _ORDER_STATES.get(record.status, _OTHER) if said & _STATUS else _NOT_SAID
    if state is not _COMPLETED_STATE and state is not _NOT_SAID:
        return TrailEntry(record.version, state)
    completed_at = record.completed_at if said & _COMPLETED else NOT_SAID
    if state is _COMPLETED_STATE:
        return TrailEntry(record.version, state, completed_at)
    return TrailEntry(record.version, state, completed_at, NOT_SAID, NOT_SAID, None)


def _of_one_creation(
    facts: OrderFacts, record: OrderRecord, newest: OrderRecord
) -> tuple[OrderRecord, OrderRecord]:
    """Both records with the creation that the lowest version names (rules.md 1.7).

    Where it changes, the order is to be bound again.
    """
    created_at, first, version = newest.created_at, facts.origin.first, record.version
    if first is None or version < first or (version == first and record.created_at < created_at):
        facts.origin = _beginning(facts.origin, record.version)
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


def joined(record: _Record, known: _Record, keys: Keys) -> _Record:
    """What two records say together: of each key the newest one that has it counts (D19).

    The same object as `known` when the other adds nothing.
    """
    if record.version > known.version or _beats(record, known):
        newer, older = record, known
    else:
        newer, older = known, record
    if not newer.lent and not older.said & ~newer.said:
        return newer
    taken: dict[int, Version] = dict(newer.lent)
    values: dict[str, Any] = {}
    for key, fields in keys.items():
        version = version_of_key(older, key)
        has = version_of_key(newer, key)
        if version is None or (has is not None and version <= has):
            continue
        taken[key] = version
        values |= {name: getattr(older, name) for name in fields}
    if not values:
        return newer
    lent = tuple(sorted(taken.items()))
    folded = newer._replace(said=newer.said | older.said, lent=lent, **values)
    if isinstance(folded, OrderRecord):
        of = [older if amount in values else newer for amount in AMOUNTS]
        currencies = tuple([currency_of(r, a) for r, a in zip(of, AMOUNTS, strict=True)])
        same = all(c is None or c == folded.currency for c in currencies)
        folded = folded._replace(currencies=() if same else currencies)
    return known if folded == known else folded


def currency_of(record: OrderRecord | ParcelRecord | ReturnOrder, amount: str) -> str | None:
    """The currency of one of the record's amounts; None of one that is 0 or says none."""
    if not isinstance(record, OrderRecord) or not getattr(record, amount):
        return None
    return record.currencies[AMOUNTS.index(amount)] if record.currencies else record.currency


def _beats(record: _Record, newest: _Record) -> bool:
    """Whether the record is newer.

    A tie that even the version leaves open falls the same way everywhere (rules.md 7), and as the
    trail has it, whose newest entry is the state.
    """
    if record.version != newest.version:
        return record.version > newest.version
    return record != newest and _tie(record) > _tie(newest)


def _tie(record: OrderRecord | ParcelRecord | ReturnOrder) -> tuple[object, ...]:
    if isinstance(record, ReturnOrder):
        return record.status, repr(record)
    entry = parcel_entry(record) if isinstance(record, ParcelRecord) else order_entry(record)
    return (not _is_interesting(entry), *_by_version(entry), repr(record))


def fold_bare_remove(facts: OrderFacts, version: Version) -> Outcome:
    """Folds an `order/remove` that carries nothing but the id (rules.md 7)."""
    trail = extended(facts.trail, TrailEntry(version, State.BARE_REMOVE))
    if trail is not facts.trail:
        facts.trail = trail
        return APPLIED
    seen = any(e.version == version for e in facts.trail.entries)
    return DUPLICATE if seen else STALE


def fold_parcel(facts: OrderFacts, record: ParcelRecord, *, nested: bool = False) -> Outcome:
    """Folds a record of one parcel; another parcel id is another parcel (rules.md 2.5).

    `nested`: it is inside an order's record, not an event of its own (D15).
    """
    for i, parcel in enumerate(facts.parcels):
        if parcel.record.parcel_id == record.parcel_id:
            folded, outcome = _fold_into(parcel, record, nested=nested)
            if outcome is APPLIED:
                facts.parcels = (*facts.parcels[:i], folded, *facts.parcels[i + 1 :])
            return outcome
    if len(facts.parcels) >= MOST_PARCELS and not _forget_a_parcel(facts):
        return TOO_MANY_PARCELS
    trail = extended(Trail(), parcel_entry(record))
    parcel = Parcel(record, trail, nested, None if nested else record.version)
    facts.parcels = (*facts.parcels, parcel)
    return APPLIED


def _forget_a_parcel(facts: OrderFacts) -> bool:
    """Makes room for another parcel: of those that were replaced (D15) the oldest goes."""
    counted = {parcel.record.parcel_id for parcel in facts.counted}
    # The first one lies in the order's own row.
    gone = [p for p in facts.parcels[1:] if p.record.parcel_id not in counted]
    if not gone:
        return False
    oldest = min(gone, key=lambda p: (p.record.version, p.record.parcel_id))
    facts.parcels = tuple([p for p in facts.parcels if p is not oldest])
    facts.forgotten = (*facts.forgotten, oldest.record.parcel_id)
    return True


def _fold_into(parcel: Parcel, record: ParcelRecord, *, nested: bool) -> tuple[Parcel, Outcome]:
    known, event = parcel.record, parcel.event
    trail = extended(parcel.trail, parcel_entry(record))
    folded = joined(record, known, PARCEL_KEYS)
    if not nested and (event is None or record.version > event):
        event = record.version
    nested = nested or parcel.nested
    if (
        folded is known
        and trail is parcel.trail
        and nested is parcel.nested
        and event is parcel.event
    ):
        return parcel, DUPLICATE if record.version == known.version else STALE
    return Parcel(folded, trail, nested, event), APPLIED


def parcel_entry(record: ParcelRecord) -> TrailEntry:
    """What the record adds to its parcel's trail.

    A failed logistics state beats a final status (rules.md 6).
    """
    version, said = record.version, record.said
    arrived = record.arrived_at if said & _ARRIVED_AT else NOT_SAID
    collected = record.collected_at if said & _COLLECTED_AT else NOT_SAID
    returned = record.returned_at if said & _RETURNED_AT else NOT_SAID
    failed = record.failed if said & _FAILED else None
    state = _PARCEL_STATES.get(record.status, _OTHER) if said & _STATUS else _NOT_SAID
    if failed is not False:
        # What state it is in, others decide as well: it keeps all its moments.
        if state in GONE_BACK:
            return TrailEntry(version, state, returned, None, None, failed)
        if state is _COLLECTED:
            return TrailEntry(version, state, collected, arrived, returned, failed)
        return TrailEntry(version, state, arrived, collected, returned, failed)
    if state is _ARRIVED:
        return TrailEntry(version, state, arrived, collected)
    if state is _COLLECTED:
        return TrailEntry(version, state, collected, arrived)
    if state is _NOT_SAID:
        return TrailEntry(version, state, arrived, collected, returned)
    return TrailEntry(version, state, returned if state in GONE_BACK else None)


def fold_return(facts: OrderFacts, record: ReturnOrder) -> Outcome:
    """Folds a return order."""
    record = record._replace(first_at=record.version.at)
    for i, known in enumerate(facts.returns):
        if known.return_id != record.return_id:
            continue
        folded = joined(record, known, RETURN_KEYS)
        first_at = min(
            record.version.at, known.version.at if known.first_at is None else known.first_at
        )
        if folded.first_at != first_at:
            folded = folded._replace(first_at=first_at)
        if folded == known:
            return DUPLICATE if record.version == known.version else STALE
        facts.returns = (*facts.returns[:i], folded, *facts.returns[i + 1 :])
        return APPLIED
    if len(facts.returns) >= MOST_RETURNS and not _forget_a_return(facts):
        return TOO_MANY_RETURNS
    facts.returns = (*facts.returns, record)
    return APPLIED


def _forget_a_return(facts: OrderFacts) -> bool:
    """Makes room for another return: of those that are not completed the oldest goes."""
    open_ = [one for one in facts.returns if one.status != "completed"]
    if not open_:
        return False
    oldest = min(open_, key=lambda one: (one.version, one.return_id))
    facts.returns = tuple([one for one in facts.returns if one is not oldest])
    facts.forgotten = (*facts.forgotten, oldest.return_id)
    return True


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


def extended(trail: Trail, entry: TrailEntry) -> Trail:
    """The trail with one more record; the same object when the record adds nothing."""
    floor, entries, version = trail.floor, trail.entries, entry.version
    # What lies at or below the floor can never matter again.
    if (floor is not None and version <= floor) or _says_nothing(entry):
        return trail
    if not _is_interesting(entry):
        if not entries:
            return Trail(version)
        return Trail(version, tuple([e for e in entries if e.version > version]))
    if not entries:
        return Trail(floor, (entry,))
    twin = next((e for e in entries if _same_evidence(e, entry)), None)
    if twin is not None:
        if twin.version >= version:
            return trail
        entries = tuple([e for e in entries if e is not twin])
    if not entries or version > entries[-1].version:
        entries = (*entries, entry)
    else:
        entries = tuple(sorted((*entries, entry), key=_by_version))
    if len(entries) > MOST_ENTRIES:
        kept = thinned(entries)
        return trail if kept == trail.entries else Trail(floor, kept)
    return Trail(floor, entries)


def _is_interesting(entry: TrailEntry) -> bool:
    """Whether a trail keeps the record; one that is not ends all states.

    One that does not say whether the logistics failed leaves them as they were (D19), so that what
    was said of them before goes on to matter.
    """
    return entry.state is not _OTHER or entry.failed is not False


def _says_nothing(entry: TrailEntry) -> bool:
    """Whether the record names neither a status nor a moment (D19)."""
    return (
        entry.state is _NOT_SAID
        and entry.failed is None
        and entry.said_at == entry.also_at == entry.back_at == NOT_SAID
    )


def _same_evidence(a: TrailEntry, b: TrailEntry) -> bool:
    """Whether records of one moment show the same; then only the newest is kept.

    An order repeats its delivery in every record.
    """
    return (
        a.version.at == b.version.at
        and a.state is b.state
        and a.said_at == b.said_at
        and a.also_at == b.also_at
        and a.back_at == b.back_at
        and a.failed is b.failed
    )


def _by_version(entry: TrailEntry) -> tuple[Version, int, State, Micros, Micros, Micros]:
    """The sort key of an entry; a tie in the version falls by what the record says.

    So the order of entries is the same everywhere, whichever record came first.
    """
    said_at = NEVER if entry.said_at is None else entry.said_at
    also_at = NEVER if entry.also_at is None else entry.also_at
    back_at = NEVER if entry.back_at is None else entry.back_at
    failed = 2 if entry.failed else 0 if entry.failed is None else 1
    return entry.version, failed, entry.state, said_at, also_at, back_at
