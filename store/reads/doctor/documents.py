"""Stored settings, read once more for `points doctor`: a row may be damaged, or of a newer version.

As many as can be read in a few seconds: a database may have those of 200,000 shops.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from schemas.problems import DocumentError
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw

_PAGE: Final = 500
_SQL: Final = queries("reads/doctor/documents")

_Read = TypeVar("_Read")


class StoredVersion(NamedTuple):
    """A version of a merchant's settings, as it is stored."""

    merchant_id: str
    version: int
    document: Any

    def read(self, reader: Callable[[Any], _Read]) -> "_Read | str":
        """What the reader makes of it, or what is wrong with it."""
        try:
            return reader(self.document)
        except DocumentError as error:
            return str(error.problems[0])


def versions(connection: Database, seconds: float) -> Iterator[StoredVersion]:
    """All versions of all merchants' points settings; none any more after so many seconds."""
    yield from _pages(connection, "versions", seconds)


def newest_of_notices(connection: Database, seconds: float) -> Iterator[StoredVersion]:
    """Each shop's notice settings, as far as it gave some. Asked as the lane's role."""
    yield from _pages(connection, "newest_of_notices", seconds)


def _pages(connection: Database, statement: str, seconds: float) -> Iterator[StoredVersion]:
    cursor, until = raw(connection), time.monotonic() + seconds
    number, version = 0, 0
    while time.monotonic() < until:
        page = cursor.execute(_SQL[statement], [number, version, _PAGE]).fetchall()
        if not page:
            return
        for number, version, merchant_id, document in page:  # noqa: B007 - the next page begins behind them
            yield StoredVersion(merchant_id, version, document)
