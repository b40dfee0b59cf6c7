"""Whether the schema is whole: columns and indexes that are gone, sequences that are behind.

A revision says what migrations made, not what a restore, a copy by logical replication or a hand
has left of it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from psycopg import sql
from sqlalchemy import Column, MetaData, Table, Text

from store.ledger.accounts import MERCHANT_BITS
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw
from store.postgres.tables import metadata

_NAMES: Final = Table(
    "names", MetaData(), *(Column(n, Text) for n in ("schema", "relation", "attribute", "name"))
)
_COLUMN: Final = Columns(_NAMES, "schema", "relation", "attribute")
_INDEX: Final = Columns(_NAMES, "schema", "name")
_SQL: Final = queries("reads/doctor/damage", column=_COLUMN, index=_INDEX)
_PUBLIC: Final = "public"
_OF_ONE_MERCHANT: Final = (1 << MERCHANT_BITS) - 1
"""The bits of an account's number that the sequence gives; the merchant's are above them."""


class Behind(NamedTuple):
    """A sequence that will give numbers that are taken: of which column, and up to which."""

    sequence: str
    column: str
    last: int
    taken: int


def missing_columns(connection: Database) -> list[str]:
    """Columns that the code knows and the database has not."""
    columns = [
        tuple(name.encode() for name in (table.schema or _PUBLIC, table.name, column.name))
        for table in metadata.tables.values()
        for column in table.columns
    ]
    rows = raw(connection).execute(_SQL["missing_columns"], _COLUMN.arrays(columns)).fetchall()
    return [_shown(*row) for row in rows]


def unusable_indexes(connection: Database) -> list[str]:
    """Indexes that are missing, or that the server does not use since making them failed."""
    names = [
        tuple(name.encode() for name in (table.schema or _PUBLIC, str(index.name)))
        for table in metadata.tables.values()
        for index in table.indexes
    ]
    rows = raw(connection).execute(_SQL["unusable_indexes"], _INDEX.arrays(names)).fetchall()
    return [_shown(*row) for row in rows]


def sequences_behind(connection: Database) -> Iterator[Behind]:
    """Sequences that a copy has not taken along: what they number next is there already.

    Those that the login may not see are left out.
    """
    for table in metadata.tables.values():
        if table.schema is not None:
            continue
        for column in table.columns:
            if column.identity is not None:
                of = sql.Identifier(column.name)
                yield from _behind(connection, table, column, f"{table.name}_{column.name}_seq", of)
    numbers = sql.SQL("account_no & {}").format(_OF_ONE_MERCHANT)
    account = tables.account
    yield from _behind(connection, account, account.c.account_no, "account_no", numbers)


def _behind(
    connection: Database, table: Table, column: "Column[int]", sequence: str, of: sql.Composable
) -> Iterator[Behind]:
    cursor = raw(connection)
    row = cursor.execute(_SQL["last_number"], [_PUBLIC, sequence]).fetchone()
    if row is None or row[0] is None:
        return
    highest = sql.SQL("SELECT coalesce(max({}), 0) FROM {}").format(of, sql.Identifier(table.name))
    taken = connection.execute(highest).fetchone()
    if taken is not None and taken[0] > row[0]:
        yield Behind(sequence, f"{table.name}.{column.name}", row[0], taken[0])


def _shown(schema: str, name: str) -> str:
    return name if schema == _PUBLIC else f"{schema}.{name}"
