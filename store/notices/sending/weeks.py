"""The table of the week in which some notices lie.

An update by id of the table of all weeks opens every week's table and its indexes, 58 where notices
are kept for 400 days, though each row is looked up in one: that doubled what a chunk cost.
"""

from typing import Final
from uuid import UUID

ALL_WEEKS: Final = "notice"
_WEEK_MS: Final = 7 * 86_400_000
_MONDAY_MS: Final = 4 * 86_400_000
"""1970-01-05, from which weeks are counted, as `ensure_partition` does."""


def table_of(least: UUID, greatest: UUID) -> str:
    """Where notices with ids from one to another lie. Only of notices that are there."""
    week = _week_of(least)
    return f"{ALL_WEEKS}_w{week:05}" if week == _week_of(greatest) else ALL_WEEKS


def _week_of(notice_id: UUID) -> int:
    return ((notice_id.int >> 80) - _MONDAY_MS) // _WEEK_MS
