"""Which order named a tracking number, as far as a worker remembers it: most looks are spared."""

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.ids import NEVER, Micros
from store.carriers import tracking
from store.carriers.tracking import NumberKey, TrackingRow

REMEMBERED = 20_000
"""Claims that a worker remembers, twice over: an order names its number in every record."""
_UNKNOWN: Final = (b"", NEVER)


class KnownClaims:
    """Claims that are committed, so that they hold for ever: a claim is never taken back."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        # None: the number is crowded, further claims are not kept and do not matter.
        self._newer: dict[NumberKey, tuple[bytes, Micros] | None] = {}
        self._older: dict[NumberKey, tuple[bytes, Micros] | None] = {}

    def has(self, number: NumberKey, order_id: bytes, at: Micros) -> bool:
        """Whether the order is known to have named the number by then, or it does not matter."""
        claimed = self._newer.get(number, _UNKNOWN)
        if claimed is _UNKNOWN:
            claimed = self._older.get(number, _UNKNOWN)
        return claimed is None or (claimed[0] == order_id and claimed[1] <= at)

    def remember(self, row: TrackingRow) -> None:
        """Remembers what a row of committed claims says."""
        if row.claims:
            newest = next(reversed(row.claims.items()))
            self._newer[row.key] = None if row.flags & tracking.CROWDED else newest

    def committed(
        self, rows: Iterable[TrackingRow], new: Mapping[NumberKey, tuple[bytes, Micros]]
    ) -> None:
        """A batch was committed: its rows, and numbers that only one order has named."""
        if len(self._newer) >= REMEMBERED:
            self._newer, self._older = {}, self._newer
        for row in rows:
            self.remember(row)
        self._newer |= new
