"""Envelope, tables and one event's transaction of the two per-event peers: pydantic and the ORM."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel
from sqlalchemy import BigInteger, DateTime, Identity
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.peers.common import FINAL, points


class Money(BaseModel):
    """An amount in minor units."""

    cents: int
    currency_iso: str


class Delivery(BaseModel):
    """The delivery of an order."""

    id: str
    status: str
    platform: str


class OrderResource(BaseModel):
    """The part of an order that is used."""

    id: str
    customer_id: str
    status: str
    subtotal: Money
    order_discount: Money | None = None
    order_delivery: Delivery
    created_at: datetime
    updated_at: datetime

    @property
    def base_cents(self) -> int:
        """What counts towards points."""
        return self.subtotal.cents - (self.order_discount.cents if self.order_discount else 0)


class Envelope(BaseModel):
    """A record of the orders topic."""

    event: str
    topic: str
    merchant_id: str
    trace_id: str
    ts: str
    resource: OrderResource


class PointsChanged(BaseModel):
    """What is published after a grant."""

    event: str = "points-changed"
    merchant_id: str
    member_id: str
    order_id: str
    points: int
    balance: int


class Base(DeclarativeBase):
    """All numbers are bigint and all instants carry their zone, as in `schema.sql`."""

    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's own form


class Order(Base):
    """The newest state of an order."""

    __tablename__ = "orders"
    order_id: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[str]
    customer_id: Mapped[str]
    status: Mapped[str]
    delivery_status: Mapped[str]
    base_cents: Mapped[int]
    currency: Mapped[str]
    updated_at: Mapped[datetime]
    granted_at: Mapped[datetime | None]


class LedgerEntry(Base):
    """A grant."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    merchant_id: Mapped[str]
    customer_id: Mapped[str]
    order_id: Mapped[str]
    kind: Mapped[str]
    points: Mapped[int]


class Lot(Base):
    """Points granted together."""

    __tablename__ = "lots"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    merchant_id: Mapped[str]
    customer_id: Mapped[str]
    order_id: Mapped[str]
    points: Mapped[int]
    remaining: Mapped[int]
    expires_at: Mapped[datetime]


class Balance(Base):
    """A member's points."""

    __tablename__ = "balances"
    merchant_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int]


class ProcessedEvent(Base):
    """An event that was handled, so that its repeat does nothing."""

    __tablename__ = "processed_events"
    event_id: Mapped[str] = mapped_column(primary_key=True)


def seen_before(session: Session, event: Envelope) -> bool:
    """Note the event; true when it had been noted before."""
    if session.get(ProcessedEvent, event.trace_id):
        return True
    session.add(ProcessedEvent(event_id=event.trace_id))
    return False


def handle(session: Session, event: Envelope) -> PointsChanged | None:
    """Fold one event and grant when its order is final.

    The caller commits, then publishes what is returned.
    """
    order = _fold(session, event)
    if order.granted_at is not None or order.delivery_status not in FINAL:
        return None
    now, earned = datetime.now(UTC), points(order.base_cents)
    owner = {"merchant_id": order.merchant_id, "customer_id": order.customer_id}
    order.granted_at = now
    session.add(LedgerEntry(**owner, order_id=order.order_id, kind="grant", points=earned))
    lot = {"points": earned, "remaining": earned, "expires_at": now + timedelta(days=365)}
    session.add(Lot(**owner, order_id=order.order_id, **lot))
    row = insert(Balance).values(**owner, balance=earned)
    upsert = row.on_conflict_do_update(
        index_elements=list(owner), set_={"balance": Balance.balance + row.excluded.balance}
    )
    balance = session.scalars(upsert.returning(Balance.balance)).one()
    return PointsChanged(
        merchant_id=order.merchant_id,
        member_id=order.customer_id,
        order_id=order.order_id,
        points=earned,
        balance=balance,
    )


def _fold(session: Session, event: Envelope) -> Order:
    resource = event.resource
    order = session.get(Order, resource.id)
    if order is None:
        order = Order(
            order_id=resource.id,
            merchant_id=event.merchant_id,
            customer_id=resource.customer_id,
            status=resource.status,
            delivery_status=resource.order_delivery.status,
            base_cents=resource.base_cents,
            currency=resource.subtotal.currency_iso,
            updated_at=resource.updated_at,
        )
        session.add(order)
    elif resource.updated_at >= order.updated_at:
        order.status, order.delivery_status = resource.status, resource.order_delivery.status
        order.base_cents, order.updated_at = resource.base_cents, resource.updated_at
    return order
