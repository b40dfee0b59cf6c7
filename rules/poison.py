"""When too much is unreadable to go on, and how much of it is kept (architecture.md 2.6).

A bad deploy must not drain a topic into the dead letters, and one merchant's flood must not fill
the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Poisoned(NamedTuple):
    """One unreadable record: its place in its partition's count of records, and its merchant.

    The merchant is None where the record names none.
    """

    position: int
    merchant_id: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """So many in a row, or this share of the last `window` records.

    They must come from at least `merchants` merchants. Each partition is judged by itself: only
    there is "in a row" the same for everybody.

    Of one merchant's poison, `kept_bytes` a day are kept; what is beyond is counted.
    """

    in_a_row: int
    window: int
    share: float
    merchants: int
    kept_bytes: int

    @property
    def reach(self) -> int:
        """How many of a partition's records are looked at."""
        return max(self.window, self.in_a_row)


COST = 1024
"""What a record costs apart from its own bytes: its row, its index entries, its dead letter."""


class Share:
    """What is left today of the bytes that one merchant's poison may take."""

    def __init__(self, limits: Limits, taken: int) -> None:
        """`taken`: the cost of what was kept today."""
        self.left = limits.kept_bytes - taken
        self.kept = self.kept_bytes = self.counted = self.counted_bytes = 0

    def keeps(self, size: int) -> bool:
        """Whether a record of `size` bytes is kept; else it is counted."""
        cost = size + COST
        if self.left <= 0:
            self.counted += 1
            self.counted_bytes += size
            return False
        self.left -= cost
        self.kept += 1
        self.kept_bytes += cost
        return True


def too_much(poison: Sequence[Poisoned], limits: Limits) -> str | None:
    """Why the pipeline must pause, in words; None when it may go on.

    `poison` is sorted by position.

    One merchant's broken integration never counts: the records must come from several merchants, or
    from none.
    """
    run = _longest_run(poison, limits)
    if run >= limits.in_a_row:
        return f"{run} unreadable records in a row"
    dense = _densest(poison, limits)
    if dense is not None:
        return f"{dense} of {limits.window} records are unreadable"
    return None


def _is_broad(part: Sequence[Poisoned], limits: Limits, needed: int) -> bool:
    merchants = {p.merchant_id for p in part if p.merchant_id is not None}
    nameless = sum(1 for p in part if p.merchant_id is None)
    return len(merchants) >= limits.merchants or nameless >= needed


def _longest_run(poison: Sequence[Poisoned], limits: Limits) -> int:
    start = 0
    for end in range(1, len(poison) + 1):
        if end < len(poison) and poison[end].position == poison[end - 1].position + 1:
            continue
        if end - start >= limits.in_a_row and _is_broad(poison[start:end], limits, limits.in_a_row):
            return end - start
        start = end
    return 0


def _densest(poison: Sequence[Poisoned], limits: Limits) -> int | None:
    needed = max(1, int(limits.window * limits.share))
    start = 0
    for end, last in enumerate(poison):
        while poison[start].position <= last.position - limits.window:
            start += 1
        enough = end - start + 1 >= needed and last.position >= limits.window
        if enough and _is_broad(poison[start : end + 1], limits, needed):
            return end - start + 1
    return None
