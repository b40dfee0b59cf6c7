"""Orders with their facts and plans, and what belongs to them."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, text

from store.postgres.tables.base import metadata

orders = Table(
    "orders",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
    Column("settings_no", Integer, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("member", LargeBinary),
    Column("record", LargeBinary),
    Column("record_trail", LargeBinary),
    Column("parcel", LargeBinary),
    Column("parcel_trail", LargeBinary),
    Column("due_us", BigInteger),
    Column("planned", BigInteger, nullable=False),
    Column("posted", LargeBinary),
    Column("origin", LargeBinary),
    Column("reports", LargeBinary),
    Index(
        "orders_member",
        "merchant_no",
        "member",
        "order_id",
        postgresql_where=text("member IS NOT NULL"),
    ),
    Index("orders_id", "order_id"),
    Index("orders_unbound", "merchant_no", "order_id", postgresql_where=text("settings_no < 0")),
)

parcel = Table(
    "parcel",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
    Column("parcel_id", LargeBinary, primary_key=True),
    Column("flags", Integer, nullable=False),
    Column("parcel", LargeBinary, nullable=False),
    Column("trail", LargeBinary),
)

return_order = Table(
    "return_order",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
    Column("return_id", LargeBinary, primary_key=True),
    Column("return_order", LargeBinary, nullable=False),
)

due = Table(
    "due",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("due_us", BigInteger, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
    Column("trace", LargeBinary),
    Index("due_soonest", "due_us", "merchant_no"),
)

customer = Table(
    "customer",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("member", LargeBinary, primary_key=True),
    Column("version", LargeBinary, nullable=False),
    Column("timeline", LargeBinary, nullable=False),
)

family = Table(
    "family",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("parent_id", LargeBinary, primary_key=True),
    Column("child_id", LargeBinary, primary_key=True),
)
