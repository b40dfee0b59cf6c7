"""Commands that were answered, and bulk jobs."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table
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
)

job_row = Table(
    "job_row",
    metadata,
    Column("merchant_no", Integer, primary_key=True, autoincrement=False),
    Column("job_id", LargeBinary, primary_key=True),
    Column("member", LargeBinary, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
