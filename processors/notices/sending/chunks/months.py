"""Parts of SMS that shops may still use of their months, while a chunk is marked."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from processors.notices.sending.in_hand.hand import Ready
from processors.notices.sending.ports import Shop
from schemas.ids import Micros
from schemas.notices.words import Channel, Why
from store.notices.sending import limits
from store.notices.sending.limits import LeftOut, Parts
from store.notices.sending.settling import Ended
from store.postgres.session import Cursor


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A shop that used up its parts of a month (such as 202611); told once."""

    merchant_id: str
    month: int
    limit: int


@dataclass(frozen=True, slots=True)
class Month:
    """A shop's month with a limit of parts, and what was used of it."""

    shop: Shop
    month: int
    limit: int
    used: Parts


Limited = Mapping[int, tuple[Shop, int]]
"""Shops with a limit of parts, and that, by the shops' numbers."""


def limited_of(chunk: Sequence[Ready]) -> Limited:
    """The shops of a chunk whose SMS have a limit."""
    return {
        r.shop.merchant_no: (r.shop, r.shop.limit)
        for r in chunk
        if r.shop.limit is not None and r.taken.channel is Channel.sms
    }


def months_of(
    cursor: Cursor,
    limited: Limited,
    now: Micros,
    month_of: Callable[[Micros, str], int],
    least: UUID,
) -> dict[int, Month]:
    """The months of shops with a limit, by the shops' numbers; locked."""
    if not limited:
        return {}
    months = {no: month_of(now, shop.zone) for no, (shop, _) in limited.items()}
    used = limits.used(cursor, months.items(), least)
    return {no: Month(shop, months[no], limit, used[no]) for no, (shop, limit) in limited.items()}


def used_up(cursor: Cursor, ends: Sequence[Ended], months: Collection[Month]) -> list[LimitReached]:
    """Counts what was left out of months, and says which of them were used up just now."""
    skipped = Counter(each.merchant_id for each in ends if each.reason == Why.limit)
    of = [each for each in months if skipped[each.shop.merchant_id]]
    first = limits.leave_out(
        cursor,
        [LeftOut(m.shop.merchant_no, m.month, m.limit, skipped[m.shop.merchant_id]) for m in of],
    )
    return [
        LimitReached(m.shop.merchant_id, m.month, m.limit)
        for m in of
        if m.shop.merchant_no in first
    ]
