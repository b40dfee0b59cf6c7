"""Claiming orders that are due: whole rows, locked, skipping what another worker holds.

A crash gives them back.
"""

from collections.abc import Mapping
from typing import Final

from schemas.ids import Micros
from store.orders.orders import ROW, OrderRow, read_rows
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

KeysetPosition = tuple[Micros, bytes]
"""How far the plans of a merchant are claimed: due instant and packed order id of the last one."""
BEGINNING: Final[KeysetPosition] = (-(2**63), b"")
_REACHED: Final = Columns(tables.due, "merchant_no", "due_us", "order_id")
_SQL: Final = queries("orders/due", row=ROW, reached=_REACHED)


def clock(cursor: Cursor) -> tuple[Micros, int]:
    """The database's clock and the settings epoch."""
    row = cursor.execute(_SQL["clock"]).fetchall()[0]
    return row[0], row[1]


def due_merchants(cursor: Cursor) -> tuple[Micros, list[int], int]:
    """The database's clock, the merchants that have something due, and the settings epoch.

    The merchant that has waited longest comes first.
    """
    rows = cursor.execute(_SQL["due_merchants"]).fetchall()
    now, epoch, _ = rows[0]
    # There is always a row: without a merchant when nothing is due.
    return now, [merchant_no for _, _, merchant_no in rows if merchant_no is not None], epoch


def claim_due(
    cursor: Cursor,
    positions: Mapping[int, KeysetPosition],
    share: int,
    now: Micros,
    strings: InternedStrings,
) -> list[OrderRow]:
    """Locks up to `share` due orders of each merchant, soonest due first, behind its position."""
    reached = _REACHED.arrays(
        (merchant_no, *position) for merchant_no, position in positions.items()
    )
    cursor.execute(_SQL["due"], [now, share, *reached], binary=True)
    rows = read_rows(cursor, cursor.fetchall(), strings)
    return [rows[key] for key in sorted(rows)]
