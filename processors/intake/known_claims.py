"""Which order named a tracking number, as far as a worker remembers it: most looks are spared."""

from collections.abc import Iterable, Mapping
from typing import Final

from store.carriers import tracking
from store.carriers.tracking import TrackingRow
from store.orders.orders import OrderKey

REMEMBERED = 20_000
"""Claims that a worker remembers, twice over: an order names its number in every record."""
_UNKNOWN: Final[OrderKey] = (-1, b"")


class KnownClaims:
    """Claims that are committed, so that they hold for ever: a claim is never taken back."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        # None: the number is crowded, further claims are not kept and do not matter.
        self._newer: dict[bytes, OrderKey | None] = {}
        self._older: dict[bytes, OrderKey | None] = {}

    def has(self, number: bytes, key: OrderKey) -> bool:
        """Whether the order's claim is known, or does not matter since the number is crowded."""
        claimed = self._newer.get(number, _UNKNOWN)
        if claimed is _UNKNOWN:
            claimed = self._older.get(number, _UNKNOWN)
        return claimed == key or claimed is None

    def remember(self, row: TrackingRow) -> None:
        """Remembers what a row of committed claims says."""
        if row.claims:
            self._newer[row.number] = None if row.flags & tracking.CROWDED else row.claims[-1]

    def committed(self, rows: Iterable[TrackingRow], new: Mapping[bytes, OrderKey]) -> None:
        """A batch was committed: its rows, and numbers that only one order has named."""
        if len(self._newer) >= REMEMBERED:
            self._newer, self._older = {}, self._newer
        for row in rows:
            self.remember(row)
        self._newer |= new
