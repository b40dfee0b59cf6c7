"""From a record's bytes to what it says, or why it says nothing."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from processors.runtime.kafka.feed import Record
from rules.order.facts import OrderFacts, OrderRecord, ParcelRecord, ReturnOrder
from rules.order.folding import (
    APPLIED,
    DUPLICATE,
    Outcome,
    fold_bare_remove,
    fold_order,
    fold_parcel,
    fold_return,
)
from rules.order.records import (
    instant_of,
    micros_of,
    normalised,
    order_record,
    own_micros,
    parcel_record,
    return_order,
    tier_of,
    version_of,
)
from rules.order.trail import Version
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.upstream.envelope import Envelope, Kind, Unreadable, read
from schemas.upstream.reports import RawReport
from schemas.upstream.resources import (
    ApplicationResource,
    CustomerResource,
    DeliveryResource,
    OrderResource,
    RemovedOrder,
    ReturnResource,
)

REMOVE = "order/remove"
INSTALL = "application/install"
LONGEST_TEXT = 200
"""Characters of a carrier's code or text that are looked at: the tables' own are shorter, what
follows is remarks.
"""


class OrderEvent(NamedTuple):
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
        return (
            self.version.at if self.parcel is None else max(self.version.at, self.parcel.version.at)
        )

    def words(self) -> Iterable[str | None]:
        """The open enumerations in it, which need numbers before they are stored."""
        if self.order is not None:
            yield from (
                self.order.status,
                self.order.created_by,
                self.order.kind,
                self.order.currency,
                self.tier,
            )
        if self.parcel is not None:
            yield from (self.parcel.status, self.parcel.option)
        if self.returned is not None:
            yield self.returned.status

    def numbers(self) -> set[bytes]:
        """The tracking numbers that it names, normalised."""
        found = set()
        if self.order is not None and self.order.tracking is not None:
            found.add(self.order.tracking)
        if self.parcel is not None and self.parcel.tracking is not None:
            found.add(self.parcel.tracking)
        return found

    def fold(self, facts: OrderFacts) -> Outcome:
        """Folds it into the facts of its order."""
        if self.order is not None:
            outcome = fold_order(facts, self.order, self.tier)
            if self.parcel is None:
                return outcome
            parcel = fold_parcel(facts, self.parcel)
            return (
                parcel
                if outcome is not APPLIED and (parcel is APPLIED or outcome is DUPLICATE)
                else outcome
            )
        if self.parcel is not None:
            return fold_parcel(facts, self.parcel)
        if self.returned is not None:
            return fold_return(facts, self.returned)
        return fold_bare_remove(facts, self.version)


class CarrierReportEvent(NamedTuple):
    """What a carrier reported of a parcel, before its code is looked up and its order found (SPEC 6).

    `number` is the normalised tracking number, empty when there is none; then there is an
    `order_id`. Of `code` and `text` at least one is there.
    """

    record: Record
    merchant_id: str | None
    order_id: bytes | None
    number: bytes
    at: Micros
    carrier: str
    service: str
    code: str | None
    text: str | None
    return_leg: bool

    def newest_at(self) -> Micros:
        """When it happened: a report has no version."""
        return self.at


class CustomerEvent(NamedTuple):
    """What a customer's record says of being a member (SPEC 1.5, 1.9); None is not known."""

    record: Record
    merchant_id: str
    member: bytes
    version: Version
    is_member: bool | None
    registered_at: Micros | None

    def newest_at(self) -> Micros:
        """The version's time."""
        return self.version.at


class AppInstallEvent(NamedTuple):
    """An app was installed or uninstalled `at` (SPEC 1.8).

    `application_id` is empty when the record names no app.
    """

    record: Record
    merchant_id: str
    version: Version
    at: Micros
    installed: bool
    application_id: str

    def newest_at(self) -> Micros:
        """The later of the version's time and the event's."""
        return max(self.version.at, self.at)


DecodedEvent: TypeAlias = OrderEvent | CarrierReportEvent | CustomerEvent | AppInstallEvent


def decode(record: Record, likely: Kind) -> DecodedEvent | str:
    """What the record says; a reason (a word) when it says nothing about points.

    Raises Unreadable for poison.
    """
    message = record.message
    value = message.value()
    if value is None:
        return "null_value"
    got = read(value, likely)
    if isinstance(got, str):
        return "unknown_topic"
    kind, content = got
    if kind == "report":
        return _report(record, content)
    return _DECODERS[kind](record, content, message.timestamp()[1] * 1000, value)


def _order(
    record: Record, envelope: Envelope[OrderResource], received: Micros, value: bytes
) -> OrderEvent:
    order = envelope.resource
    version = version_of(envelope, own_micros(order), received, value)
    told = order_record(order, version, removed=envelope.topic == REMOVE)
    parcel = None
    if order.order_delivery is not None:
        own = own_micros(order.order_delivery)
        at = version if own is None else Version(own, version.ts, version.digest)
        parcel = parcel_record(order.order_delivery, at)
    return OrderEvent(
        record, envelope.merchant_id, pack_id(order.id), version, told, tier_of(order), parcel
    )


def _removed(
    record: Record, envelope: Envelope[RemovedOrder], received: Micros, value: bytes
) -> OrderEvent:
    removed = envelope.resource
    version = version_of(envelope, own_micros(removed), received, value)
    return OrderEvent(record, envelope.merchant_id, pack_id(removed.id), version)


def _delivery(
    record: Record, envelope: Envelope[DeliveryResource], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    order_id = _order_id(envelope)
    version = version_of(envelope, own_micros(resource), received, value)
    return OrderEvent(
        record, envelope.merchant_id, order_id, version, parcel=parcel_record(resource, version)
    )


def _return(
    record: Record, envelope: Envelope[ReturnResource], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    order_id = _order_id(envelope)
    version = version_of(envelope, own_micros(resource), received, value)
    return OrderEvent(
        record, envelope.merchant_id, order_id, version, returned=return_order(resource, version)
    )


def _order_id(envelope: Envelope[DeliveryResource] | Envelope[ReturnResource]) -> bytes:
    order_id = envelope.resource.order_id
    if order_id is None:
        raise Unreadable(
            "missing_field",
            "resource.order_id: missing, so the order cannot be told",
            envelope.merchant_id,
        )
    return pack_id(order_id)


def _customer(
    record: Record, envelope: Envelope[CustomerResource], received: Micros, value: bytes
) -> CustomerEvent | str:
    customer = envelope.resource
    if customer.model_fields_set.isdisjoint({"is_member", "registered_at"}):
        return "no_statement"
    version = version_of(envelope, own_micros(customer), received, value)
    member, registered_at = pack_id(customer.id), micros_of(customer.registered_at)
    return CustomerEvent(
        record, envelope.merchant_id, member, version, customer.is_member, registered_at
    )


def _application(
    record: Record, envelope: Envelope[ApplicationResource], received: Micros, value: bytes
) -> AppInstallEvent:
    resource = envelope.resource
    version = version_of(envelope, own_micros(resource), received, value)
    installed = envelope.topic == INSTALL
    own = micros_of(resource.created_at if installed else resource.deleted_at)
    at = version.at if own is None else own
    return AppInstallEvent(
        record, envelope.merchant_id, version, at, installed, resource.application_id or ""
    )


def _report(record: Record, report: RawReport) -> CarrierReportEvent:
    merchant_id = report.merchant_id or None
    number = b"" if report.tracking_number is None else normalised(str(report.tracking_number))
    if not number and not report.order_id:
        raise Unreadable(
            "missing_field", "tracking_number, order_id: a report needs one of them", merchant_id
        )
    code = "" if report.code is None else str(report.code)[:LONGEST_TEXT]
    if not code and not report.text:
        raise Unreadable("missing_field", "code, text: a report needs one of them", merchant_id)
    return CarrierReportEvent(
        record,
        merchant_id,
        pack_id(report.order_id) if report.order_id else None,
        number,
        instant_of(report.occurred_at),
        report.carrier,
        report.service,
        code or None,
        report.text[:LONGEST_TEXT] if report.text else None,
        report.return_leg is True,
    )


_DECODERS: dict[Kind, Callable[[Record, Any, Micros, bytes], DecodedEvent | str]] = {
    "order": _order,
    "remove": _removed,
    "delivery": _delivery,
    "return": _return,
    "customer": _customer,
    "application": _application,
}
