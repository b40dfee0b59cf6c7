"""Claiming orders that are due: whole rows, locked, skipping what another worker holds.

A crash gives them back.
"""

from collections.abc import Mapping
from typing import Final

from schemas.ids import Micros
from store.orders.orders import OrderRow, read_rows
from store.postgres.arrays import byteas, int4s, int8s
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

KeysetPosition = tuple[Micros, bytes]
"""How far the plans of a merchant are claimed: due instant and packed order id of the last one."""
BEGINNING: Final[KeysetPosition] = (-(2**63), b"")


def clock(cursor: Cursor) -> tuple[Micros, int]:
    """The database's clock and the settings epoch."""
    row = cursor.execute(queries("orders/due")["clock"]).fetchall()[0]
    return row[0], row[1]


def due_merchants(cursor: Cursor) -> tuple[Micros, list[int], int]:
    """The database's clock, the merchants that have something due, longest waiting first, and the settings epoch."""
    rows = cursor.execute(queries("orders/due")["due_merchants"]).fetchall()
    return rows[0][0], [r[2] for r in rows if r[2] is not None], rows[0][1]


def claim_due(
    cursor: Cursor,
    fronts: Mapping[int, KeysetPosition],
    share: int,
    now: Micros,
    words: InternedStrings,
) -> list[OrderRow]:
    """Locks up to `share` due orders of each merchant, soonest due first, behind those that its front tells of."""
    dues, ids = [due for due, _ in fronts.values()], [order for _, order in fronts.values()]
    cursor.execute(
        queries("orders/due")["due"],
        [int4s(list(fronts)), now, share, int8s(dues), byteas(ids)],
        binary=True,
    )
    rows = read_rows(cursor, cursor.fetchall(), words)
    return [rows[key] for key in sorted(rows)]
