"""Which reports an order keeps, and what of the order decides which it may take (rules.md 6)."""

from collections.abc import Iterable
from typing import NamedTuple

from rules.order.carrier_reports import within_reach
from rules.order.facts import CarrierReport, OrderFacts, OrderRecord, Parcel
from schemas.carriers import Meaning
from schemas.ids import Micros
from store.carriers import tracking
from store.carriers.tracking import TrackingRow
from store.orders import codec
from store.orders.orders import OrderKey, OrderRow, is_numbered
from store.postgres.interning import InternedStrings

IDLE = frozenset({Meaning.IN_TRANSIT, Meaning.AT_PICKUP_POINT})
"""Meanings that decide nothing: such reports are kept with their number alone, to be shown."""


class TrackingSnapshot(NamedTuple):
    """An order's record and parcels that count: they decide which reports it may take."""

    record: OrderRecord | None
    parcels: tuple[Parcel, ...]


NOTHING = TrackingSnapshot(None, ())


def snapshot_of(rows: Iterable[OrderRow]) -> dict[OrderKey, TrackingSnapshot]:
    """Orders as they were read, those that have any number."""
    return {
        row.key: TrackingSnapshot(row.facts.record, row.facts.counted)
        for row in rows
        if row.flags & codec.NUMBERED
    }


def is_unchanged(old: TrackingSnapshot, facts: OrderFacts) -> bool:
    """Whether the order has the numbers, creation and member that it had, or no number at all."""
    if old is NOTHING:
        return not is_numbered(facts)
    new, was = facts.record, old.record
    # Folding replaces a record or the parcels only where they change, so the same object is equal.
    if new is not was:
        if new is None or was is None or new.created_at != was.created_at:
            return False
        if new.member != was.member or new.created_by != was.created_by:
            return False
        if new.tracking != was.tracking or new.delivery_id != was.delivery_id:
            return False
    counted = facts.counted  # another one nested since may have replaced a parcel (D15)
    return counted is old.parcels or _numbers(counted) == _numbers(old.parcels)


def _numbers(parcels: Iterable[Parcel]) -> list[tuple[bytes, bytes | None]]:
    return [(parcel.record.parcel_id, parcel.record.tracking) for parcel in parcels]


def attachable(
    row: TrackingRow, lone: TrackingRow | None, named_at: Micros, words: InternedStrings
) -> list[CarrierReport]:
    """The reports of a number that an order keeps which first named it at `named_at`.

    Those that decide something or may do so one day, as a code that is unknown may.
    """
    return [
        report.as_fact(row.number)
        for report in tracking.reports_for(row, lone, words)
        if report.meaning not in IDLE and within_reach(named_at, report.at)
    ]
