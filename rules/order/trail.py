"""How long a state has held, whatever the order in which the records arrived.

SPEC 2.2: where upstream gives no time of its own, a state holds since the earliest `updated_at`
among the records in that state since the newest record not in it. To answer that after late
arrivals too, a facet keeps its *trail*: the newest record in no interesting state (the floor) and
every record in an interesting one that is newer than the floor. Older ones can never matter again,
so a trail stays short.
"""

from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from schemas.ids import NEVER, Micros


class Version(NamedTuple):
    """Orders the records of one entity (SPEC 7): its own `updated_at`, then `ts` in nanoseconds, then a digest."""

    at: Micros
    ts: int = 0
    digest: int = 0


class State(IntEnum):
    """The states that a trail remembers. OTHER is everything that ends them."""

    OTHER = 0
    ARRIVED = 1
    COLLECTED = 2
    RETURNED = 3
    COMPLETED = 4
    CANCELLED = 5  # cancelled or removed
    BARE_REMOVE = 6  # an `order/remove` that carried nothing but the id
    RETURNING = 7
    LOST = 8


FINAL_FOR_ARRIVED = frozenset({State.ARRIVED, State.COLLECTED})
FINAL_FOR_COLLECTED = frozenset({State.COLLECTED})
GONE_BACK = frozenset({State.RETURNING, State.RETURNED, State.LOST})
OUT_OF_THE_COUNT = frozenset({State.RETURNED, State.LOST})
COMPLETED = frozenset({State.COMPLETED})
CANCELLED = frozenset({State.CANCELLED, State.BARE_REMOVE})


class Entry(NamedTuple):
    """One record in an interesting state, and what it says itself about since when (None: nothing).

    `said_at` is the field of the record's own state (`arrived_at` of an arrived parcel,
    `completed_at` of a completed order); `also_at` is, of a parcel, the other of `arrived_at` and
    `collected_at`.
    """

    version: Version
    state: State
    said_at: Micros | None = None
    also_at: Micros | None = None

    @property
    def evidence(self) -> Micros:
        """The earliest moment at which this record alone shows the state."""
        said = self.version.at if self.said_at is None else self.said_at
        return said if self.also_at is None else min(said, self.also_at)


class Trail(NamedTuple):
    """The newest uninteresting record, if any, and all newer records in interesting states, oldest first."""

    floor: Version | None = None
    entries: tuple[Entry, ...] = ()

    def newest(self) -> State:
        """The state of the newest record."""
        return self.entries[-1].state if self.entries else State.OTHER


EMPTY = Trail()


def extended(trail: Trail, entry: Entry) -> Trail:
    """The trail with one more record; the same object when the record adds nothing."""
    floor, entries, version = trail.floor, trail.entries, entry.version
    if floor is not None and version <= floor:
        return trail
    if entry.state is State.OTHER:
        return (
            Trail(version, tuple(e for e in entries if e.version > version))
            if entries
            else Trail(version)
        )
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
    """Records of one moment that show the same: the newest of them stands for all (an order repeats its delivery)."""
    return (
        a.version.at == b.version.at
        and a.state is b.state
        and a.said_at == b.said_at
        and a.also_at == b.also_at
    )


def _by_version(entry: Entry) -> tuple[Version, State, Micros, Micros]:
    """Records that tie in their version sort by what they say, so that their order is the same everywhere."""
    said, also = entry.said_at, entry.also_at
    return (
        entry.version,
        entry.state,
        NEVER if said is None else said,
        NEVER if also is None else also,
    )


def streak(trail: Trail, states: Collection[State]) -> tuple[Entry, ...]:
    """The newest unbroken run of records in `states`, oldest first.

    Empty when the newest record is not in them.
    """
    entries = trail.entries
    start = len(entries)
    while start and entries[start - 1].state in states:
        start -= 1
    return entries[start:]


def since(trail: Trail, states: Collection[State]) -> Micros | None:
    """Since when the facet has been in `states`: the newest record's own word, else the earliest `updated_at`."""
    run = streak(trail, states)
    if not run:
        return None
    said = run[-1].said_at
    return said if said is not None else min(e.version.at for e in run)


def without_last(trail: Trail, states: Collection[State]) -> Trail:
    """The trail as it stood before its newest run of `states`."""
    run = streak(trail, states)
    return Trail(trail.floor, trail.entries[: len(trail.entries) - len(run)]) if run else trail
