"""What all rooms use: interned strings, and which code works on which revision of the schema."""

from sqlalchemy import Column, Integer, Table, Text, UniqueConstraint

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
