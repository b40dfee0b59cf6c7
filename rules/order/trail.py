"""How long a state has held, whatever the order in which the records arrived.

rules.md 2.2: where upstream gives no time of its own, a state holds since the earliest `updated_at`
among the records in that state since the newest record not in it. To answer that after late
arrivals too, a facet keeps its *trail*: the newest record in no interesting state (the floor) and
every record in an interesting one that is newer than the floor. Older ones can never matter again,
so a trail stays short; where it does not, the records that decide are kept (`MOST_ENTRIES`).

A record may lack the state, or a moment (D19). Such a thin record goes on with the state before it;
of a moment the newest record of the run that names it counts.
"""

from collections.abc import Collection, Sequence
from enum import IntEnum
from itertools import groupby
from typing import Final, NamedTuple

from schemas.ids import Micros


class Version(NamedTuple):
    """Orders the records of one entity (rules.md 7).

    By its own `updated_at`, then `ts` in nanoseconds, then what ends an order or parcel over what
    does not (the first of the digest's 64 bits), then the digest.
    """

    at: Micros
    ts: int = 0
    digest: int = 0

    def is_later_than(self, other: "Version") -> bool:
        """Whether it is newer by its times, whatever the digests of the two records say."""
        return (self.at, self.ts) > (other.at, other.ts)


ENDS: Final = 1 << 63
"""The bit of a digest that says that the record ends its order or parcel (rules.md 7)."""
NOT_SAID: Final[Micros] = -(2**63) + 1
"""A moment that a record does not name at all; None is a statement, *not given* (D19)."""
MOST_ENTRIES: Final = 64
"""Of one trail. An order that is synchronised every night must not grow its row for ever."""


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
    NOT_SAID = 9  # the record lacks the status: it says nothing of it (D19)


# Looked up once: an enumeration's member is an attribute that Python computes.
_OTHER: Final = State.OTHER
_ARRIVED: Final = State.ARRIVED
_COLLECTED: Final = State.COLLECTED
_LOST: Final = State.LOST
_NOT_SAID: Final = State.NOT_SAID

FINAL_FOR_ARRIVED = frozenset({State.ARRIVED, State.COLLECTED})
FINAL_FOR_COLLECTED = frozenset({State.COLLECTED})
GONE_BACK = frozenset({State.RETURNING, State.RETURNED, State.LOST})
OUT_OF_THE_COUNT = frozenset({State.RETURNED, State.LOST})
COMPLETED = frozenset({State.COMPLETED})
CANCELLED = frozenset({State.CANCELLED, State.BARE_REMOVE})


class TrailEntry(NamedTuple):
    """One record in an interesting state, and what it says itself about since when.

    A moment is None when the record says *not given*, NOT_SAID when it does not name it. `said_at`
    is the field of the record's own state (`arrived_at` of an arrived parcel, `completed_at` of a
    completed order); `also_at` is, of a parcel, the other of `arrived_at` and `collected_at`. Where
    that state may turn out to be another (`resolved`), `said_at` of one NOT_SAID is `arrived_at`,
    and `back_at` is `returned_at`. `failed` is the parcel's logistics state, None when it is
    not said.
    """

    version: Version
    state: State
    said_at: Micros | None = None
    also_at: Micros | None = None
    back_at: Micros | None = None
    failed: bool | None = False

    @property
    def evidence(self) -> Micros:
        """The earliest moment at which this record alone shows the state."""
        own = given(self.said_at)
        also = given(self.also_at)
        if own is None:
            own = self.version.at
        return own if also is None else min(own, also)

    @property
    def arrived_at(self) -> Micros | None:
        """`arrived_at` of a record of an arrived or collected parcel; NOT_SAID when it lacks it."""
        return self.said_at if self.state is _ARRIVED else self.also_at

    @property
    def collected_at(self) -> Micros | None:
        """As `arrived_at`, of the collection."""
        return self.also_at if self.state is _ARRIVED else self.said_at


def given(moment: Micros | None) -> Micros | None:
    """The moment, or None when it is not given or not named."""
    return None if moment == NOT_SAID else moment


def newest_said(moments: Sequence[Micros | None]) -> Micros | None:
    """What the newest record that names the moment says; None when no one gives it."""
    for moment in reversed(moments):
        if moment != NOT_SAID:
            return moment
    return None


class Trail(NamedTuple):
    """The newest uninteresting record, if any, and all newer interesting ones, oldest first."""

    floor: Version | None = None
    entries: tuple[TrailEntry, ...] = ()

    def newest(self) -> State:
        """The state of the newest record."""
        return self.entries[-1].state if self.entries else _OTHER


EMPTY = Trail()


def streak(trail: Trail, states: Collection[State]) -> tuple[TrailEntry, ...]:
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
    said_at = newest_said([e.said_at for e in run])
    return said_at if said_at is not None else min([e.version.at for e in run])


def final_since(trail: Trail, awaited: str) -> Micros | None:
    """Since when a parcel has its final status, `arrived` or `collected`, if it has (rules.md 2.2).

    A parcel that was collected has arrived as well.
    """
    if awaited == "collected":
        return since(trail, FINAL_FOR_COLLECTED)
    run = streak(trail, FINAL_FOR_ARRIVED)
    if not run:
        return None
    arrived_at = newest_said([e.arrived_at for e in run])
    if arrived_at is None:
        # `arrived` followed by `collected` loses nothing: where the record does not name the
        # arrival, the earliest evidence counts.
        return min([e.evidence for e in run])
    collected_at = newest_said([e.collected_at for e in run])
    return arrived_at if collected_at is None else min(arrived_at, collected_at)


def without_last(trail: Trail, states: Collection[State]) -> Trail:
    """The trail as it was before its newest run of `states`."""
    run = streak(trail, states)
    return Trail(trail.floor, trail.entries[: len(trail.entries) - len(run)]) if run else trail


def resolved(trail: Trail, *, failed: bool = False) -> Trail:
    """The trail with the state that each record leaves its parcel or order in (D19).

    `failed` is what held of the logistics state before the first entry. A failed one beats the
    status (rules.md 6).
    """
    entries = trail.entries
    states = _states_after(entries, failed)
    if states == [entry.state for entry in entries]:
        return trail
    pairs = zip(entries, states, strict=True)
    return Trail(trail.floor, tuple([_in_state(entry, state) for entry, state in pairs]))


def _states_after(entries: Sequence[TrailEntry], failed: bool) -> list[State]:  # noqa: FBT001
    """The state in which each record leaves its parcel or order."""
    states: list[State] = []
    status = _OTHER
    for _, own, _, _, _, says_failed in entries:
        if says_failed is not None:
            failed = says_failed
        if own is not _NOT_SAID:
            status = own
        states.append(_LOST if failed else status)
    return states


def _in_state(entry: TrailEntry, state: State) -> TrailEntry:
    """The entry as one of a record in this state, its moments where they belong."""
    own, said, also, back = entry.state, entry.said_at, entry.also_at, entry.back_at
    if state is own:
        return entry
    if own is _COLLECTED:
        arrived, collected = also, said
    elif own in GONE_BACK:
        arrived, collected, back = NOT_SAID, NOT_SAID, said
    else:
        arrived, collected = said, also
    if state in GONE_BACK:
        return TrailEntry(entry.version, state, back)
    if state in CANCELLED:
        return TrailEntry(entry.version, state, NOT_SAID)
    if state is _COLLECTED:
        return TrailEntry(entry.version, state, collected, arrived)
    return TrailEntry(entry.version, state, arrived, collected)


def thinned(entries: tuple[TrailEntry, ...]) -> tuple[TrailEntry, ...]:
    """What decides, of more entries than MOST_ENTRIES: the rest of each run adds nothing to it.

    A run is of records that leave their parcel or order in states that go together, whatever each
    of them names: senders say the same in turns, whole and thin. Of the changes between runs the
    newest are kept.
    """
    states = _states_after(entries, failed=False)
    kept: list[TrailEntry] = []
    for _, run in groupby(range(len(entries)), key=lambda i: _TOGETHER.get(states[i], states[i])):
        kept += [entries[i] for i in sorted(_telling(entries, states, list(run)))]
    return tuple(kept[-MOST_ENTRIES:])


_TOGETHER: Final = {
    state: min(together)
    for together in (FINAL_FOR_ARRIVED, GONE_BACK, CANCELLED)
    for state in together
}
"""One state for each that a run may have: those between which finality or its loss goes on."""


def _telling(
    entries: Sequence[TrailEntry], states: Sequence[State], run: Sequence[int]
) -> set[int]:
    """The places in a run that decide.

    Of records that say the same these are the earliest, the newest, the earliest that names no
    moment, the newest that names one, and those with the earliest and the latest moment. Of the
    state that the run ends in, the first.
    """
    last = run[-1]
    places = {next((i + 1 for i in reversed(run) if states[i] is not states[last]), run[0])}
    said: dict[tuple[State, bool | None], list[int]] = {}
    for i in run:
        said.setdefault((entries[i].state, entries[i].failed), []).append(i)
    for same in said.values():
        places |= {same[0], same[-1]}
        places |= set([i for i in same if given(entries[i].said_at) is None][:1])
        for which in ("said_at", "also_at", "back_at"):
            named = [(getattr(entries[i], which), i) for i in same]
            places |= set([i for moment, i in named if moment != NOT_SAID][-1:])
            dated = [(moment, i) for moment, i in named if given(moment) is not None]
            places |= {min(dated)[1], max(dated)[1]} if dated else set()
    return places
