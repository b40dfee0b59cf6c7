"""The resources of the webhook topics, as far as points need them.

A resource is read into a dictionary of the declared fields that the record names: that costs half
of what an object does, and its keys say what the record says nothing of (D19).
"""

from typing import Annotated, Required

from pydantic import AliasChoices, Field, StrictInt, StringConstraints
from typing_extensions import TypedDict

from schemas.upstream.base import (
    Cents,
    IdOrBlank,
    IfShaped,
    Instant,
    ListOf,
    Moment,
    Money,
    Number,
    OrEmpty,
    RecordId,
    ShapedOrNot,
    Text,
)


class DeliveryData(TypedDict, total=False):
    """What comes with a delivery.

    The tracking number joins carriers' reports to the order (rules.md 6).
    """

    tracking_number: ShapedOrNot[str | Number]


class OrderName(TypedDict, total=False):
    """An order inside what is about it: it is named as `order_id` does."""

    id: Annotated[IdOrBlank | None, Field(validation_alias=AliasChoices("_id", "id"))]


class DeliveryResource(TypedDict, total=False):
    """An `order_delivery`: nested in an order, or the resource of its own topic.

    In its own topic it has an `order_id`. `status` is the delivery status that counts;
    `delivery_status` is the logistics state (rules.md 2.3).
    """

    id: Required[RecordId]
    order_id: IdOrBlank | None
    order: IfShaped[OrderName]
    status: Text | None
    delivery_status: Text | None
    platform: Text | None
    delivery_type: Text | None
    arrived_at: Moment | None
    collected_at: Moment | None
    returned_at: Moment | None
    return_order_id: IdOrBlank | None
    updated_at: Moment | None
    tracking_number: ShapedOrNot[str | Number]
    delivery_data: IfShaped[DeliveryData]


class CustomDiscount(TypedDict, total=False):
    """A discount typed in by staff; not contained in `order_discount` (rules.md 1.2)."""

    total: Money | None


class MembershipTier(TypedDict, total=False):
    """The buyer's tier when the order was made."""

    id: Annotated[IdOrBlank | None, Field(validation_alias=AliasChoices("id", "_id"))]


class PointSummary(TypedDict, total=False):
    """The platform's own figure of an order's points (rules.md 7): compared, never paid from."""

    pending_days: Cents | None
    earned_points: Cents | None


class Payment(TypedDict, total=False):
    """An order's payment, of which only a refund matters (D17)."""

    status: IfShaped[Text]


class OrderResource(TypedDict, total=False):
    """An order, whole. Amounts are minor units; see rules.md 1.2 for what counts."""

    id: Required[RecordId]
    created_at: Required[Instant]
    updated_at: Moment | None
    status: Text | None
    customer_id: Annotated[Text, StringConstraints(strip_whitespace=True)] | None
    is_guest_checkout: bool | None
    created_by: Text | None
    kind: Annotated[Text | None, Field(validation_alias=AliasChoices("type", "order_type"))]
    currency_iso: Text | None
    subtotal: Money | None
    order_discount: Money | None
    order_points: IfShaped[StrictInt]
    order_points_to_cash: Money | None
    user_credit: Money | None
    custom_discount_items: ListOf[CustomDiscount] | None
    completed_at: Moment | None
    membership_tier_data: MembershipTier | None
    order_delivery: OrEmpty[DeliveryResource] | None
    order_payment: IfShaped[Payment]
    delivery_data: IfShaped[DeliveryData]
    parent_order_id: IdOrBlank | None
    return_from_order_id: IfShaped[IdOrBlank]
    combined_from_orders: ShapedOrNot[ListOf[IdOrBlank]]
    combined_to_order_id: IdOrBlank | None
    member_point_summary: IfShaped[PointSummary]


class RemovedOrder(TypedDict, total=False):
    """An `order/remove` may carry nothing but the id."""

    id: Required[RecordId]
    updated_at: Moment | None


class ReturnItem(TypedDict, total=False):
    """Goods that came back: by their `total`, else by their price and number."""

    total: Money | None
    item_price: IfShaped[Money]
    quantity: IfShaped[StrictInt]


class ReturnResource(TypedDict, total=False):
    """A return order, which lowers the base while the status is `completed` (rules.md 4.3)."""

    id: Required[RecordId]
    order_id: IdOrBlank | None
    order: IfShaped[OrderName]
    status: Text | None
    total: Money | None
    items: IfShaped[ListOf[ReturnItem]]
    created_at: Moment | None
    updated_at: Moment | None


class CustomerResource(TypedDict, total=False):
    """A customer.

    A record that has neither `registered_at` nor `is_member` says nothing of membership (rules.md
    1.5).
    """

    id: Required[RecordId]
    is_member: bool | None
    registered_at: Moment | None
    updated_at: Moment | None


class ApplicationResource(TypedDict, total=False):
    """An installation of an app.

    The older form of `application/uninstall` does not name the app (rules.md 1.8).
    """

    application_id: IdOrBlank | None
    created_at: Instant | None
    deleted_at: Instant | None
    updated_at: Moment | None
