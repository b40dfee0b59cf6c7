"""Merchants, their settings and the events of their application."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.postgres.tables.base import metadata, numbered

merchant = Table(
    "merchant",
    metadata,
    numbered("merchant_no", Integer),
    Column("merchant_id", Text, nullable=False),
    UniqueConstraint("merchant_id", name="merchant_merchant_id_key"),
)

settings = Table(
    "settings",
    metadata,
    Column(
        "merchant_no",
        Integer,
        ForeignKey("merchant.merchant_no", name="settings_merchant_no_fkey"),
        primary_key=True,
    ),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_us", BigInteger, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
    CheckConstraint("version > 0", name="settings_version_check"),
)

settings_epoch = Table(
    "settings_epoch",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", BigInteger, nullable=False),
    CheckConstraint("one", name="settings_epoch_one_check"),
)

application_event = Table(
    "application_event",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("installed", Boolean, primary_key=True),
)
