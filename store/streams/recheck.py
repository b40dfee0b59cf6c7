"""The recheck queue: orders to look at again because something else changed (architecture.md 2.3).

Two concurrent transactions do not see each other's rows: one writes what an order
is judged by, the other writes the order. So a row is worked off only when every transaction that
may have missed what its writer wrote is over (ADR 11): then either it saw that, or the order that
it wrote is seen now.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from schemas.ids import NEVER, Micros
from store.orders import codec
from store.orders.layouts import RECORD
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.together import Writes

COUNTED: Final = 10_000
"""Rows that are counted for the gauge: some milliseconds, in the worker's own loop."""
ADDED: Final = 20_000
"""Rows of one statement, added or taken out, which takes some tenths of a second."""
LOOKED_AT = 20_000
"""Orders of a merchant that one page looks through for those created in a certain time."""

_REQUEST: Final = Columns(tables.recheck, "kind", "merchant_no", "key", "since_us", "before_us")
_KEY: Final = Columns(tables.recheck, "xid", "merchant_no", "key", "since_us")
_PROGRESS: Final = _KEY.plus("reached")
_OF_MEMBER: Final = Columns(
    tables.recheck, "merchant_no", "key", "since_us", "before_us", "reached"
)
_BELOW: Final = Columns(tables.recheck, "xid", "merchant_no", "key", "before_us")
_SQL: Final = queries(
    "streams/recheck",
    below=_BELOW,
    request=_REQUEST,
    key=_KEY,
    progress=_PROGRESS,
    of_member=_OF_MEMBER,
    created_us=RECORD.bigint_sql("o.record", "created_at"),
    descended=f"o.flags & {codec.DESCENDED} <> 0",
)


class RecheckKind(IntEnum):
    """What a row of the queue names."""

    ORDER = 1
    UNBOUND = 2
    MEMBER = 3
    SINCE = 4
    NUMBER = 5
    FAMILY = 6


class RecheckRequest(NamedTuple):
    """A row to add. `key` is the order's id, the member, or the tracking number.

    FAMILY means the orders that come from an order, those that come from these, and so on:
    `before_us` says down to how many generations below.

    MEMBER and SINCE mean orders created from `since_us` until before `before_us`, and those that
    are judged by the creation of another one. Of ORDER and
    NUMBER `since_us` is the time of the event that asks, by which what follows is dated; 0 for
    none. A tracking number of merchant 0 means all merchants.
    """

    kind: RecheckKind
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
    """A moment: the transaction number that was next then, and the snapshot of just before."""

    xid: str
    snapshot: str


def add(cursor: Writes, rows: Iterable[RecheckRequest]) -> None:
    """Puts rows into the queue, as asked for by the cursor's transaction.

    Asking twice is asking once.
    """
    asked: dict[tuple[int, int, bytes, int], RecheckRequest] = {}
    for row in rows:
        before = asked.get(row[:4])
        if before is None or before.before_us < row.before_us:
            asked[row[:4]] = row
    requests = [*asked.values()]
    for first in range(0, len(requests), ADDED):
        cursor.execute(_SQL["add"], _REQUEST.arrays(requests[first : first + ADDED]))


def adopt(cursor: Cursor) -> None:
    """Takes over rows that came with a backup of another server.

    Its transaction numbers mean nothing here.
    """
    cursor.execute(_SQL["adopt"])


def mark(cursor: Cursor) -> Mark | None:
    """This moment, to be waited for; None when the queue is empty.

    Outside a transaction, or it would wait for itself.
    """
    row = cursor.execute(_SQL["mark"]).fetchone()
    return Mark(*row) if row else None


def reached(cursor: Cursor, until: Mark) -> list[RecheckKind] | None:
    """The kinds of rows that may be claimed under a mark.

    None while a transaction from before it still runs.
    """
    row = cursor.execute(_SQL["reached"], [*until]).fetchone()
    return [RecheckKind(k) for k in row[0]] if row and row[0] is not None else None


def claim(
    cursor: Cursor, kind: RecheckKind, until: Mark, limit: int
) -> tuple[list[Claimed], Micros]:
    """Locks up to `limit` rows that were there at a mark which is reached, oldest first.

    Returns them and the database's clock. Rows that another worker has are skipped.
    """
    cursor.execute(_SQL["claim"], [kind, *until, limit], binary=True)
    rows = cursor.fetchall()
    return [Claimed(*row) for *row, _ in rows], rows[0][-1] if rows else 0


def unbound(cursor: Cursor, row: Claimed, limit: int) -> tuple[list[bytes], bytes | None]:
    """The next of a merchant's unbound orders, and up to where that was.

    None when these were the last.
    """
    cursor.execute(_SQL["unbound"], [row.merchant_no, row.reached, limit], binary=True)
    order_ids = [order_id for (order_id,) in cursor.fetchall()]
    return order_ids, order_ids[-1] if len(order_ids) == limit else None


def created_between(
    cursor: Cursor, row: Claimed, limit: int, looked_at: int = LOOKED_AT
) -> tuple[list[bytes], bytes | None]:
    """The next of a merchant's orders created in the row's time, and up to where that was.

    None at the end. At most `looked_at` orders are looked at, so that a turn stays short.
    """
    span = [row.merchant_no, row.reached, row.since_us, row.before_us, looked_at, limit]
    cursor.execute(_SQL["created_between"], span, binary=True)
    order_ids = [order_id for (order_id,) in cursor.fetchall()]
    if len(order_ids) == limit:
        return order_ids, order_ids[-1]
    skipped = [row.merchant_no, row.reached, looked_at - 1]
    cursor.execute(_SQL["nth_behind"], skipped, binary=True)
    last = cursor.fetchone()
    return order_ids, last[0] if last else None


def of_members(
    cursor: Cursor, rows: Sequence[Claimed], limit: int
) -> list[list[tuple[bytes, Micros]]]:
    """For each row the next orders of its member, at most `limit`.

    Each comes with the time of the customer's newest record.
    """
    members = [(row.merchant_no, row.key, row.since_us, row.before_us, row.reached) for row in rows]
    wanted = [*_OF_MEMBER.arrays(members), limit]
    cursor.execute(_SQL["of_members"], wanted, binary=True)
    orders: list[list[tuple[bytes, Micros]]] = [[] for _ in rows]
    for number, order_id, at in cursor.fetchall():
        orders[number - 1].append((order_id, at or 0))
    return orders


def done(cursor: Cursor, kind: RecheckKind, rows: Sequence[Claimed]) -> None:
    """Takes rows out of the queue."""
    if rows:
        keys = [(row.xid, row.merchant_no, row.key, row.since_us) for row in rows]
        cursor.execute(_SQL["done"], [kind, *_KEY.arrays(keys)])


def go_on(cursor: Cursor, kind: RecheckKind, rows: Sequence[Claimed]) -> None:
    """Writes how far rows have come: their `reached`."""
    if rows:
        progress = [(row.xid, row.merchant_no, row.key, row.since_us, row.reached) for row in rows]
        cursor.execute(_SQL["go_on"], [kind, *_PROGRESS.arrays(progress)])


def descend(cursor: Cursor, below: Iterable[tuple[Claimed, bytes]]) -> None:
    """Asks for the families of orders that were found below others: each goes on with that walk.

    Whoever was met on a walk before is not walked again, also where orders come from each other.
    """
    rows = {(row.xid, row.merchant_no, key, row.before_us - 1) for row, key in below}
    if rows:
        cursor.execute(_SQL["descend"], _BELOW.arrays(sorted(rows)))


def walked(cursor: Cursor, rows: Sequence[Claimed]) -> None:
    """Takes families out of the queue of which all were seen: those of one walk together.

    Until its last one is done they are kept, so that none is walked twice. To be called last, as
    it waits for others that do the same.
    """
    if not rows:
        return
    ends = [(row.xid, row.merchant_no, row.key, row.since_us, row.reached) for row in rows]
    cursor.execute(_SQL["walked"], _PROGRESS.arrays(ends))
    for xid, merchant_no in sorted({(row.xid, row.merchant_no) for row in rows}):
        # A statement of its own: the next one sees what others that waited here before have done.
        cursor.execute(_SQL["end_walk"], [xid])
        cursor.execute(_SQL["sweep"], [str(xid), merchant_no, ADDED])
        if cursor.rowcount == ADDED:
            cursor.execute(_SQL["sweep_on"], [str(xid), merchant_no])


def waiting(cursor: Cursor) -> int:
    """Rows in the queue, counted up to `COUNTED`."""
    row = cursor.execute(_SQL["waiting"], [COUNTED]).fetchone()
    return int(row[0]) if row else 0
