"""Whole columns as PostgreSQL arrays, packed at once.

A batch goes to PostgreSQL as one array per column. psycopg would dump them value by value in
Python; one `struct` call per column costs a fifth of that, and columns are what the hot path is
made of.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from struct import Struct, pack
from typing import Any, Final

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

INT2, INT4, INT8, BYTEA, UUID, TEXT = 21, 23, 20, 17, 2950, 25
BOOL, JSONB, XID8 = 16, 3802, 5069
_ARRAY_OIDS: Final = {
    INT2: 1005, INT4: 1007, INT8: 1016, BYTEA: 1001, UUID: 2951, TEXT: 1009, BOOL: 1000,
    JSONB: 3807, XID8: 271,
}  # fmt: skip
_CODES: Final = {INT2: ("h", 2), INT4: ("i", 4), INT8: ("q", 8), BOOL: ("?", 1), XID8: ("Q", 8)}
_HEADER: Final = Struct(">iiIii")
_LENGTH: Final = Struct(">i").pack
_NULL: Final = _LENGTH(-1)
_ONE: Final = {kind: Struct(f">iiIiii{code}").pack for kind, (code, _) in _CODES.items()}
_ONE_NULL: Final = {kind: _HEADER.pack(1, 1, kind, 1, 1) + _NULL for kind in _CODES}


class Column(bytes):
    """An array in PostgreSQL's binary form, ready to send."""

    __slots__ = ()
    oid = 0


class Int2s(Column):
    """`smallint[]`."""

    oid = _ARRAY_OIDS[INT2]


class Int4s(Column):
    """`int[]`."""

    oid = _ARRAY_OIDS[INT4]


class Int8s(Column):
    """`bigint[]`."""

    oid = _ARRAY_OIDS[INT8]


class Byteas(Column):
    """`bytea[]`."""

    oid = _ARRAY_OIDS[BYTEA]


class Texts(Column):
    """`text[]`."""

    oid = _ARRAY_OIDS[TEXT]


class Uuids(Column):
    """`uuid[]`, from 16 bytes each."""

    oid = _ARRAY_OIDS[UUID]


class Bools(Column):
    """`boolean[]`."""

    oid = _ARRAY_OIDS[BOOL]


class Jsonbs(Column):
    """`jsonb[]`, from JSON's bytes each."""

    oid = _ARRAY_OIDS[JSONB]


class Xid8s(Column):
    """`xid8[]`."""

    oid = _ARRAY_OIDS[XID8]


def _integers(kind: int, values: Sequence[int | None]) -> bytes:
    code, size = _CODES[kind]
    count = len(values)
    if count == 1:
        # A single command's: half of what it sends are such columns.
        value = values[0]
        return _ONE_NULL[kind] if value is None else _ONE[kind](1, 1, kind, 1, 1, size, value)
    head = _HEADER.pack(1, 1, kind, count, 1)
    if values and values.count(values[0]) == count:
        # Common: the merchant, the type, what no row has. Counting costs next to nothing.
        return head + _integer(values[0], code, size) * count
    if None not in values:
        return head + pack(
            ">" + f"i{code}" * count, *chain.from_iterable(zip(repeat(size), values, strict=False))
        )
    packed = Struct(f">i{code}").pack
    return head + b"".join([_NULL if v is None else packed(size, v) for v in values])


def _integer(value: int | None, code: str, size: int) -> bytes:
    return _NULL if value is None else pack(f">i{code}", size, value)


def int2s(values: Sequence[int | None]) -> Int2s:
    """A column of 16-bit integers."""
    return Int2s(_integers(INT2, values))


def int4s(values: Sequence[int | None]) -> Int4s:
    """A column of 32-bit integers."""
    return Int4s(_integers(INT4, values))


def int8s(values: Sequence[int | None]) -> Int8s:
    """A column of 64-bit integers."""
    return Int8s(_integers(INT8, values))


def byteas(values: Sequence[bytes | None]) -> Byteas:
    """A column of byte strings."""
    return Byteas(_HEADER.pack(1, 1, BYTEA, len(values), 1) + _strings(values))


def texts(values: Sequence[bytes | None]) -> Texts:
    """A column of texts, given in UTF-8."""
    return Texts(_HEADER.pack(1, 1, TEXT, len(values), 1) + _strings(values))


def _strings(values: Sequence[bytes | None]) -> bytes:
    if values and values.count(None) == len(values):
        return _NULL * len(values)
    return b"".join([_NULL if v is None else _LENGTH(len(v)) + v for v in values])


def uuids(values: Sequence[bytes]) -> Uuids:
    """A column of uuids, each given as its 16 bytes."""
    size = _LENGTH(16)
    return Uuids(
        _HEADER.pack(1, 0, UUID, len(values), 1)
        + b"".join(chain.from_iterable(zip(repeat(size), values, strict=False)))
    )


def bools(values: Sequence[bool | None]) -> Bools:
    """A column of booleans."""
    return Bools(_integers(BOOL, values))


def xid8s(values: Sequence[int | None]) -> Xid8s:
    """A column of transaction numbers."""
    return Xid8s(_integers(XID8, values))


_JSONB_VERSION: Final = b"\x01"


def jsonbs(values: Sequence[bytes | None]) -> Jsonbs:
    """A column of JSON documents, given in UTF-8."""
    versioned = [None if v is None else _JSONB_VERSION + v for v in values]
    return Jsonbs(_HEADER.pack(1, 1, JSONB, len(values), 1) + _strings(versioned))


def columns(rows: Iterable[tuple[Any, ...]], kinds: Sequence[Any]) -> list[Column]:
    """Rows turned into one array per column.

    `kinds` are the functions above, in the order of the columns.
    """
    return [kind(values) for kind, values in zip(kinds, zip(*rows, strict=True), strict=True)]


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


def register(connection: Connection[Any]) -> None:
    """Teaches a connection to send columns."""
    for kind in (Int2s, Int4s, Int8s, Byteas, Texts, Uuids, Bools, Jsonbs, Xid8s):
        dumper = type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": kind.oid})
        connection.adapters.register_dumper(kind, dumper)
