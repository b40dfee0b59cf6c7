"""Commands that were answered, and bulk jobs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.postgres.tables.base import metadata

command = Table(
    "command",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("command_id", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("job_id", LargeBinary, primary_key=True),
    Column("terms", LargeBinary, nullable=False),
    Column("gate", SmallInteger, nullable=False, server_default="1"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("points", BigInteger, nullable=False, server_default="0"),
    Column("reason", LargeBinary),
    Column("made_by", LargeBinary),
    Column("approved_by", LargeBinary),
    Column("made_us", BigInteger),
    Column("undoes", LargeBinary),
)

job_row = Table(
    "job_row",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("job_id", LargeBinary, primary_key=True),
    Column("member", LargeBinary, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

job_line = Table(
    "job_line",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("job_id", LargeBinary, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer),
    Column("member", LargeBinary, nullable=False),
    Column("points", Integer, nullable=False),
    Column("reason", LargeBinary),
    Column("code", SmallInteger),
    Column("sequence", BigInteger),
    Column("missing", Integer, nullable=False, server_default="0"),
)

job_piece = Table(
    "job_piece",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("job_id", LargeBinary, primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("is_done", Boolean, nullable=False, server_default="false"),
    Column("applied", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Index("job_piece_open", "merchant_no", "job_id", postgresql_where=text("NOT is_done")),
)
