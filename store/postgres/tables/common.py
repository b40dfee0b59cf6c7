"""What all rooms use: interned strings, which code works on which schema, workers that run."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, UniqueConstraint

from store.postgres.tables.base import metadata, numbered

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("oldest_code", Text, nullable=False),
)

word = Table(
    "word",
    metadata,
    numbered("no", Integer),
    Column("word", Text, nullable=False),
    UniqueConstraint("word", name="word_word_key"),
)

worker_beat = Table(
    "worker_beat",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("started_us", BigInteger, nullable=False),
    Column("beat_us", BigInteger, nullable=False),
    Column("trouble", Text),
)
