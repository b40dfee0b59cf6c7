"""Where an order's parcels are and whether that is final (rules.md 2.2), in sentences."""

from collections.abc import Iterator

from rules.explain.carriers import CarrierSteps
from rules.explain.case import OrderCase
from rules.order import delivery
from rules.order.carrier_reports import boxes_of, reports_of
from rules.order.facts import OrderRecord, Parcel
from rules.order.options import is_known
from schemas.ids import Micros
from schemas.options import delivery_options
from schemas.packing import unpack_id
from schemas.settings import BoundRules

PARCEL_STATUSES = frozenset(
    {
        "pending", "shipping", "shipped", "arrived", "collected", "returned", "returning",
        "returning_store_closed", "store_closed", "expired",
    }
)  # fmt: skip
"""The statuses that upstream documents; others are kept, and said to be unknown."""


def delivery_steps(
    case: OrderCase, record: OrderRecord, rules: BoundRules
) -> Iterator[tuple[str, str]]:
    """Sentences, each with what it is about: the `delivery` or the `carrier`."""
    facts, carriers = case.view.facts, CarrierSteps(case, rules)
    by_parcels = False
    if rules.on_completed:
        final = "the order is final when its status is completed, whatever its delivery"
        yield "delivery", f"grant_on is order_completed: {final}."
    elif delivery.completes_without_delivery(facts):
        final = "the order is final when its status is completed"
        yield "delivery", f"Nothing is delivered: {final}."
    elif not facts.counted:
        yield "delivery", "No delivery is known yet, so it is not final."
    else:
        by_parcels = True
        yield from _parcels(case, rules, carriers)
    for text in carriers.of_no_parcel():
        yield "carrier", text
    if case.view.awaiting:
        yield "carrier", _awaiting(case.view.awaiting)
    if not by_parcels and case.decided.final_at is None:
        status = record.status or "unknown"
        yield "delivery", f"Its status is {status}: not yet completed."


def _awaiting(count: int) -> str:
    name = "1 report names" if count == 1 else f"{count} reports name"
    why = "parked until the next recheck"
    return f"{name} this order's id and no merchant: {why}."


def _parcels(
    case: OrderCase, rules: BoundRules, carriers: CarrierSteps
) -> Iterator[tuple[str, str]]:
    facts = case.view.facts
    parcels = facts.counted
    for parcel in parcels:
        yield "delivery", _parcel(case, parcel, rules)
        for text in carriers.of_parcel(parcel):
            yield "carrier", text
    if sum(len(boxes_of(parcel, case.view.facts)) for parcel in parcels) > 1:
        all_of_them = "the order is final when all that are not returned or lost are"
        yield (
            "delivery",
            f"With several parcels, {all_of_them}, at the last of their moments.",
        )
    for parcel in facts.parcels:
        if parcel not in parcels:
            name = unpack_id(parcel.record.parcel_id)
            yield (
                "delivery",
                f"Parcel {name} was replaced in the order by another: it is not awaited.",
            )


def _parcel(case: OrderCase, parcel: Parcel, rules: BoundRules) -> str:
    record, awaited = parcel.record, delivery.awaited_status(parcel, rules.overrides)
    option = record.option or "a delivery option without a name"
    boxes = [box.decode(errors="replace") for box in boxes_of(parcel, case.view.facts) if box]
    numbered = f", number{'s' if len(boxes) > 1 else ''} {' and '.join(boxes)}" if boxes else ""
    final_at = f"is final when {_awaited(awaited)} ({_source(parcel, rules)})"
    return (
        f"Parcel {unpack_id(record.parcel_id)}{numbered}: {option} {final_at}. "
        f"{_by_upstream(case, parcel, rules, awaited)}"
    )


def _by_upstream(case: OrderCase, parcel: Parcel, rules: BoundRules, awaited: str) -> str:
    """What upstream's own records say of the parcel; carriers' reports are steps of their own."""
    record = parcel.record
    # Where carriers reported as well, it matters that this is upstream's word.
    by_upstream = bool(reports_of(parcel, case.view.facts))
    its_status = "By upstream its status" if by_upstream else "Its status"
    known = "" if record.status in PARCEL_STATUSES else " (not a status that we know)"
    failed = ", logistics failed" if record.failed else ""
    status = f"{record.status or 'unknown'}{known if record.status else ''}{failed}"
    moment = delivery.final_moment(parcel, rules.overrides)
    if moment is not None:
        shown_by = _evidence(parcel, moment)
        return f"{its_status} is {status}: final {case.at(moment)}, by {shown_by}."
    gone = delivery.gone_back_since(parcel)
    if gone is not None:
        return f"{its_status} has been {status} since {case.at(gone)}: that is not final."
    if record.status == "arrived" and awaited == "collected":
        the_parcel = "By upstream the parcel" if by_upstream else "The parcel"
        return f"{the_parcel} is at the store and has not been collected."
    return f"{its_status} is {status}: not yet {_awaited(awaited)}."


def _awaited(status: str) -> str:
    return "collected" if status == "collected" else "arrived or collected"


def _source(parcel: Parcel, rules: BoundRules) -> str:
    """Which rule says at which status the parcel's option is final."""
    option = parcel.record.option
    if option in rules.overrides:
        return "the merchant's delivery_overrides"
    if option is None or not is_known(option):
        kind = "a pick-up" if parcel.record.pickup else "as for options that are not integrated"
        return f"not in the table of options: {kind}"
    row = delivery_options()[option]
    if row.final == "by_delivery_type":
        kind = "pick-up" if parcel.record.pickup else "no pick-up"
        return f"table of options: {row.line}, by its delivery type, {kind}"
    return f"table of options: {row.line}"


def _evidence(parcel: Parcel, moment: Micros) -> str:
    """Which field shows the moment: the trail's records may be older than the newest one."""
    for entry in reversed(delivery.course(parcel).entries):
        arrived = entry.state.name == "ARRIVED"
        if moment == entry.said_at:
            return "its arrived_at" if arrived else "its collected_at"
        if moment == entry.also_at:
            return "its collected_at" if arrived else "its arrived_at"
    return "the earliest updated_at of the records in that state"
