"""The notices lane's tables, in the schemas `notices` and `notices_keys`.

Those that hold what is read and sent are the engine's own once more, so that the same code works on
them; `notice` is partitioned by the week of its event.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.postgres.tables import common, streams
from store.postgres.tables import settings as engine_settings
from store.postgres.tables.base import NEVER, count, metadata, numbered

SCHEMA = "notices"
KEYS_SCHEMA = "notices_keys"

for _table in (
    common.worker_beat,
    streams.cursor,
    streams.ignored_reason,
    streams.pipeline_state,
    streams.outbox,
    streams.outbox_refused,
    streams.quarantine,
    streams.merchant_poison,
    streams.counted_poison,
    engine_settings.settings_epoch,
):
    _table.to_metadata(metadata, schema=SCHEMA)


def _merchant_no() -> Column[int]:
    return Column(
        "merchant_no",
        Integer,
        ForeignKey(f"{SCHEMA}.shop.merchant_no"),
        primary_key=True,
        autoincrement=False,
    )


shop = Table(
    "shop",
    metadata,
    numbered("merchant_no", Integer),
    Column("merchant_id", Text(collation="C"), nullable=False, unique=True),
    schema=SCHEMA,
)

shop_settings = Table(
    "shop_settings",
    metadata,
    _merchant_no(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_us", BigInteger, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("entitled", Boolean, nullable=False),
    schema=SCHEMA,
)

notice_settings = Table(
    "notice_settings",
    metadata,
    _merchant_no(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
    CheckConstraint("version > 0", name="notice_settings_version_check"),
    schema=SCHEMA,
)

notice = Table(
    "notice",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("merchant_no", Integer, nullable=False),
    Column("member_id", Text(collation="C"), nullable=False),
    Column("kind", Text(collation="C"), nullable=False),
    Column("channel", Text(collation="C"), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("state", Text(collation="C"), nullable=False),
    Column("reason", Text(collation="C")),
    Column("points", BigInteger, nullable=False),
    count("event_points"),
    count("event_sequence"),
    Column("balance", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("order_id", Text),
    Column("sealed_reason", LargeBinary),
    count("not_before_us"),
    Column("give_up_us", BigInteger, nullable=False, server_default=text(f"'{NEVER}'::bigint")),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("lease_us", BigInteger),
    Column("asked_us", BigInteger),
    Column("sender", Text),
    Column("provider", Text),
    Column("provider_id", Text),
    Column("parts", Integer),
    Column("provider_parts", Integer),
    Column("delivered_us", BigInteger),
    Column("address_hmac", LargeBinary),
    Column("month", Integer),
    Column("decided_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    CheckConstraint("channel IN ('email', 'sms')", name="notice_channel_check"),
    CheckConstraint(
        "state IN ('parked', 'waiting', 'claimed', 'sending', 'sent', 'failed', 'unknown',"
        " 'expired', 'skipped', 'withdrawn')",
        name="notice_state_check",
    ),
    Index(
        "notice_waiting",
        "channel",
        "merchant_no",
        "not_before_us",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("notice_leased", "lease_us", postgresql_where=text("state IN ('claimed', 'sending')")),
    Index("notice_unknown", "changed_us", postgresql_where=text("state = 'unknown'")),
    Index("notice_member", "merchant_no", "member_id"),
    schema=SCHEMA,
    postgresql_partition_by="RANGE (notice_id)",
)

parked_event = Table(
    "parked_event",
    metadata,
    Column("merchant_id", Text(collation="C"), primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("recorded_us", BigInteger, nullable=False),
    Column("event", JSONB, nullable=False),
    Column("parked_us", BigInteger, nullable=False),
    Index("parked_event_next", "merchant_id", "recorded_us"),
    schema=SCHEMA,
)

expiring_run = Table(
    "expiring_run",
    metadata,
    _merchant_no(),
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("until_us", BigInteger, nullable=False),
    schema=SCHEMA,
)

contact = Table(
    "contact",
    metadata,
    _merchant_no(),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("version_us", BigInteger, nullable=False),
    Column("has_email", Boolean, nullable=False),
    Column("has_phone", Boolean, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    Column("phone_verified", Boolean, nullable=False),
    Column("email", LargeBinary),
    Column("phone", LargeBinary),
    Column("name", LargeBinary),
    Column("language", LargeBinary),
    Column("versions", LargeBinary, nullable=False, server_default=""),
    schema=SCHEMA,
)

member_key = Table(
    "member_key",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("kek_id", Text, nullable=False),
    schema=KEYS_SCHEMA,
)

optout = Table(
    "optout",
    metadata,
    _merchant_no(),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    schema=SCHEMA,
)

provider = Table(
    "provider",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("paused_us", BigInteger),
    Column("paused_by", Text),
    Column("open_until_us", BigInteger),
    Column("why", Text),
    schema=SCHEMA,
)

meter = Table(
    "meter",
    metadata,
    _merchant_no(),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    count("messages"),
    count("parts"),
    count("provider_parts"),
    count("unknown"),
    schema=SCHEMA,
)

limit_reached = Table(
    "limit_reached",
    metadata,
    _merchant_no(),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("limit_parts", Integer, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    schema=SCHEMA,
)
