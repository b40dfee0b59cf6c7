"""Notices that are sent once more by hand, with the present figures.

While they did not wait nobody brought them up to date: what an order gave may have been taken back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from rules.notices.present import OrderChange, left_of
from store.notices.deciding import deciding
from store.notices.deciding.deciding import Brought
from store.notices.sending import settling
from store.postgres.arrays import uuids
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("notices/sending/resending")


def resend(
    cursor: Cursor, notice_ids: Sequence[UUID], within_us: Mapping[str, int], least_id: UUID
) -> list[UUID]:
    """As `settling.resend`; what was wholly taken back since is left as it is."""
    figures = _present(cursor, notice_ids, least_id)
    left = [each for each in notice_ids if each not in figures or figures[each].points > 0]
    done = settling.resend(cursor, left, within_us, least_id)
    deciding.bring_up(cursor, [figures[each] for each in sorted(done) if each in figures], 0)
    return done


def _present(cursor: Cursor, notice_ids: Sequence[UUID], least_id: UUID) -> Mapping[UUID, Brought]:
    """What those about orders tell now: what is left of it, and the newest balance of the order."""
    if not notice_ids:
        return {}
    ids = uuids([each.bytes for each in notice_ids])
    rows = cursor.execute(
        _SQL["of_orders"], [min(notice_ids), max(notice_ids), ids, least_id]
    ).fetchall()
    changes: defaultdict[tuple[UUID, UUID], set[OrderChange]] = defaultdict(set)
    newest: dict[UUID, tuple[int, int]] = {}
    for notice_id, event_id, *change, sequence, balance in rows:
        changes[notice_id, event_id].add(OrderChange(*change))
        newest[notice_id] = max(newest.get(notice_id, (0, 0)), (sequence, balance))
    return {
        notice_id: Brought(
            notice_id,
            left_of(of_order).get(event_id, 0),
            newest[notice_id][1],
            newest[notice_id][0],
            gone=False,
        )
        for (notice_id, event_id), of_order in changes.items()
    }
