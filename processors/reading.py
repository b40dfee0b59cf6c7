"""From a record's bytes to what it says about one order, or why it says nothing."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from processors.runtime.feed import Record
from rules.facts import OrderFacts, OrderRecord, ParcelRecord, ReturnOrder
from rules.folding import APPLIED, DUPLICATE, Outcome, fold_bare_remove, fold_order, fold_parcel, fold_return
from rules.records import (
    order_record,
    own_micros,
    parcel_record,
    return_order,
    tier_of,
    version_of,
)
from rules.trail import Version
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.upstream.envelope import CARRIER_REPORT, Envelope, Kind, Unreadable, read
from schemas.upstream.resources import OrderResource

REMOVE = "order/remove"


class Said(NamedTuple):
    """What one record says about one order."""

    record: Record
    merchant_id: str
    order_id: bytes
    version: Version
    order: OrderRecord | None = None
    tier: str | None = None
    parcel: ParcelRecord | None = None
    returned: ReturnOrder | None = None

    def newest_at(self) -> Micros:
        """The latest version in it: a nested delivery has one of its own."""
        return self.version.at if self.parcel is None else max(self.version.at, self.parcel.version.at)

    def words(self) -> Iterable[str | None]:
        """The open enumerations in it, which need numbers before they are stored."""
        if self.order is not None:
            yield from (self.order.status, self.order.created_by, self.order.kind, self.order.currency, self.tier)
        if self.parcel is not None:
            yield from (self.parcel.status, self.parcel.option)
        if self.returned is not None:
            yield self.returned.status

    def fold(self, facts: OrderFacts) -> Outcome:
        """Folds it into the facts of its order."""
        if self.order is not None:
            outcome = fold_order(facts, self.order, self.tier)
            if self.parcel is None:
                return outcome
            parcel = fold_parcel(facts, self.parcel)
            return parcel if outcome is not APPLIED and (parcel is APPLIED or outcome is DUPLICATE) else outcome
        if self.parcel is not None:
            return fold_parcel(facts, self.parcel)
        if self.returned is not None:
            return fold_return(facts, self.returned)
        return fold_bare_remove(facts, self.version)


def say(record: Record, likely: Kind) -> Said | str:
    """What the record says; a reason (a word) when it says nothing about points. Raises Unreadable for poison."""
    message = record.message
    value = message.value()
    if value is None:
        return "null_value"
    got = read(value, likely)
    if isinstance(got, str):
        return got if got == CARRIER_REPORT else "unknown_topic"
    kind, envelope = got
    received = message.timestamp()[1] * 1000
    if kind == "order":
        return _order(record, envelope, received, value)
    resource = envelope.resource
    if kind == "remove":
        at = own_micros(resource)
        return Said(record, envelope.merchant_id, pack_id(resource.id), version_of(envelope, at, received, value))
    if resource.order_id is None:
        raise Unreadable("missing_field", "resource.order_id: missing, so the order cannot be told", envelope.merchant_id)
    version = version_of(envelope, own_micros(resource), received, value)
    order_id = pack_id(resource.order_id)
    if kind == "delivery":
        return Said(record, envelope.merchant_id, order_id, version, parcel=parcel_record(resource, version))
    return Said(record, envelope.merchant_id, order_id, version, returned=return_order(resource, version))


def _order(source: Record, envelope: Envelope[Any], received: int, value: bytes) -> Said:
    order: OrderResource = envelope.resource
    version = version_of(envelope, own_micros(order), received, value)
    record = order_record(order, version, removed=envelope.topic == REMOVE)
    parcel = None
    if order.order_delivery is not None:
        own = own_micros(order.order_delivery)
        at = version if own is None else version._replace(at=own)
        parcel = parcel_record(order.order_delivery, at)
    return Said(source, envelope.merchant_id, pack_id(order.id), version, record, tier_of(order), parcel)
