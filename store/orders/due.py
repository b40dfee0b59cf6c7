"""Claiming orders that are due: whole rows, locked, skipping what another worker holds.

A crash gives them back.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

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
PROBES: Final = 1_000
"""Merchants and instants that a look-up probes: some milliseconds, and as many as share a turn."""
_REACHED: Final = Columns(tables.due, "merchant_no", "due_us", "order_id")
_SQL: Final = queries("orders/due", row=ROW, reached=_REACHED)


def clock(cursor: Cursor) -> tuple[Micros, int]:
    """The database's clock and the settings epoch."""
    row = cursor.execute(_SQL["clock"]).fetchall()[0]
    return row[0], row[1]


class LookUp(NamedTuple):
    """The database's clock, the merchants that have something due, and the settings epoch.

    The merchant that has waited longest comes first. `behind`: up to which merchant the others were
    probed, where there were too many plans to see all that is due.
    """

    now: Micros
    merchants: list[int]
    epoch: int
    behind: int


def due_merchants(cursor: Cursor, behind: int = 0, probes: int = PROBES) -> LookUp:
    """Which merchants have something due, by at most so many probes of each of two kinds.

    `behind` is that of the look-up before.
    """
    rows = cursor.execute(_SQL["due_merchants"], [probes, behind]).fetchall()
    # There is always a row: without a merchant when nothing is due.
    now, epoch, _, reached = rows[0]
    return LookUp(now, [row[2] for row in rows if row[2] is not None], epoch, reached)


def claim_due(
    cursor: Cursor,
    positions: Mapping[int, KeysetPosition],
    share: int,
    now: Micros,
    strings: InternedStrings,
) -> list[OrderRow]:
    """Locks up to `share` due orders of each merchant, soonest due first, behind its position.

    Each with the trace of what made its plan, where there is one.
    """
    reached = _REACHED.arrays(
        (merchant_no, *position) for merchant_no, position in positions.items()
    )
    cursor.execute(_SQL["due"], [now, share, *reached], binary=True)
    claimed = cursor.fetchall()
    rows = read_rows(cursor, [row[:-1] for row in claimed], strings)
    for merchant_no, order_id, *_, trace in claimed:
        if trace is not None:
            rows[merchant_no, order_id].trace = trace
    return [rows[key] for key in sorted(rows)]
