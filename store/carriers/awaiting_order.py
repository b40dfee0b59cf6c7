"""Reports that name an order but no merchant: they count for every merchant's order of that id.

See rules.md 6. They are kept for 180 days, since another merchant's order may come later (D18), and
are parked while no merchant has such an order.
"""

from collections.abc import Collection, Iterable, Sequence
from struct import Struct
from typing import Final

from rules.order.facts import CarrierReport
from schemas.ids import Micros
from store.carriers.tracking import KEPT, count_purged
from store.orders.codec import MEANINGS
from store.orders.orders import OrderKey
from store.postgres import tables
from store.postgres.arrays import byteas
from store.postgres.columns import Columns
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

Waiting = tuple[bytes, bytes]
"""Order id and packed report."""
_REPORT = Struct(">qBiiB")
_WAITING: Final = Columns(tables.awaiting_order, "order_id", "report", "taken")
_KEY: Final = Columns(tables.awaiting_order, "order_id", "report")
_SQL: Final = queries("carriers/awaiting_order", report=_WAITING, key=_KEY)

TOO_MANY = "too_many_reports"
"""What `drop` forgets, in the table of purged reports."""
ORDER_KEY_PREFIX = b"\x00"
"""Begins the key of a recheck row that names an order id without a merchant.

No tracking number begins so.
"""


def report_bytes(report: CarrierReport, strings: InternedStrings) -> bytes:
    """A report, with its tracking number at the end."""
    fixed = _REPORT.pack(
        report.at,
        report.meaning,
        strings.number(report.service),
        strings.number(report.code),
        report.return_leg,
    )
    return fixed + report.number


def report_of(packed: bytes, strings: InternedStrings) -> CarrierReport:
    """What `report_bytes` packed: a report that names its order."""
    at, meaning, service, code, leg = _REPORT.unpack_from(packed)
    number, line, spelled = (
        packed[_REPORT.size :],
        strings.word(service) or "",
        strings.word(code) or "",
    )
    return CarrierReport(
        at, MEANINGS[meaning], number, line, spelled, named=True, return_leg=bool(leg)
    )


def owners(cursor: Cursor, order_ids: Sequence[bytes]) -> dict[bytes, set[OrderKey]]:
    """The orders of each id, over all merchants."""
    keys: dict[bytes, set[OrderKey]] = {order_id: set() for order_id in order_ids}
    cursor.execute(_SQL["owners"], [byteas(order_ids)], binary=True)
    for order_id, merchant_no in cursor.fetchall():
        keys[order_id].add((merchant_no, order_id))
    return keys


def park(
    cursor: Cursor, waiting: Iterable[Waiting], owned: Collection[bytes], now: Micros
) -> set[Waiting]:
    """Keeps reports; those that were not kept before. `owned` are the ids that some order has."""
    rows = [(order_id, report, order_id in owned) for order_id, report in sorted(set(waiting))]
    cursor.execute(_SQL["park"], [now, *_WAITING.arrays(rows)], binary=True)
    return set(cursor.fetchall())


def awaited(cursor: Cursor, order_ids: Sequence[bytes]) -> list[bytes]:
    """The ids among these for which reports are waiting.

    As a rule none wait at all, which is found out first.
    """
    row = cursor.execute(_SQL["is_any"]).fetchone()
    if not row or not row[0]:
        return []
    cursor.execute(_SQL["awaited"], [byteas(order_ids)], binary=True)
    return [order_id for (order_id,) in cursor.fetchall()]


def lock(cursor: Cursor, order_ids: Sequence[bytes]) -> list[Waiting]:
    """Locks what waits for these orders."""
    cursor.execute(_SQL["lock"], [byteas(order_ids)], binary=True)
    return cursor.fetchall()


def drop(cursor: Cursor, waiting: Iterable[Waiting]) -> None:
    """Forgets reports that an order would not keep, as there are too many; they are counted."""
    rows = sorted(waiting)
    if rows:
        cursor.execute(_SQL["drop"], _KEY.arrays(rows))
        count_purged(cursor, TOO_MANY, len(rows))


def taken(cursor: Cursor, order_ids: Sequence[bytes]) -> None:
    """Notes that what waits for these ids is parked no more."""
    if order_ids:
        cursor.execute(_SQL["taken"], [byteas(order_ids)])


def purge(cursor: Cursor, now: Micros, limit: int) -> list[Waiting]:
    """Forgets reports after 180 days; those that had no order by then."""
    cursor.execute(_SQL["purge"], [now - KEPT, limit], binary=True)
    gone = [
        (order_id, report) for order_id, report, was_taken in cursor.fetchall() if not was_taken
    ]
    count_purged(cursor, "awaiting_order", len(gone))
    return gone
