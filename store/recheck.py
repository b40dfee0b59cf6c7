"""The recheck queue: orders to look at again because something beside them changed (DESIGN 2.3)."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.ids import Micros
from store.arrays import byteas, columns, int4s, int8s
from store.database import Cursor
from store.queries import queries

ALL_UNBOUND = b""
"""The order id that stands for every order of the merchant that is bound to no settings yet."""

_KINDS = (int4s, byteas, int8s)


class Asked(NamedTuple):
    """One row of the queue."""

    merchant_no: int
    order_id: bytes
    not_before_us: Micros


class Claimed(NamedTuple):
    """Rows whose time has come, locked; the database's clock and the settings epoch."""

    rows: list[Asked]
    now: Micros
    epoch: int


def claim(cursor: Cursor, limit: int) -> Claimed:
    """Locks up to `limit` rows whose time has come, skipping those that another worker has."""
    cursor.execute(queries("recheck")["claim"], [limit], binary=True)
    rows = cursor.fetchall()
    return Claimed([Asked(*r[:3]) for r in rows], *(rows[0][3:] if rows else (0, 0)))


def unbound(cursor: Cursor, merchant_no: int, after: bytes, limit: int) -> list[bytes]:
    """Ids of a merchant's unbound orders behind `after`, in order."""
    cursor.execute(queries("recheck")["unbound"], [merchant_no, after, limit], binary=True)
    return [row[0] for row in cursor.fetchall()]


def done(cursor: Cursor, rows: Sequence[Asked]) -> None:
    """Takes rows out of the queue."""
    if rows:
        cursor.execute(queries("recheck")["done"], columns(rows, _KINDS))


def add(cursor: Cursor, rows: Sequence[Asked]) -> None:
    """Puts rows into the queue."""
    if rows:
        cursor.execute(queries("recheck")["add"], columns(rows, _KINDS))
