"""Shops that use up the parts of SMS of a month: what is left of it, and since when nothing is.

What is sent counts from before its request, so that senders together keep to a limit. A notice is
left out for good only by what is owed: what is still being sent may come to nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from schemas.ids import Micros
from schemas.notices.words import Channel
from store.notices.sending import meter
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_LEFT_OUT: Final = Columns(
    tables.notices.limit_reached, "merchant_no", "month", "limit_parts", "skipped"
)
_SQL: Final = queries("notices/sending/limits", left_out=_LEFT_OUT)


class Parts(NamedTuple):
    """What a shop has used of a month: parts that are owed, and parts that are being sent."""

    owed: int
    in_hand: int


class LeftOut(NamedTuple):
    """Notices of a shop that did not fit into its month any more."""

    merchant_no: int
    month: int
    limit: int
    skipped: int


class Reached(NamedTuple):
    """A month's limit that was reached: which, when the first notice was left out, how many were.

    `limit` as it was then.
    """

    limit: int
    since: Micros
    skipped: int


def used(cursor: Cursor, months: Collection[tuple[int, int]], least: UUID) -> Mapping[int, Parts]:
    """What shops have used of their (number, month), by number, for one sender at a time.

    Others wait until the caller's transaction ends. `least`: no notice below it is being sent.
    """
    numbers = sorted({number for number, _ in months})
    cursor.execute(_SQL["hold"], [numbers])
    # In statements of their own, which see what whoever held it before has committed.
    rows = cursor.execute(_SQL["in_hand"], [numbers, least]).fetchall()
    in_hand = {(number, month): parts for number, month, parts in rows}
    owed = meter.used(cursor, Channel.sms, months)
    return {each[0]: Parts(owed.get(each, 0), in_hand.get(each, 0)) for each in months}


def leave_out(cursor: Cursor, left_out: Iterable[LeftOut]) -> set[int]:
    """Counts what was left out; the shops of which nothing had been in that month before."""
    rows = sorted(left_out)
    if not rows:
        return set()
    done = cursor.execute(_SQL["left_out"], _LEFT_OUT.arrays(rows)).fetchall()
    return {number for number, _, first in done if first}


def reached(cursor: Cursor, merchant_no: int, month: int) -> Reached | None:
    """Whether a shop used up a month such as 202611."""
    row = cursor.execute(_SQL["of_month"], [merchant_no, month]).fetchone()
    return None if row is None else Reached(*row)
