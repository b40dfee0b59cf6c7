"""The table of the week in which some notices lie.

An update by id of the table of all weeks opens every week's table and its indexes, 58 where notices
are kept for 400 days, though each row is looked up in one: that doubled what a chunk cost.
"""

from collections.abc import Callable
from functools import cache
from typing import Final
from uuid import UUID

from store.postgres.columns import Columns
from store.postgres.named_queries import queries

ALL_WEEKS: Final = "notice"
_WEEK_MS: Final = 7 * 86_400_000
_MONDAY_MS: Final = 4 * 86_400_000
"""1970-01-05, from which weeks are counted, as `ensure_partition` does."""


def statements_of(file: str, **lists: Columns | str) -> Callable[[str], dict[str, bytes]]:
    """The statements of a file as they are with a table in the place of `{notice}`."""

    @cache
    def naming(table: str) -> dict[str, bytes]:
        return queries(file, **lists, notice=table)

    return naming


def table_of(least: UUID, greatest: UUID) -> str:
    """Where notices with ids from one to another lie. Only of notices that are there."""
    week = _week_of(least)
    return f"{ALL_WEEKS}_w{week:05}" if week == _week_of(greatest) else ALL_WEEKS


def _week_of(notice_id: UUID) -> int:
    return ((notice_id.int >> 80) - _MONDAY_MS) // _WEEK_MS
