"""Statements carried out together; what it means that two transactions wrote one key."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Protocol

from psycopg.errors import UniqueViolation

from store.postgres.session import Cursor

_PARAMETER: Final = re.compile(rb"\$(\d+)")
_COMMENT: Final = re.compile(rb"^--.*\n", re.MULTILINE)
_END_OF_PARTS: Final = b"\n)\n"
"""Behind the parts of a statement that begins with WITH."""


class Writes(Protocol):
    """What carries out statements whose answer nobody reads: a cursor, or `together`."""

    def execute(self, query: bytes, params: Sequence[Any], /) -> object:
        """Carries a statement out, or notes it."""


class Together:
    """Statements that wait for each other."""

    def __init__(self) -> None:
        """None yet."""
        self.queries: list[bytes] = []
        self.parameters: list[Any] = []

    def execute(self, query: bytes, params: Sequence[Any], /) -> None:
        """Notes a statement with all its parameters."""
        self.queries.append(query)
        self.parameters += params


@contextmanager
def together(cursor: Cursor, last: Callable[[], object] | None = None) -> Iterator[Together]:
    """Makes one statement of those that are noted in it, and carries it out at the end.

    For a single command a statement costs more than what it writes. None of them sees what the
    others write, nor may two of them write one row. `last` is called just before.
    """
    noted = Together()
    yield noted
    if last is not None:
        last()
    if noted.queries:
        cursor.execute(joined(tuple(noted.queries)), noted.parameters)


@cache
def joined(queries: tuple[bytes, ...]) -> bytes:
    """One statement of several: each a part of it, with the parts that it has itself before it."""
    if len(queries) == 1:
        return queries[0]
    parts: list[bytes] = []
    taken = 0
    for number, query in enumerate(queries):
        part, parameters = _part(b"part_%d" % number, _COMMENT.sub(b"", query).strip(), taken)
        parts.append(part)
        taken += parameters
    return b"WITH " + b", ".join(parts) + b"\nSELECT"


def _part(name: bytes, query: bytes, taken: int) -> tuple[bytes, int]:
    """A statement as a part, its parameters numbered behind those that are taken; how many."""
    own = b""
    if query.startswith(b"WITH "):
        own, _, query = query.removeprefix(b"WITH ").rpartition(_END_OF_PARTS)
        own += b"\n), "
    text = own + name + b" AS (\n" + query + b"\n)"
    numbers = [int(number) for number in _PARAMETER.findall(text)]

    def renumbered(found: re.Match[bytes]) -> bytes:
        return b"$%d" % (int(found[1]) + taken)

    return _PARAMETER.sub(renumbered, text), max(numbers, default=0)


@contextmanager
def races(**by_table: type[Exception]) -> Iterator[None]:
    """Raises what it means that a table's unique key is taken, instead of saying that it is."""
    try:
        yield
    except UniqueViolation as error:
        table = error.diag.table_name or ""
        for name, race in by_table.items():
            if table == name or table.startswith(f"{name}_"):  # or one of its partitions
                raise race from error
        raise
