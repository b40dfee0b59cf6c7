"""Notices that are written once more, by hand or since a provider did not take them.

They tell the present figures. While they did not wait nobody brought them up to date: what an order
gave may have been taken back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from rules.notices.present import OrderChange, left_of
from schemas.ids import Micros
from store.notices.deciding import deciding, parked
from store.notices.deciding.deciding import Brought
from store.notices.reads import PIPELINE
from store.notices.sending import settling
from store.notices.sending.queue import Taken
from store.postgres.arrays import uuids
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("notices/sending/resending")


def resend(
    cursor: Cursor, notice_ids: Sequence[UUID], within_us: Mapping[str, int], least_id: UUID
) -> list[UUID]:
    """As `settling.resend`; what was wholly taken back since is left as it is.

    Whoever decides of changes meanwhile would take these for notices that do not wait, and we would
    not see what is taken back: so one of the two waits for the other.
    """
    cursor.execute(_SQL["hold_deciding"], [PIPELINE])
    parked.share(cursor)
    figures = _present(cursor, notice_ids, least_id)
    left = [each for each in notice_ids if each not in figures or figures[each].points > 0]
    done = settling.resend(cursor, left, within_us, least_id)
    deciding.bring_up(cursor, [figures[each] for each in sorted(done) if each in figures], 0)
    return done


def bring_up(
    cursor: Cursor, taken: Sequence[Taken], least_id: UUID, wait_us: Micros
) -> tuple[list[Taken], list[Taken]]:
    """Notices in a sender's hands with the present figures, and those with nothing left to tell.

    Only of those that were written before, or are sent again by hand: those were decided more than
    `wait_us` ago. All others were brought up to date while they waited.
    """
    again = [
        each.notice_id for each in taken if each.attempt or each.now - each.decided_us > wait_us
    ]
    figures = _present(cursor, again, least_id) if again else {}
    changed = {
        each.notice_id: figures[each.notice_id]
        for each in taken
        if each.notice_id in figures and figures[each.notice_id].points != each.points
    }
    left = [figure for figure in changed.values() if figure.points > 0]
    deciding.bring_up(cursor, sorted(left), 0)
    gone = [each for each in taken if each.notice_id in changed and not _is_left(changed, each)]
    return [_told(each, changed) for each in taken if _is_left(changed, each)], gone


def _is_left(changed: Mapping[UUID, Brought], taken: Taken) -> bool:
    return taken.notice_id not in changed or changed[taken.notice_id].points > 0


def _told(taken: Taken, changed: Mapping[UUID, Brought]) -> Taken:
    figure = changed.get(taken.notice_id)
    if figure is None:
        return taken
    return taken._replace(points=figure.points, balance=figure.balance, sequence=figure.sequence)


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
