"""Lists of columns, declared once: for the arrays that Python sends and the SQL that takes them.

A module of the hot path names the columns that a statement writes (or reads) once, taken from the
table:

    _ROW = Columns(tables.lot, "account_no", "expires_us", "source", "points")
    _SQL = queries("ledger/lots", row=_ROW)

Its SQL file never lists them itself. `queries` fills them in when it loads the file:

    INSERT INTO lot ({row})                       account_no, expires_us, source, points
    SELECT {k.row}                                k.account_no, k.expires_us, k.source, k.points
    FROM unnest({arrays row}) k ({row})           $1::bigint[], $2::bigint[], $3::bytea[], …
    ON CONFLICT ({key row}) DO UPDATE             account_no, expires_us, source (the primary key)
    SET {set row from excluded};                  points = excluded.points (without the key)

`{arrays row from 3}` begins at $3, when others come first. And Python sends the rows, each a tuple
in the order of the declaration:

    cursor.execute(_SQL["write"], _ROW.arrays(rows))

Or columns by name, in any order: `_ROW.arrays_of({"points": [5, 7], …})`.

So a statement and the tuples that it is given cannot disagree, and what a statement does with a
column it does by its name. `_ROW.plus("held")` is the same list with more columns; a column that no
table has is given as SQLAlchemy's `Column("is_new", Boolean)`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.postgres import arrays
from store.postgres.tables import Xid8

_KINDS: Final[tuple[tuple[type[Any], str, Callable[[Any], arrays.Column]], ...]] = (
    (SmallInteger, "smallint", arrays.int2s),  # before Integer, of which they are subclasses
    (BigInteger, "bigint", arrays.int8s),
    (Integer, "int", arrays.int4s),
    (LargeBinary, "bytea", arrays.byteas),
    (Text, "text", arrays.texts),
    (Uuid, "uuid", arrays.uuids),
    (Boolean, "boolean", arrays.bools),
    (JSONB, "jsonb", arrays.jsonbs),
    (Xid8, "xid8", arrays.xid8s),
)
_FRAGMENT: Final = re.compile(
    r"\{(?:(?P<what>arrays|key|set) )?(?:(?P<alias>\w+)\.)?(?P<name>\w+)"
    r"(?: from (?P<source>\w+))?\}"
)
_RESERVED: Final = frozenset({"offset"})


class Columns:
    """Some columns of a table, in a fixed order."""

    def __init__(self, table: Table, *columns: "str | Column[Any]") -> None:
        """Take names of the table's columns, or columns of no table that a statement needs.

        Raises KeyError when the table has no such column.
        """
        self._table: Final = table
        self._columns: Final = tuple(
            table.c[column] if isinstance(column, str) else column for column in columns
        )
        self.names: Final = tuple(column.name for column in self._columns)
        self._named: Final = frozenset(self.names)
        self._types: Final = tuple(_kind_of(column) for column in self._columns)
        self.kinds: Final = tuple(kind for _, kind in self._types)
        """The function of `store.postgres.arrays` for each column."""

    def plus(self, *columns: "str | Column[Any]") -> "Columns":
        """These columns and more behind them."""
        return Columns(self._table, *self._columns, *columns)

    def arrays_of(self, values: Mapping[str, Sequence[Any]]) -> list[arrays.Column]:
        """One array for each column, from the values of all rows by the column's name.

        Raises ValueError when a column is missing or unknown.
        """
        if values.keys() != self._named:
            wrong = sorted(values.keys() ^ self._named)
            raise ValueError(f"columns missing or unknown: {', '.join(wrong)}")
        return [kind(values[name]) for name, kind in zip(self.names, self.kinds, strict=True)]

    def arrays(self, rows: Iterable[tuple[Any, ...]]) -> list[arrays.Column]:
        """Rows, at least one, as one array for each column.

        Raises ValueError when a row is longer or shorter than the declaration.
        """
        return arrays.columns(rows, self.kinds)

    def listed(self, alias: str | None = None) -> str:
        """The names, for SQL: `a, b`, or `k.a, k.b`."""
        prefix = f"{alias}." if alias is not None else ""
        return ", ".join(prefix + _quoted(name) for name in self.names)

    def parameters(self, first: int) -> str:
        """The arrays' parameters, for SQL: `(SELECT $1::int[]), $2::bytea[]`.

        The first is a subquery, so that the planner does not see how many rows there are. The plan
        is the same for one row as for thousands, a search in a key for each; but if it saw them, it
        would think that a plan made for these rows is better than one made for any, and make one
        each time, which takes longer than a single hold's rows.
        """
        whole, *others = (f"${first + i}::{name}[]" for i, (name, _) in enumerate(self._types))
        return ", ".join([f"(SELECT {whole})", *others])

    def key(self) -> str:
        """Those that are part of the table's primary key, for SQL."""
        keys = {column.name for column in self._table.primary_key}
        return ", ".join(_quoted(name) for name in self.names if name in keys)

    def assignments(self, source: str) -> str:
        """Those that are no part of the key, for SQL: `a = k.a, b = k.b`."""
        keys = {column.name for column in self._table.primary_key}
        rest = [_quoted(name) for name in self.names if name not in keys]
        return ", ".join(f"{name} = {source}.{name}" for name in rest)


def _kind_of(column: "Column[Any]") -> tuple[str, Callable[[Sequence[Any]], arrays.Column]]:
    for type_, name, kind in _KINDS:
        if isinstance(column.type, type_):
            return name, kind
    raise TypeError(f"column {column.name}: arrays of {column.type} are not known here")


def _quoted(name: str) -> str:
    return f'"{name}"' if name in _RESERVED else name


def fill_in(sql: str, lists: dict[str, Columns | str]) -> str:
    """A statement with its lists of columns in place; a string stands for itself.

    Raises KeyError for a list that is not given.
    """

    def filled(match: re.Match[str]) -> str:
        columns, source = lists[match["name"]], match["source"]
        if isinstance(columns, str):
            return columns
        match match["what"]:
            case "arrays":
                return columns.parameters(int(source or 1))
            case "key":
                return columns.key()
            case "set":
                return columns.assignments(source or "k")
            case _:
                return columns.listed(match["alias"])

    return _FRAGMENT.sub(filled, sql)
