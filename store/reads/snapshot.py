"""Reading what belongs together as it was at one moment, without locking what a worker needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import IsolationLevel, RawCursor
from sqlalchemy import bindparam, func, select

from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres import tables
from store.postgres.session import Database
from store.reads.execute import Cursor, one_row, rows

_merchant = tables.merchant.c
_MERCHANT = select(_merchant.merchant_no).where(
    _merchant.merchant_id == bindparam("merchant_id"),
)
_NOW = select(func.points_now())


class UnknownMerchant(PointsError):
    """The merchant has neither settings nor an order, or not what a command needs of it."""

    code = "unknown_merchant"
    exit_code = Exit.NOT_FOUND

    def __init__(self, merchant_id: str, lacks: str = "neither settings nor orders") -> None:
        super().__init__(f"merchant {merchant_id} is not known: it has {lacks}", where=merchant_id)


@contextmanager
def snapshot(connection: Database) -> Iterator[Cursor]:
    """One read-only transaction: everything as it was at one moment."""
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction(), RawCursor(connection) as cursor:
            yield cursor
    finally:
        connection.isolation_level, connection.read_only = None, None


def merchant_number(cursor: Cursor, merchant_id: str) -> int:
    """The merchant's number. Raises UnknownMerchant."""
    found = rows(cursor, _MERCHANT, merchant_id=merchant_id)
    if not found:
        raise UnknownMerchant(merchant_id)
    return int(found[0][0])


def now(cursor: Cursor) -> Micros:
    """The database's clock, which decides what is due and what has lapsed."""
    return int(one_row(cursor, _NOW)[0])
