"""What a member's notices say, as one change after the other makes it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from rules.notices.present import OrderChange, left_of
from rules.notices.shop import ShopInForce
from schemas.notices.points_change import PointsChange
from schemas.notices.words import Kind, State, Why
from store.notices.deciding.deciding import Brought, NewNotice, Standing
from store.notices.members.members import Member

_OF_ORDERS = frozenset({Kind.earned, Kind.earned_more, Kind.corrected})
"""Kinds about what an order earned; `corrected` is what was taken back of it."""
_OPEN = frozenset({State.waiting, State.claimed})


def bring_together(
    changes: Sequence[PointsChange],
    shops: Mapping[str, ShopInForce],
    notices: Sequence[NewNotice],
    there: Mapping[Member, Sequence[Standing]],
) -> list[Brought]:
    """Gives new notices the present figures, and says those of the ones that are there and wait.

    A member's notices tell the newest balance; those about an order tell what is left of what it
    brought. So a batch comes out as one change after the other would.
    """
    of_members: defaultdict[Member, list[PointsChange]] = defaultdict(list)
    for change in changes:
        of_members[shops[change.merchant_id].merchant_no, change.member_id].append(change)
    moved = {member for member, mine in of_members.items() if len(mine) > 1 or member in there}
    if not moved:
        return []
    news: defaultdict[Member, list[NewNotice]] = defaultdict(list)
    for notice in notices:
        member = notice.merchant_no, notice.member_id
        if member in moved:
            news[member].append(notice)
    brought: list[Brought] = []
    for member in sorted(moved):
        brought += _of_member(of_members[member], news[member], there.get(member, ()))
    return brought


def _of_member(
    changes: Sequence[PointsChange], news: Iterable[NewNotice], there: Sequence[Standing]
) -> list[Brought]:
    """Gives a member's new notices their figures; those of the ones that are there and change."""
    known = {each.notice_id for each in there}
    before = {each.notice_id: _figures(each) for each in there if each.state in _OPEN}
    figures = _Figures(there)
    made: defaultdict[UUID, list[NewNotice]] = defaultdict(list)
    for notice in news:
        if notice.notice_id not in known:
            made[notice.event_id].append(notice)
    for change in changes:
        figures.take(change, made.pop(change.event_id, ()))
    figures.end()
    return [
        Brought(each.notice_id, *_figures(each), gone=each.state is State.withdrawn)
        for each in there
        if each.notice_id in before and before[each.notice_id] != _figures(each)
    ]


def _figures(notice: NewNotice | Standing) -> tuple[int, int, int]:
    return notice.points, notice.balance, notice.sequence


class _Figures:
    """The figures of a member's notices, as one change after the other makes them.

    All that wait know the same newest event, so it is written down where one waits no more.
    """

    def __init__(self, there: Iterable[Standing]) -> None:
        self._open: dict[UUID, NewNotice | Standing] = {}
        self._of_orders: defaultdict[str, list[NewNotice | Standing]] = defaultdict(list)
        self._newest = (0, 0)  # sequence and balance
        for notice in there:
            self._add(notice)

    def take(self, change: PointsChange, made: Iterable[NewNotice]) -> None:
        """Takes one change and the notices that it makes."""
        if not self._open:
            self._newest = (0, 0)
        for notice in made:
            self._add(notice)
        about = self._of_orders.get(change.order_id, ()) if change.order_id is not None else ()
        told = [(each.sequence, each.balance) for each in about]
        self._newest = max(self._newest, (change.sequence, change.available), *told)
        if about:
            self._take_back(about)

    def end(self) -> None:
        """Every notice that still waits knows the newest event."""
        for notice in self._open.values():
            notice.sequence, notice.balance = self._newest

    def _add(self, notice: NewNotice | Standing) -> None:
        if notice.state in _OPEN:
            self._open[notice.notice_id] = notice
            self._newest = max(self._newest, (notice.sequence, notice.balance))
        if notice.order_id is not None:
            self._of_orders[notice.order_id].append(notice)

    def _take_back(self, about: Sequence[NewNotice | Standing]) -> None:
        """What waits and is about an order tells what is left of it."""
        left = _left_by_event(about)
        for notice in about:
            if notice.notice_id not in self._open or notice.event_id not in left:
                continue
            notice.points = left[notice.event_id]
            if not notice.points:
                del self._open[notice.notice_id]
                notice.state = State.withdrawn
                notice.sequence, notice.balance = self._newest
                if isinstance(notice, NewNotice):
                    notice.why = Why.taken_back


def _left_by_event(notices: Iterable[NewNotice | Standing]) -> Mapping[UUID, int]:
    """What is left of each change that gave an order's points; the notices are of one order."""
    return left_of(
        # A change has a notice for each channel, with the same figures.
        OrderChange(each.event_sequence, each.event_id, each.event_points)
        for each in notices
        if each.kind in _OF_ORDERS
    )
