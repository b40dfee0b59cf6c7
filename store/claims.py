"""Claiming orders that are due: whole rows, locked, skipping what another worker holds. A crash gives them back."""

from schemas.ids import Micros
from store.arrays import int4s
from store.database import Cursor
from store.orders import OrderRow, read_rows
from store.queries import queries
from store.words import Words


def due_merchants(cursor: Cursor) -> tuple[Micros, list[int], int]:
    """The database's clock, the merchants that have something due, longest waiting first, and the settings epoch."""
    rows = cursor.execute(queries("claims")["due_merchants"]).fetchall()
    return rows[0][0], [r[2] for r in rows if r[2] is not None], rows[0][1]


def claim_due(cursor: Cursor, merchants: list[int], share: int, now: Micros, words: Words) -> list[OrderRow]:
    """Locks up to `share` due orders of each merchant, soonest due first."""
    cursor.execute(queries("claims")["due"], [int4s(merchants), now, share], binary=True)
    rows = read_rows(cursor, cursor.fetchall(), words)
    return [rows[key] for key in sorted(rows)]
