"""The resources of the webhook topics, as far as points need them."""

from typing import Annotated

from pydantic import AliasChoices, Field, StrictInt, StringConstraints

from schemas.upstream.base import (
    INT64,
    Cents,
    IdOrBlank,
    IfShaped,
    Instant,
    Moment,
    Money,
    Number,
    RecordId,
    Text,
    Upstream,
)


class DeliveryData(Upstream):
    """What comes with a delivery.

    The tracking number joins carriers' reports to the order (rules.md 6).
    """

    tracking_number: IfShaped[str | Number] = None


class OrderName(Upstream):
    """An order inside what is about it: it is named as `order_id` does."""

    id: IdOrBlank | None = Field(None, validation_alias=AliasChoices("_id", "id"))


class DeliveryResource(Upstream):
    """An `order_delivery`: nested in an order, or the resource of its own topic.

    In its own topic it has an `order_id`. `status` is the delivery status that counts;
    `delivery_status` is the logistics state (rules.md 2.3).
    """

    id: RecordId
    order_id: IdOrBlank | None = None
    order: IfShaped[OrderName] = None
    status: Text | None = None
    delivery_status: Text | None = None
    platform: Text | None = None
    delivery_type: Text | None = None
    arrived_at: Moment | None = None
    collected_at: Moment | None = None
    returned_at: Moment | None = None
    return_order_id: IdOrBlank | None = None
    updated_at: Moment | None = None
    tracking_number: IfShaped[str | Number] = None
    delivery_data: IfShaped[DeliveryData] = None


class CustomDiscount(Upstream):
    """A discount typed in by staff; not contained in `order_discount` (rules.md 1.2)."""

    total: Money | None = None


class MembershipTier(Upstream):
    """The buyer's tier when the order was made."""

    id: IdOrBlank | None = Field(None, validation_alias=AliasChoices("id", "_id"))


class PointSummary(Upstream):
    """The platform's own figure of an order's points (rules.md 7): compared, never paid from."""

    pending_days: Cents | None = None
    earned_points: Cents | None = None


class Payment(Upstream):
    """An order's payment, of which only a refund matters (D17)."""

    status: IfShaped[Text] = None


class OrderResource(Upstream):
    """An order, whole. Amounts are minor units; see rules.md 1.2 for what counts."""

    id: RecordId
    created_at: Instant
    updated_at: Moment | None = None
    status: Text | None = None
    customer_id: Annotated[Text, StringConstraints(strip_whitespace=True)] | None = None
    is_guest_checkout: bool | None = None
    created_by: Text | None = None
    kind: Text | None = Field(None, validation_alias=AliasChoices("type", "order_type"))
    currency_iso: Text | None = None
    subtotal: Money | None = None
    order_discount: Money | None = None
    order_points: IfShaped[StrictInt] = None
    order_points_to_cash: Money | None = None
    user_credit: Money | None = None
    custom_discount_items: list[CustomDiscount] | None = None
    completed_at: Moment | None = None
    membership_tier_data: MembershipTier | None = None
    order_delivery: DeliveryResource | None = None
    order_payment: IfShaped[Payment] = None
    delivery_data: IfShaped[DeliveryData] = None
    parent_order_id: IdOrBlank | None = None
    combined_from_orders: IfShaped[list[IdOrBlank]] = None
    combined_to_order_id: IdOrBlank | None = None
    member_point_summary: IfShaped[PointSummary] = None


class RemovedOrder(Upstream):
    """An `order/remove` may carry nothing but the id."""

    id: RecordId
    updated_at: Moment | None = None


class ReturnItem(Upstream):
    """Goods that came back: by their `total`, else by their price and number."""

    total: Money | None = None
    item_price: IfShaped[Money] = None
    quantity: IfShaped[StrictInt] = None

    @property
    def amount(self) -> Money | None:
        """What they cost; None when the record does not say it."""
        if self.total is not None:
            return self.total
        if not isinstance(self.item_price, Money) or not isinstance(self.quantity, int):
            return None
        cents = max(-INT64, min(self.item_price.cents * self.quantity, INT64 - 1))
        return Money(cents=cents, currency_iso=self.item_price.currency_iso)


class ReturnResource(Upstream):
    """A return order, which lowers the base while the status is `completed` (rules.md 4.3)."""

    id: RecordId
    order_id: IdOrBlank | None = None
    order: IfShaped[OrderName] = None
    status: Text | None = None
    total: Money | None = None
    items: IfShaped[list[ReturnItem]] = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class CustomerResource(Upstream):
    """A customer.

    A record that has neither `registered_at` nor `is_member` says nothing of membership (rules.md
    1.5).
    """

    id: RecordId
    is_member: bool | None = None
    registered_at: Moment | None = None
    updated_at: Moment | None = None


class ApplicationResource(Upstream):
    """An installation of an app.

    The older form of `application/uninstall` does not name the app (rules.md 1.8).
    """

    application_id: IdOrBlank | None = None
    created_at: Instant | None = None
    deleted_at: Instant | None = None
    updated_at: Moment | None = None
