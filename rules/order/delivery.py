"""When an order is final (rules.md 2).

At the last of its parcels' final moments, or at its completion where there is no delivery. Without
reports of a carrier a parcel has one voice, upstream's, and nothing is folded for the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from rules.order.carrier_reports import (
    GoneWord,
    Voice,
    boxes_of,
    carrier_voice,
    final_of_both,
    reports_of,
)
from rules.order.facts import PARCEL_KEYS, DeliveryKey, OrderFacts, Parcel, version_of_key
from rules.order.options import final_status_of
from rules.order.trail import (
    CANCELLED,
    COMPLETED,
    GONE_BACK,
    OUT_OF_THE_COUNT,
    State,
    Trail,
    TrailEntry,
    final_since,
    given,
    resolved,
    since,
    streak,
    without_last,
)
from schemas.ids import Micros
from schemas.settings import BoundRules, FinalStatus

COUNTER_CHANNELS = frozenset({"pos", "shop_crm"})
_FAILED = next(bit for bit, fields in PARCEL_KEYS.items() if "failed" in fields)
_ALWAYS: Micros = -(2**63)
# Looked up once: an enumeration's member is an attribute that Python computes.
_PRESENT: Final = DeliveryKey.PRESENT
_OTHER: Final = State.OTHER


def is_unfinished(facts: OrderFacts, rules: BoundRules | None) -> bool:
    """Whether nothing can be due for the order yet, as is so for most of its records.

    A short cut for callers that want only differences, and know that nothing was posted or planned:
    what ends in no final moment after all is decided like any other.
    """
    if rules is None or facts.record is None:
        return True
    # No final moment comes from elsewhere than a trail or a carrier (rules.md 2.2).
    if facts.trail.entries or facts.reports:
        return False
    for parcel in facts.parcels:
        for entry in parcel.trail.entries:
            if entry.state is not _OTHER:
                return False
    return True


def final_moment(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> Micros | None:
    """When upstream says that the parcel reached its final status (rules.md 2.2).

    None while it has not.
    """
    if not parcel.trail.entries:
        return None
    awaited = awaited_status(parcel, overrides)
    trail = course(parcel)
    if parcel.record.by_return and is_back_by_return(parcel, trail):
        trail = without_last(trail, GONE_BACK)
    return final_since(trail, awaited)


def course(parcel: Parcel) -> Trail:
    """The parcel's trail with the state that each of its records leaves it in (D19)."""
    trail, failed = parcel.trail, False
    if parcel.record.failed and trail.floor is not None:
        said = version_of_key(parcel.record, _FAILED)
        failed = said is not None and said < trail.floor
    return resolved(trail, failed=failed)


def is_back_by_return(parcel: Parcel, trail: Trail) -> bool:
    """Whether a return order sent the parcel back: the return says how much came back (D15).

    Of a parcel that is returned the logistics state may be a failed one as well.
    """
    newest, record = trail.newest(), parcel.record
    returned = newest is State.RETURNED or (newest is State.LOST and record.status == "returned")
    return record.by_return and returned


def awaited_status(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> str:
    """`arrived` or `collected`: the final status of the parcel's delivery option."""
    return final_status_of(parcel.record.option, parcel.record.pickup, overrides)


def gone_back_since(parcel: Parcel) -> Micros | None:
    """Since when the parcel is returning, returned or lost; None when it is not.

    The earliest evidence counts, not the newest record's: a parcel that is returned has been going
    back since it was returning.
    """
    run = streak(course(parcel), GONE_BACK)
    return min(e.evidence for e in run) if run else None


def before_it_went_back(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> Micros | None:
    """The final moment that held before the parcel went back.

    See for `on_return: keep`, rules.md 4.5.
    """
    return final_since(without_last(course(parcel), GONE_BACK), awaited_status(parcel, overrides))


def order_final_moment(
    facts: OrderFacts, overrides: Mapping[str, FinalStatus], *, on_completed: bool
) -> Micros | None:
    """When the whole order is final (rules.md 2.2 D4, D5 and 2.5); None while it is not.

    What is final before the order's creation is final at its creation (D14).
    """
    final = _final_as_told(facts, overrides, on_completed=on_completed)
    if final is None or facts.record is None:
        return final
    return max(final, facts.record.created_at)


def _final_as_told(
    facts: OrderFacts, overrides: Mapping[str, FinalStatus], *, on_completed: bool
) -> Micros | None:
    if on_completed or completes_without_delivery(facts):
        # A cancellation is judged by itself (it may be kept, rules.md 4.3); it does not undo the
        # completion.
        return since(without_last(resolved(facts.trail), CANCELLED), COMPLETED)
    if facts.reports:
        return _last_standing(standings(facts, overrides))
    parcels = facts.counted
    if len(parcels) == 1:
        return final_moment(parcels[0], overrides)
    return _last_of(parcels, overrides)


def completes_without_delivery(facts: OrderFacts) -> bool:
    """A counter sale, or an order that upstream says has no delivery (rules.md 2.2 D4)."""
    record = facts.record
    if record is None or record.delivery_key is _PRESENT or (facts.parcels and facts.counted):
        return False
    return record.delivery_key is DeliveryKey.NULL or record.created_by in COUNTER_CHANNELS


def is_out_of_the_count(parcel: Parcel) -> bool:
    """Whether upstream says returned or lost: the other parcels decide without it (rules.md 2.5).

    A parcel on its way back is still awaited.
    """
    return course(parcel).newest() in OUT_OF_THE_COUNT


def _last_of(parcels: tuple[Parcel, ...], overrides: Mapping[str, FinalStatus]) -> Micros | None:
    last: Micros | None = None
    for parcel in parcels:
        moment = final_moment(parcel, overrides)
        if moment is None:
            if is_out_of_the_count(parcel):
                continue
            return None
        last = moment if last is None else max(last, moment)
    return last


class Standing(NamedTuple):
    """What the two voices say of one parcel (rules.md 2.4)."""

    upstream: Voice
    carrier: Voice

    @property
    def final_at(self) -> Micros | None:
        """When the parcel is final; None while it is not."""
        return final_of_both(self.upstream, self.carrier)

    @property
    def out(self) -> bool:
        """Whether returned or lost in either voice, and not final: it does not count.

        See rules.md 2.5.

        Then the order's other parcels decide without it.
        """
        return (self.upstream.out or self.carrier.out) and self.final_at is None

    def keeping(self, kept_from: Micros) -> "Standing":
        """The two voices if going back at or after `kept_from` changes nothing (rules.md 4.5)."""
        return Standing(self.upstream.keeping(kept_from), self.carrier.keeping(kept_from))


def standing_of(
    parcel: Parcel,
    facts: OrderFacts,
    overrides: Mapping[str, FinalStatus],
    number: bytes | None = None,
) -> Standing:
    """Both voices on one of the order's parcels, or on one of its boxes."""
    carrier = carrier_voice(reports_of(parcel, facts, number), awaited_status(parcel, overrides))
    standing = Standing(upstream_voice(parcel, overrides), carrier)
    if is_back_by_return(parcel, course(parcel)):
        # The carrier carried back what the return order sent back.
        kept = standing.keeping(_ALWAYS)
        if kept.final_at is not None:
            return kept
    return standing


def standings(facts: OrderFacts, overrides: Mapping[str, FinalStatus]) -> list[Standing]:
    """Both voices on each box of each parcel that counts, in the order of `facts.parcels`.

    Several numbers in one field are parcels as in rules.md 2.5.
    """
    return [
        standing_of(parcel, facts, overrides, number)
        for parcel in facts.counted
        for number in boxes_of(parcel, facts)
    ]


def upstream_voice(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> Voice:
    """Upstream's voice: its newest record counts (rules.md 2.4)."""
    run = streak(course(parcel), GONE_BACK)
    if not run:
        return Voice(final_moment(parcel, overrides))
    return Voice(None, before_it_went_back(parcel, overrides), tuple(_gone_words(run)))


def _gone_words(run: Iterable[TrailEntry]) -> Iterator[GoneWord]:
    """Upstream's words of going back, each with the time that its record names for it.

    Without one, with that of the earliest record that shows the word. So a record that only repeats
    *returning* is no newer word, but *returned* after *returning* is.
    """
    for state, group in groupby(run, key=attrgetter("state")):
        entries = list(group)
        earliest = min(entry.evidence for entry in entries)
        for entry in entries:
            said_at = given(entry.said_at)
            at = earliest if said_at is None else said_at
            yield GoneWord(at, out=state in OUT_OF_THE_COUNT)


def finals_if_kept(
    facts: OrderFacts, overrides: Mapping[str, FinalStatus]
) -> Iterator[tuple[Micros, Micros]]:
    """Possible final moments where going back may change nothing, for `on_return: keep`.

    See rules.md 4.5.

    Pairs (from when on going back changes nothing, the order's final moment then). The due date
    depends on what is kept, so at first all going back is kept, then all but the word that came
    first, and so on. Which of the pairs holds is for the due date to decide.
    """
    if not facts.reports and all(gone_back_since(parcel) is None for parcel in facts.counted):
        return
    created = facts.record.created_at if facts.record is not None else _ALWAYS
    parcels = standings(facts, overrides)
    moments = {
        word.at
        for standing in parcels
        for voice in standing
        for word in voice.gone
        if not word.reversal  # a reversed scan takes back, it is not kept
    }
    for kept_from in sorted(moments):
        final = _last_standing(standing.keeping(kept_from) for standing in parcels)
        if final is not None:
            yield kept_from, max(final, created)


def _last_standing(parcels: Iterable[Standing]) -> Micros | None:
    """The last final moment of the parcels that count; None while one of them has none."""
    last: Micros | None = None
    for standing in parcels:
        moment = standing.final_at
        if moment is None:
            if standing.out:
                continue
            return None
        last = moment if last is None else max(last, moment)
    return last
