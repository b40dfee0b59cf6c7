"""When an order is final (SPEC 2): at the last of its parcels' final moments, or at its completion without delivery."""

from collections.abc import Mapping

from rules.facts import DeliveryKey, OrderFacts, Parcel
from rules.options import final_status_of
from rules.trail import (
    CANCELLED,
    COMPLETED,
    FINAL_FOR_ARRIVED,
    FINAL_FOR_COLLECTED,
    GONE_BACK,
    Entry,
    State,
    Trail,
    since,
    streak,
    without_last,
)
from schemas.ids import Micros
from schemas.settings import FinalStatus

COUNTER_CHANNELS = frozenset({"pos", "shop_crm"})


def final_moment(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> Micros | None:
    """When upstream says that the parcel reached its final status (SPEC 2.2); None while it has not."""
    return _moment_in(parcel.trail, awaited_status(parcel, overrides))


def awaited_status(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> str:
    """`arrived` or `collected`: the final status of the parcel's delivery option."""
    return final_status_of(parcel.record.option, parcel.record.pickup, overrides)


def _moment_in(trail: Trail, awaited: str) -> Micros | None:
    if awaited == "collected":
        return since(trail, FINAL_FOR_COLLECTED)
    run = streak(trail, FINAL_FOR_ARRIVED)
    if not run:
        return None
    said = _arrival_said_by(run[-1])
    # `arrived` followed by `collected` loses nothing: without a word on the arrival the earliest evidence counts.
    return said if said is not None else min(e.evidence for e in run)


def _arrival_said_by(entry: Entry) -> Micros | None:
    """The earlier of `arrived_at` and `collected_at`, when the record tells the arrival at all."""
    arrived, collected = (entry.said_at, entry.also_at) if entry.state is State.ARRIVED else (entry.also_at, entry.said_at)
    if arrived is None:
        return None
    return arrived if collected is None else min(arrived, collected)


def gone_back_since(parcel: Parcel) -> Micros | None:
    """Since when the parcel is returning, returned or lost; None when it is not.

    The earliest evidence counts, not the newest record's word: a parcel that is returned goes back since it was
    returning.
    """
    run = streak(parcel.trail, GONE_BACK)
    return min(e.evidence for e in run) if run else None


def before_it_went_back(parcel: Parcel, overrides: Mapping[str, FinalStatus]) -> Micros | None:
    """The final moment that stood before the parcel went back (for `on_return: keep`, SPEC 4.5)."""
    return _moment_in(without_last(parcel.trail, GONE_BACK), awaited_status(parcel, overrides))


def final_moment_keeping(facts: OrderFacts, overrides: Mapping[str, FinalStatus], kept_from: Micros) -> Micros | None:
    """The order's final moment if parcels that went back from `kept_from` on count as they stood before (SPEC 4.5)."""
    last: Micros | None = None
    for parcel in facts.parcels:
        gone = gone_back_since(parcel)
        if gone is not None and gone < kept_from and is_out_of_the_count(parcel):
            continue
        keep = gone is None or gone >= kept_from
        moment = before_it_went_back(parcel, overrides) if keep else None
        if moment is None:
            return None
        last = moment if last is None else max(last, moment)
    return last


def order_final_moment(facts: OrderFacts, overrides: Mapping[str, FinalStatus], *, on_completed: bool) -> Micros | None:
    """When the whole order is final (SPEC 2.2 D4, D5 and 2.5)."""
    if on_completed or completes_without_delivery(facts):
        # A cancellation is judged by itself (it may be kept, SPEC 4.3); it does not undo the completion.
        return since(without_last(facts.trail, CANCELLED), COMPLETED)
    if len(facts.parcels) == 1:
        return final_moment(facts.parcels[0], overrides)
    return _last_of(facts.parcels, overrides)


def completes_without_delivery(facts: OrderFacts) -> bool:
    """A counter sale, or an order that upstream says has no delivery (SPEC 2.2 D4)."""
    record = facts.record
    if record is None or facts.parcels:
        return False
    if record.delivery_key is DeliveryKey.NULL:
        return True
    return record.delivery_key is DeliveryKey.ABSENT and record.created_by in COUNTER_CHANNELS


def is_out_of_the_count(parcel: Parcel) -> bool:
    """Returned or lost: the other parcels decide without it (SPEC 2.5). One on its way back is still awaited."""
    record = parcel.record
    return record.failed or record.status in ("returned", "expired")


def _last_of(parcels: tuple[Parcel, ...], overrides: Mapping[str, FinalStatus]) -> Micros | None:
    last: Micros | None = None
    for parcel in parcels:
        if is_out_of_the_count(parcel):
            continue
        moment = final_moment(parcel, overrides)
        if moment is None:
            return None
        last = moment if last is None else max(last, moment)
    return last
