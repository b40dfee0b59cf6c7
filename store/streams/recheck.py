"""The recheck queue: orders to look at again because something beside them changed (DESIGN 2.3).

Two transactions that run beside each other do not see each other's rows: one writes what an order
is judged by, the other writes the order. So a row is worked off only when every transaction that
may have missed what its writer wrote is over (ADR 11): then either it saw that, or the order that
it wrote is seen now.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from schemas.ids import NEVER, Micros
from store.postgres.arrays import byteas, columns, int2s, int4s, int8s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

MIN_INSTANT: Micros = -(2**63)
"""Before every creation of an order, as NEVER is behind it."""
LOOKED_AT = 20_000
"""Orders of a merchant that one page looks through for those created in a certain time."""


class Kind(IntEnum):
    """What a row of the queue names."""

    ORDER = 1
    UNBOUND = 2
    MEMBER = 3
    SINCE = 4
    NUMBER = 5


class RecheckRequest(NamedTuple):
    """A row to add. `key` is the order's id, the member, or the tracking number.

    MEMBER and SINCE mean orders created from `since_us` until before `before_us`; for a tracking
    number the merchant is 0.
    """

    kind: Kind
    merchant_no: int
    key: bytes = b""
    since_us: Micros = 0
    before_us: Micros = NEVER


class Claimed(NamedTuple):
    """A locked row: who asked, for what, and up to which order id it is done already."""

    xid: int
    merchant_no: int
    key: bytes
    since_us: Micros
    before_us: Micros
    reached: bytes


class Mark(NamedTuple):
    """A moment: a transaction number that was the next one then, and the snapshot of just before."""

    xid: str
    snapshot: str


def add(cursor: Cursor, rows: Iterable[RecheckRequest]) -> None:
    """Puts rows into the queue, as asked for by the cursor's transaction.

    Asking twice is asking once.
    """
    asked: dict[tuple[int, int, bytes, int], RecheckRequest] = {}
    for row in rows:
        before = asked.get(row[:4])
        if before is None or before.before_us < row.before_us:
            asked[row[:4]] = row
    if asked:
        cursor.execute(
            queries("streams/recheck")["add"],
            columns(asked.values(), (int2s, int4s, byteas, int8s, int8s)),
        )


def adopt(cursor: Cursor) -> None:
    """Takes over rows that came with a backup of another server, whose transaction numbers mean nothing here."""
    cursor.execute(queries("streams/recheck")["adopt"])


def mark(cursor: Cursor) -> Mark | None:
    """This moment, to be waited for; None when the queue is empty.

    Outside a transaction, or it would wait for itself.
    """
    row = cursor.execute(queries("streams/recheck")["mark"]).fetchone()
    return Mark(*row) if row else None


def reached(cursor: Cursor, until: Mark) -> list[Kind] | None:
    """The kinds of rows that may be claimed under a mark.

    None while a transaction from before it still runs.
    """
    row = cursor.execute(queries("streams/recheck")["reached"], [*until]).fetchone()
    return [Kind(k) for k in row[0]] if row and row[0] is not None else None


def claim(cursor: Cursor, kind: Kind, until: Mark, limit: int) -> tuple[list[Claimed], Micros]:
    """Locks up to `limit` rows that were there at a mark which is reached, oldest first.

    And the database's clock.

    Rows that another worker has are skipped.
    """
    cursor.execute(queries("streams/recheck")["claim"], [kind, *until, limit], binary=True)
    rows = cursor.fetchall()
    return [Claimed(*r[:6]) for r in rows], rows[0][6] if rows else 0


def unbound(cursor: Cursor, row: Claimed, limit: int) -> tuple[list[bytes], bytes | None]:
    """The next of a merchant's unbound orders, and up to where that was.

    None when these were the last.
    """
    cursor.execute(
        queries("streams/recheck")["unbound"], [row.merchant_no, row.reached, limit], binary=True
    )
    found = [r[0] for r in cursor.fetchall()]
    return found, found[-1] if len(found) == limit else None


def created_between(
    cursor: Cursor, row: Claimed, limit: int, looked_at: int = LOOKED_AT
) -> tuple[list[bytes], bytes | None]:
    """The next of a merchant's orders that were created in the row's time, and up to where that was; None at the end."""
    span = [row.merchant_no, row.reached, row.since_us, row.before_us, looked_at, limit]
    cursor.execute(queries("streams/recheck")["created_between"], span, binary=True)
    found = [r[0] for r in cursor.fetchall()]
    if len(found) == limit:
        return found, found[-1]
    cursor.execute(
        queries("streams/recheck")["nth_behind"],
        [row.merchant_no, row.reached, looked_at - 1],
        binary=True,
    )
    last = cursor.fetchone()
    return found, last[0] if last else None


def of_members(
    cursor: Cursor, rows: Sequence[Claimed], limit: int
) -> list[list[tuple[bytes, Micros]]]:
    """For each row the next orders of its member, at most `limit`, with the time of the customer's newest record."""
    wanted = columns([r[1:] for r in rows], (int4s, byteas, int8s, int8s, byteas))
    cursor.execute(queries("streams/recheck")["of_members"], [*wanted, limit], binary=True)
    found: list[list[tuple[bytes, Micros]]] = [[] for _ in rows]
    for i, order_id, at in cursor.fetchall():
        found[i - 1].append((order_id, at or 0))
    return found


_KEY = (int8s, int4s, byteas, int8s)


def done(cursor: Cursor, kind: Kind, rows: Sequence[Claimed]) -> None:
    """Takes rows out of the queue."""
    if rows:
        cursor.execute(
            queries("streams/recheck")["done"], [kind, *columns([r[:4] for r in rows], _KEY)]
        )


def go_on(cursor: Cursor, kind: Kind, rows: Sequence[Claimed]) -> None:
    """Writes how far rows have come: their `reached`."""
    if rows:
        moved = [(*r[:4], r.reached) for r in rows]
        cursor.execute(
            queries("streams/recheck")["go_on"], [kind, *columns(moved, (*_KEY, byteas))]
        )


def waiting(cursor: Cursor) -> int:
    """Rows in the queue, counted up to a million."""
    row = cursor.execute(queries("streams/recheck")["waiting"]).fetchone()
    return int(row[0]) if row else 0
