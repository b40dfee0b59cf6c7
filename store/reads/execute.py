"""Runs statements of SQLAlchemy Core on the connections that everything else uses.

A statement is compiled once, into text with PostgreSQL's own placeholders, and then goes through
psycopg like the named SQL: same connection, same transaction, same snapshot. There is no engine and
no second pool.
"""

from functools import cache
from typing import Any

from psycopg import RawCursor
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql import Select

Cursor = RawCursor[tuple[Any, ...]]
Statement = Select[*tuple[Any, ...]]

_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def rows(cursor: Cursor, statement: Statement, **values: object) -> list[tuple[Any, ...]]:
    """All rows of a statement; `values` are those of its bind parameters, by name."""
    text, names, defaults = _compiled(statement)
    parameters = defaults | values
    return cursor.execute(text, [parameters[name] for name in names]).fetchall()


def mappings(cursor: Cursor, statement: Statement, **values: object) -> list[dict[str, Any]]:
    """As `rows`, each with the names of its columns."""
    found = rows(cursor, statement, **values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found]


def one_row(cursor: Cursor, statement: Statement, **values: object) -> tuple[Any, ...]:
    """The one row of a statement that always has one, such as a count."""
    (row,) = rows(cursor, statement, **values)
    return row


# Statements are made once, as constants of their modules, so this holds a few dozen texts.
@cache
def _compiled(statement: Statement) -> tuple[bytes, tuple[str, ...], dict[str, Any]]:
    """Text, the names of its parameters in the order of $1, $2 …, and values that it has itself."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled).encode(), tuple(compiled.positiontup or ()), dict(compiled.params)
