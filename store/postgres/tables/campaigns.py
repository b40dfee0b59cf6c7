"""Gift campaigns: what they are now, what every save made of them, and their banners."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from store.postgres.tables.base import metadata

campaign = Table(
    "campaign",
    metadata,
    Column(
        "merchant_no",
        Integer,
        ForeignKey("merchant.merchant_no", name="campaign_merchant_no_fkey"),
        primary_key=True,
    ),
    Column("campaign_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("banner", LargeBinary),
    Column("removed", Boolean, nullable=False, server_default="false"),
    CheckConstraint("version > 0", name="campaign_version_check"),
    CheckConstraint("ends_us > starts_us", name="campaign_check"),
    ExcludeConstraint(
        (func.int8range(literal_column("merchant_no"), literal_column("merchant_no"), "[]"), "&&"),
        (func.int8range(literal_column("starts_us"), literal_column("ends_us")), "&&"),
        where=text("NOT removed"),
        name="campaign_overlaps",
    ),
)

campaign_gift = Table(
    "campaign_gift",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("campaign_id", Text, primary_key=True),
    Column("gift_id", Text, primary_key=True),
    Column("product_id", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False, server_default="false"),
    CheckConstraint("points > 0", name="campaign_gift_points_check"),
)

campaign_version = Table(
    "campaign_version",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("campaign_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
)

banner = Table(
    "banner",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, primary_key=True),
    Column("type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
