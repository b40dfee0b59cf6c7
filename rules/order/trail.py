"""How long a state has held, whatever the order in which the records arrived.

rules.md 2.2: where upstream gives no time of its own, a state holds since the earliest `updated_at`
among the records in that state since the newest record not in it. To answer that after late
arrivals too, a facet keeps its *trail*: the newest record in no interesting state (the floor) and
every record in an interesting one that is newer than the floor. Older ones can never matter again,
so a trail stays short.
"""

from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from schemas.ids import Micros


class Version(NamedTuple):
    """Orders the records of one entity (rules.md 7).

    By its own `updated_at`, then `ts` in nanoseconds, then a digest.
    """

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
        own = self.version.at if self.said_at is None else self.said_at
        return own if self.also_at is None else min(own, self.also_at)

    @property
    def arrived_at(self) -> Micros | None:
        """The earlier of `arrived_at` and `collected_at`, when the record names the arrival at all.

        For records of an arrived or collected parcel.
        """
        if self.state is State.ARRIVED:
            arrived, collected = self.said_at, self.also_at
        else:
            arrived, collected = self.also_at, self.said_at
        if arrived is None:
            return None
        return arrived if collected is None else min(arrived, collected)


class Trail(NamedTuple):
    """The newest uninteresting record, if any, and all newer interesting ones, oldest first."""

    floor: Version | None = None
    entries: tuple[Entry, ...] = ()

    def newest(self) -> State:
        """The state of the newest record."""
        return self.entries[-1].state if self.entries else State.OTHER


EMPTY = Trail()


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
    """Since when the facet has been in `states`; None when it is not.

    That is what the newest record itself says, else the earliest `updated_at`.
    """
    run = streak(trail, states)
    if not run:
        return None
    said_at = run[-1].said_at
    return said_at if said_at is not None else min(e.version.at for e in run)


def final_since(trail: Trail, awaited: str) -> Micros | None:
    """Since when a parcel has its final status, `arrived` or `collected`, if it has (rules.md 2.2).

    A parcel that was collected has arrived as well.
    """
    if awaited == "collected":
        return since(trail, FINAL_FOR_COLLECTED)
    run = streak(trail, FINAL_FOR_ARRIVED)
    if not run:
        return None
    arrived_at = run[-1].arrived_at
    # `arrived` followed by `collected` loses nothing: where the record does not name the arrival,
    # the earliest evidence counts.
    return arrived_at if arrived_at is not None else min(e.evidence for e in run)


def without_last(trail: Trail, states: Collection[State]) -> Trail:
    """The trail as it was before its newest run of `states`."""
    run = streak(trail, states)
    return Trail(trail.floor, trail.entries[: len(trail.entries) - len(run)]) if run else trail
