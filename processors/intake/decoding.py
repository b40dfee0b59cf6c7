"""From the bytes of records to typed events, or why a record has none (step 1 of intake)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, TypeAlias, TypeVar

from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.kafka.feed import Record
from processors.runtime.kafka.records import received_at
from processors.runtime.worker import TELL_SECONDS, StillTurning
from rules.order.facts import OrderRecord, ParcelRecord, ReturnOrder
from rules.order.family import FamilyRecord
from rules.order.membership import MemberStatement
from rules.order.numbers import normalised, numbers_in_field
from rules.order.records import (
    ending,
    family_of,
    order_record,
    parcel_record,
    return_order,
    tier_of,
)
from rules.order.trail import Version
from rules.order.versions import given_micros, instant_of, micros_of, own_micros, version_of
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.upstream.envelope import Envelope, RecordKind, Unreadable, read
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
REMOVAL = "/remove"
"""`user/remove`: who is removed is no member from then on."""
MILLISECOND_END = 999
"""Microseconds from a millisecond's beginning to its end: the digits that Kafka does not give."""
LONGEST_TEXT = 200
"""Characters of a carrier's code or text that count: those of the tables are shorter, the rest is
remarks.
"""


class OrderEvent(NamedTuple):
    """What one record says about one order.

    `newest_at` is the latest version in it: a nested delivery has a version of its own. `heard_at`
    is the record's Kafka timestamp, to the end of its millisecond.
    """

    record: Record
    merchant_id: str
    order_id: bytes
    version: Version
    newest_at: Micros
    heard_at: Micros
    order: OrderRecord | None = None
    tier: str | None = None
    parcel: ParcelRecord | None = None
    returned: ReturnOrder | None = None
    family: FamilyRecord | None = None

    def words(self) -> Iterable[str | None]:
        """The open enumerations in it, which need numbers before they are stored."""
        if self.order is not None:
            yield from (
                self.order.status,
                self.order.created_by,
                self.order.kind,
                self.order.currency,
                self.tier,
                *self.order.currencies,
            )
        if self.parcel is not None:
            yield from (self.parcel.status, self.parcel.option)
        if self.returned is not None:
            yield from (
                self.returned.status,
                self.returned.currency,
                self.returned.items_currency,
            )

    def numbers(self) -> set[bytes]:
        """The tracking numbers that it names, normalised."""
        order = self.order.tracking if self.order is not None else None
        parcel = self.parcel.tracking if self.parcel is not None else None
        fields = {field for field in (order, parcel) if field is not None}
        return {number for field in fields for number in numbers_in_field(field)}


class CarrierReportEvent(NamedTuple):
    """What a carrier reported of a parcel, before its code and its order are looked up.

    See rules.md 6.

    `number` is the normalised tracking number, empty when there is none; then there is an
    `order_id`. At least one of `code` and `text` is there.
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

    @property
    def newest_at(self) -> Micros:
        """When it happened: a report has no version."""
        return self.at


class CustomerEvent(NamedTuple):
    """What a customer's record says about membership (rules.md 1.5)."""

    record: Record
    merchant_id: str
    member: bytes
    statement: MemberStatement

    @property
    def newest_at(self) -> Micros:
        """The version's time."""
        return self.statement.version.at


class AppInstallEvent(NamedTuple):
    """An app was installed or uninstalled `at` (rules.md 1.8).

    `application_id` is empty when the record names no app.
    """

    record: Record
    merchant_id: str
    version: Version
    at: Micros
    installed: bool
    application_id: str

    @property
    def newest_at(self) -> Micros:
        """The later of the version's time and the event's."""
        return max(self.version.at, self.at)


DecodedEvent: TypeAlias = OrderEvent | CarrierReportEvent | CustomerEvent | AppInstallEvent


@dataclass(slots=True)
class DecodedBatch:
    """A batch of records by what they are.

    `ignored` names the reason of each; `newest_at` is the latest version of all events.
    """

    orders: list[OrderEvent] = field(default_factory=list)
    reports: list[CarrierReportEvent] = field(default_factory=list)
    customers_and_apps: list[CustomerEvent | AppInstallEvent] = field(default_factory=list)
    ignored: list[tuple[Record, str]] = field(default_factory=list)
    poison: list[PoisonRecord] = field(default_factory=list)
    newest_at: Micros = 0

    def merchant_ids(self) -> set[str]:
        """The merchants that the events name."""
        events: list[DecodedEvent] = [*self.orders, *self.reports, *self.customers_and_apps]
        return {event.merchant_id for event in events if event.merchant_id is not None}

    def until(self, latest: Micros) -> "DecodedBatch":
        """The batch with every event newer than `latest` made poison (rules.md 7).

        A new batch, as the same records may be decided again, a little later.
        """
        poison = list(self.poison)
        return DecodedBatch(
            orders=_until(latest, self.orders, poison),
            reports=_until(latest, self.reports, poison),
            customers_and_apps=_until(latest, self.customers_and_apps, poison),
            ignored=self.ignored,
            poison=poison,
            newest_at=latest,
        )


_Event = TypeVar("_Event", bound=DecodedEvent)


def _until(latest: Micros, events: Sequence[_Event], poison: list[PoisonRecord]) -> list[_Event]:
    in_time: list[_Event] = []
    for event in events:
        if event.newest_at <= latest:
            in_time.append(event)
            continue
        field_ = "occurred_at" if isinstance(event, CarrierReportEvent) else "updated_at"
        message = f"{field_} lies more than 24 hours ahead"
        poison.append((event.record, Unreadable("future_version", message, event.merchant_id)))
    return in_time


def decode_batch(
    records: Iterable[Record],
    likely: Mapping[str, RecordKind],
    still_turning: StillTurning = lambda: False,
) -> DecodedBatch:
    """The events of some records. `likely` names the kind that a topic mostly carries.

    `still_turning` is told now and then that there are more.
    """
    batch, told = DecodedBatch(), monotonic()
    for record in records:
        if monotonic() - told > TELL_SECONDS:
            still_turning()
            told = monotonic()
        try:
            event = decode(record, likely[record.place.topic])
        except Unreadable as error:
            batch.poison.append((record, error))
            continue
        if isinstance(event, str):
            batch.ignored.append((record, event))
            continue
        newest_at = event.newest_at
        if newest_at > batch.newest_at:  # noqa: PLR1730 - `max` is a call for every record
            batch.newest_at = newest_at
        if isinstance(event, OrderEvent):
            batch.orders.append(event)
        elif isinstance(event, CarrierReportEvent):
            batch.reports.append(event)
        else:
            batch.customers_and_apps.append(event)
    return batch


def decode(record: Record, likely: RecordKind) -> DecodedEvent | str:
    """The event in a record; a reason (a word) when it has none that concerns points.

    Raises Unreadable for poison.
    """
    message = record.message
    value = message.value()
    if value is None:
        return "null_value"
    kind_and_content = read(value, likely)
    if isinstance(kind_and_content, str):
        return "unknown_topic"
    kind, content = kind_and_content
    if kind == "report":
        return _report(record, content)
    received = received_at(message)
    return _DECODERS[kind](record, content, received, value)


# The events below are made by position, as one is made for every record: record, merchant_id,
# order_id, version, newest_at, heard_at, order, tier, parcel, returned, family.


def _order(
    record: Record, envelope: Envelope[OrderResource], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    version = version_of(envelope, own_micros(resource), received, value)
    delivery = resource.get("order_delivery")
    order = order_record(resource, version, removed=envelope.topic == REMOVE)
    tier, parcel, newest_at = tier_of(resource), None, version.at
    if delivery:
        # A nested delivery without a time of its own is as new as its order.
        own = own_micros(delivery)
        own_version = version if own is None else Version(own, version.ts, version.digest)
        parcel = parcel_record(delivery, own_version)
        newest_at = max(newest_at, own_version.at)
    order_id = pack_id(resource["id"])
    return OrderEvent(
        record,
        envelope.merchant_id,
        order_id,
        version,
        newest_at,
        received + MILLISECOND_END,
        order,
        tier,
        parcel,
        None,
        family_of(resource),
    )


def _removed(
    record: Record, envelope: Envelope[RemovedOrder], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    version = ending(version_of(envelope, own_micros(resource), received, value), ends=True)
    heard_at = received + MILLISECOND_END
    order_id = pack_id(resource["id"])
    return OrderEvent(record, envelope.merchant_id, order_id, version, version.at, heard_at)


def _delivery(
    record: Record, envelope: Envelope[DeliveryResource], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    order_id = _order_id(envelope)
    version = version_of(envelope, own_micros(resource), received, value)
    parcel = parcel_record(resource, version)
    heard_at = received + MILLISECOND_END
    return OrderEvent(
        record, envelope.merchant_id, order_id, version, version.at, heard_at, None, None, parcel
    )


def _return(
    record: Record, envelope: Envelope[ReturnResource], received: Micros, value: bytes
) -> OrderEvent:
    resource = envelope.resource
    order_id = _order_id(envelope)
    version = version_of(envelope, own_micros(resource), received, value)
    return OrderEvent(
        record,
        envelope.merchant_id,
        order_id,
        version,
        version.at,
        received + MILLISECOND_END,
        returned=return_order(resource, version),
    )


def _order_id(envelope: Envelope[DeliveryResource] | Envelope[ReturnResource]) -> bytes:
    resource = envelope.resource
    inside = resource.get("order")
    order_id = resource.get("order_id") or (inside.get("id") if inside else None)
    if not order_id:
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
    removal = envelope.topic.endswith(REMOVAL)
    registered_at = given_micros(customer.get("registered_at"))
    is_member = False if removal else customer.get("is_member")
    if is_member is None and registered_at is None:
        return "no_statement"
    version = ending(version_of(envelope, own_micros(customer), received, value), ends=removal)
    statement = MemberStatement(version, is_member, registered_at, removal)
    return CustomerEvent(record, envelope.merchant_id, pack_id(customer["id"]), statement)


def _application(
    record: Record, envelope: Envelope[ApplicationResource], received: Micros, value: bytes
) -> AppInstallEvent:
    resource = envelope.resource
    version = version_of(envelope, own_micros(resource), received, value)
    installed = envelope.topic == INSTALL
    own = micros_of(resource.get("created_at") if installed else resource.get("deleted_at"))
    at = version.at if own is None else own
    return AppInstallEvent(
        record, envelope.merchant_id, version, at, installed, resource.get("application_id") or ""
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
        record=record,
        merchant_id=merchant_id,
        order_id=pack_id(report.order_id) if report.order_id else None,
        number=number,
        at=instant_of(report.occurred_at),
        carrier=report.carrier,
        service=report.service,
        code=code or None,
        text=report.text[:LONGEST_TEXT] if report.text else None,
        return_leg=report.return_leg is True,
    )


_DECODERS: dict[RecordKind, Callable[[Record, Any, Micros, bytes], DecodedEvent | str]] = {
    "order": _order,
    "remove": _removed,
    "delivery": _delivery,
    "return": _return,
    "customer": _customer,
    "application": _application,
}
