"""What carriers report: tracking numbers, reports without an order, codes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from store.postgres.tables.base import metadata, numbered

tracking = Table(
    "tracking",
    metadata,
    Column("number", LargeBinary, primary_key=True),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("first_us", BigInteger, nullable=False),
    Column("flags", Integer, nullable=False, server_default="0"),
    Column("claims", LargeBinary),
    Column("reports", LargeBinary),
    Index(
        "tracking_unmatched", "first_us", postgresql_where=text("claims IS NULL AND flags & 4 = 0")
    ),
    Index("tracking_ambiguous", "number", postgresql_where=text("flags & 1 = 1")),
)

awaiting_order = Table(
    "awaiting_order",
    metadata,
    Column("order_id", LargeBinary, primary_key=True),
    Column("report", LargeBinary, primary_key=True),
    Column("first_us", BigInteger, nullable=False),
    Column("taken", Boolean, nullable=False, server_default="false"),
    Index("awaiting_order_first", "first_us"),
)

unknown_code = Table(
    "unknown_code",
    metadata,
    Column("carrier", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("shown", Text, nullable=False),
    Column("reports", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Index("unknown_code_merchant", "merchant_no"),
)

unknown_report = Table(
    "unknown_report",
    metadata,
    Column("carrier", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
)

carrier_code = Table(
    "carrier_code",
    metadata,
    numbered("version"),
    Column("carrier", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("meaning", SmallInteger),
    Column("note", Text, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
)

purged_report = Table(
    "purged_report",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("reports", BigInteger, nullable=False),
)
