"""Accounts, their lots, and the ledger."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.postgres.tables.base import NEVER, count, metadata

account_no = Sequence("account_no", maxvalue=2**40 - 1, metadata=metadata)

account = Table(
    "account",
    metadata,
    Column("account_no", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("member", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("available", BigInteger, nullable=False),
    count("held"),
    count("debt"),
    Column("next_expiry", BigInteger, nullable=False, server_default=text(f"'{NEVER}'::bigint")),
    Column("next_timeout", BigInteger, nullable=False, server_default=text(f"'{NEVER}'::bigint")),
    count("recorded_us"),
    UniqueConstraint("merchant_no", "member", name="account_merchant_no_member_key"),
    CheckConstraint("available >= 0", name="account_available_check"),
    CheckConstraint("held >= 0", name="account_held_check"),
    CheckConstraint("debt >= 0", name="account_debt_check"),
    CheckConstraint("available = 0 OR debt = 0", name="account_check"),
    CheckConstraint("account_no >> 40 = merchant_no", name="account_check1"),
    Index("account_next_expiry", "next_expiry", postgresql_where=text(f"next_expiry < {NEVER}")),
)

lot = Table(
    "lot",
    metadata,
    Column("account_no", BigInteger, primary_key=True, autoincrement=False),
    Column("expires_us", BigInteger, primary_key=True, autoincrement=False),
    Column("source_kind", SmallInteger, primary_key=True, autoincrement=False, server_default="1"),
    Column("source", LargeBinary, primary_key=True),
    Column("episode", Integer, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("points", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    count("held"),
    count("expired"),
    CheckConstraint("remaining >= 0", name="lot_remaining_check"),
    CheckConstraint("held >= 0 AND held <= remaining", name="lot_check"),
    CheckConstraint("expired >= 0", name="lot_expired_check"),
)

hold = Table(
    "hold",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("hold_id", LargeBinary, primary_key=True),
    Column("account_no", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("settings_no", Integer),
    Column("order_id", LargeBinary),
    Column("lots", JSONB, nullable=False),
    CheckConstraint("points > 0", name="hold_points_check"),
    Index("hold_live", "account_no", "expires_us", postgresql_where=text("state = 1")),
    Index("hold_ending", "expires_us", postgresql_where=text("state = 1")),
)

redemption = Table(
    "redemption",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
    Column("account_no", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("purpose", SmallInteger),
    Column("points", BigInteger, nullable=False),
    count("manual"),
    count("returned"),
    count("debt"),
    Column("entries", Integer, nullable=False, server_default="0"),
    Column("settings_no", Integer),
    Column("lots", JSONB, nullable=False),
    CheckConstraint("returned >= 0 AND returned <= points AND debt >= 0", name="redemption_check"),
)

redemption_awaiting = Table(
    "redemption_awaiting",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", LargeBinary, primary_key=True),
)

ledger = Table(
    "ledger",
    metadata,
    Column("account_no", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("type", SmallInteger, nullable=False),
    Column("cause", SmallInteger, nullable=False),
    Column("order_id", LargeBinary),
    Column("entry_no", Integer),
    Column("cause_id", LargeBinary),
    Column("points", BigInteger, nullable=False),
    count("held_points"),
    Column("available", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("debt", BigInteger, nullable=False),
    Column("settings_no", Integer),
    Column("episode", Integer),
    Column("expires_us", BigInteger),
    Column("lot_points", BigInteger),
    Column("lots", JSONB),
    Column("hold_id", LargeBinary),
    Column("note_hash", LargeBinary),
    Column("occurred_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
)

entry_note = Table(
    "entry_note",
    metadata,
    Column("account_no", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text),
    Column("performer_kind", SmallInteger),
    Column("performer_id", Text),
)
