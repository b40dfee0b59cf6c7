"""The resources of the webhook topics, as far as points need them."""

from pydantic import AliasChoices, Field

from schemas.upstream.base import (
    Cents,
    Id,
    IdOrBlank,
    IfShaped,
    Instant,
    Money,
    Number,
    RecordId,
    Text,
    Upstream,
)


class DeliveryData(Upstream):
    """What stands beside a delivery.

    The tracking number joins carriers' reports to the order (rules.md 6).
    """

    tracking_number: IfShaped[str | Number] = None


class DeliveryResource(Upstream):
    """An `order_delivery`: nested in an order, or the resource of its own topic.

    In its own topic it has an `order_id`. `status` is the delivery status that counts;
    `delivery_status` is the logistics state (rules.md 2.3).
    """

    id: RecordId
    order_id: Id | None = None
    status: Text | None = None
    delivery_status: Text | None = None
    platform: Text | None = None
    delivery_type: Text | None = None
    arrived_at: Instant | None = None
    collected_at: Instant | None = None
    returned_at: Instant | None = None
    updated_at: Instant | None = None
    tracking_number: IfShaped[str | Number] = None
    delivery_data: IfShaped[DeliveryData] = None


class CustomDiscount(Upstream):
    """A discount typed in by staff; not contained in `order_discount` (rules.md 1.2)."""

    total: Money | None = None


class MembershipTier(Upstream):
    """The buyer's tier when the order was made."""

    id: Id | None = Field(None, validation_alias=AliasChoices("id", "_id"))


class PointSummary(Upstream):
    """The platform's own figure of an order's points (rules.md 7): compared, never paid from."""

    pending_days: Cents | None = None
    earned_points: Cents | None = None


class OrderResource(Upstream):
    """An order, whole. Amounts are minor units; see rules.md 1.2 for what counts."""

    id: RecordId
    created_at: Instant
    updated_at: Instant | None = None
    status: Text | None = None
    customer_id: Text | None = None
    is_guest_checkout: bool | None = None
    created_by: Text | None = None
    kind: Text | None = Field(None, validation_alias=AliasChoices("type", "order_type"))
    currency_iso: Text | None = None
    subtotal: Money
    order_discount: Money | None = None
    order_points_to_cash: Money | None = None
    user_credit: Money | None = None
    custom_discount_items: list[CustomDiscount] | None = None
    completed_at: Instant | None = None
    membership_tier_data: MembershipTier | None = None
    order_delivery: DeliveryResource | None = None
    delivery_data: IfShaped[DeliveryData] = None
    parent_order_id: IdOrBlank | None = None
    combined_from_orders: IfShaped[list[IdOrBlank]] = None
    combined_to_order_id: IdOrBlank | None = None
    member_point_summary: IfShaped[PointSummary] = None


class RemovedOrder(Upstream):
    """An `order/remove` may carry nothing but the id."""

    id: RecordId
    updated_at: Instant | None = None


class ReturnResource(Upstream):
    """A return order. `total` lowers the base while the status is `completed` (rules.md 4.3)."""

    id: RecordId
    order_id: Id | None = None
    status: Text | None = None
    total: Money | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class CustomerResource(Upstream):
    """A customer.

    A record that has neither `registered_at` nor `is_member` says nothing of membership (rules.md
    1.5).
    """

    id: RecordId
    is_member: bool | None = None
    registered_at: Instant | None = None
    updated_at: Instant | None = None


class ApplicationResource(Upstream):
    """An installation of an app.

    The older form of `application/uninstall` does not name the app (rules.md 1.8).
    """

    application_id: IdOrBlank | None = None
    created_at: Instant | None = None
    deleted_at: Instant | None = None
    updated_at: Instant | None = None
