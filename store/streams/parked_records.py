"""Records that are parked, by their coordinates, and why (I7).

A parked record has no effect yet: it waits for what its key names, a tracking number or an order.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from schemas.ids import DAY, Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams.cursors import PartitionId

KEPT: Micros = 180 * DAY
"""As long as what is parked may still count (rules.md 6)."""

UNMATCHED = "unmatched"
"""No order of the merchant, or of any, names the number."""
AMBIGUOUS = "ambiguous"
"""Several members' orders are meant by it, or so many orders that none is."""
OUT_OF_REACH = "out_of_reach"
"""The order that names the number is younger than the report, or 180 days lie between them."""
AWAITING_ORDER = "awaiting_order"
"""No merchant has the order that the report names."""

_RECORD: Final = Columns(
    tables.parked_record,
    "topic", "topic_uuid", "partition", "offset", "merchant_no", "reason", "key", "occurred_us",
)  # fmt: skip
_WAIT: Final = Columns(tables.parked_record, "key", "merchant_no", "occurred_us")
_REASON: Final = _WAIT.plus("reason")
_SQL: Final = queries("streams/parked_records", record=_RECORD, wait=_WAIT, reason=_REASON)

Wait = tuple[bytes, int, Micros]
"""What a parked record waits for: the key, the merchant that the record names, 0 for none, and when
it happened.
"""


class ParkedRecord(NamedTuple):
    """A record that a batch parks."""

    place: PartitionId
    offset: int
    wait: Wait
    reason: str


def put(cursor: Cursor, pipeline: str, records: Iterable[ParkedRecord], now: Micros) -> None:
    """Notes parked records, at least one."""
    rows = [
        (
            record.place.topic.encode(),
            record.place.topic_uuid.encode(),
            record.place.partition,
            record.offset,
            record.wait[1],
            record.reason.encode(),
            record.wait[0],
            record.wait[2],
        )
        for record in records
    ]
    cursor.execute(_SQL["put"], [pipeline, now, *_RECORD.arrays(rows)])


def settled(cursor: Cursor, waits: Iterable[Wait], out_of_reach: Collection[Wait] = ()) -> None:
    """What waited for these is parked no more.

    Those `out_of_reach` wait on: an order names their number by now, and cannot be meant.
    """
    rows = sorted(waits)
    if rows:
        cursor.execute(_SQL["settled"], _WAIT.arrays(rows))
    if out_of_reach:
        cursor.execute(_SQL["out_of_reach"], _WAIT.arrays(sorted(out_of_reach)))


def give_reasons(cursor: Cursor, reasons: Iterable[tuple[Wait, str]]) -> None:
    """Why what waits for these is still parked."""
    rows = sorted((*wait, reason.encode()) for wait, reason in reasons)
    if rows:
        cursor.execute(_SQL["reasons"], _REASON.arrays(rows))


def purge(cursor: Cursor, now: Micros, limit: int) -> None:
    """Forgets records that were parked 180 days ago."""
    cursor.execute(_SQL["purge"], [now - KEPT, limit])
