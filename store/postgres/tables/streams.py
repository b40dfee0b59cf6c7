"""What is read and what is sent: cursors, outbox, quarantine, and the recheck queue."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from store.postgres.tables.base import NEVER, Xid8, count, metadata, numbered

cursor = Table(
    "cursor",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("cluster", Text, primary_key=True),
    Column("topic_uuid", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    count("applied"),
    count("duplicate"),
    count("ignored"),
    count("parked"),
    count("dead"),
    count("control"),
    count("grace_position"),
    count("updated_us"),
)

answered_ahead = Table(
    "answered_ahead",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("topic_uuid", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("was_repeat", Boolean, nullable=False),
)

ignored_reason = Table(
    "ignored_reason",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("records", BigInteger, nullable=False),
)

pipeline_state = Table(
    "pipeline_state",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("paused_us", BigInteger),
    Column("reason", Text),
)

outbox = Table(
    "outbox",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    numbered("id"),
    Column("kind", SmallInteger, nullable=False),
    Column("layout", SmallInteger, nullable=False, server_default="1"),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary),
    Column("events", Integer, nullable=False, server_default="1"),
    Index("outbox_heartbeat", "shard", unique=True, postgresql_where=text("kind = 10")),
)

outbox_refused = Table(
    "outbox_refused",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("layout", SmallInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary),
    Column("topic", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_us", BigInteger, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    numbered("id"),
    Column("pipeline", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("topic_uuid", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary),
    Column("timestamp_us", BigInteger, nullable=False),
    Column("merchant_id", Text),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("partition_position", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("redriven_us", BigInteger),
    Column("discarded_us", BigInteger),
    Column("purged_us", BigInteger),
    UniqueConstraint(
        "topic_uuid", "partition", "offset", name="quarantine_topic_uuid_partition_offset_key"
    ),
    Index("quarantine_to_purge", "received_us", postgresql_where=text("purged_us IS NULL")),
    Index(
        "quarantine_open",
        "topic",
        "received_us",
        postgresql_where=text("redriven_us IS NULL AND discarded_us IS NULL"),
    ),
    Index("quarantine_position", "topic_uuid", "partition", "partition_position"),
)

merchant_poison = Table(
    "merchant_poison",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("merchant_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    count("kept"),
    count("kept_bytes"),
    count("counted"),
    count("counted_bytes"),
)

counted_poison = Table(
    "counted_poison",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("topic_uuid", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("positions", ARRAY(BigInteger), nullable=False),
    Column("merchants", ARRAY(Text), nullable=False),
)

parked_record = Table(
    "parked_record",
    metadata,
    Column("pipeline", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("topic_uuid", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_no", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Index("parked_record_key", "key", "merchant_no"),
    Index("parked_record_first", "first_us"),
)

recheck = Table(
    "recheck",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("xid", Xid8, primary_key=True, server_default=text("pg_current_xact_id()")),
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False, server_default=text("0")),
    Column("before_us", BigInteger, nullable=False, server_default=text(f"'{NEVER}'::bigint")),
    count("not_before_us"),
    Column("reached", LargeBinary, nullable=False, server_default=text("'\\x'::bytea")),
)
