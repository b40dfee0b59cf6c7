"""Which notices that end as they are decided are published."""

from collections.abc import Iterable, Mapping

from schemas.ids import Micros
from schemas.notices.words import State, Why
from store.notices.deciding.deciding import NewNotice, Standing
from store.notices.sending.settling import Ended

PUBLISHED = frozenset({Why.opted_out, Why.no_address, Why.taken_back})
"""Why a notice ended as it was decided, where that is published: a member would have been told.
What the shop itself has switched off, or is too old, is in the table alone: it would be a record
for each change of points.
"""


def ended_of(
    new: Iterable[NewNotice],
    withdrawn: Iterable[Standing],
    merchants: Mapping[int, str],
    now: Micros,
) -> list[Ended]:
    """What is published: notices that somebody would have had, and does not."""
    ended = [
        Ended(
            notice.notice_id, notice.event_id, merchants[notice.merchant_no], notice.member_id,
            notice.kind, notice.channel, notice.state, notice.why, None, 0, now,
        )
        for notice in new
        if notice.why in PUBLISHED
    ]  # fmt: skip
    return ended + [
        Ended(
            each.notice_id, each.event_id, merchants[each.merchant_no], each.member_id,
            each.kind, each.channel, State.withdrawn, Why.taken_back, None, each.attempt, now,
        )
        for each in withdrawn
    ]  # fmt: skip
