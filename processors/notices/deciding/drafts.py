"""A change of points, and the notices that it makes."""

from dataclasses import dataclass

from rules.notices.deciding import Decided
from schemas.notices.ids import notice_id
from schemas.notices.points_change import PointsChange
from schemas.notices.words import State
from store.notices.deciding.deciding import NewNotice
from store.notices.members.members import Member


@dataclass(slots=True)
class Draft:
    """A change and the notices that it makes."""

    change: PointsChange
    merchant_no: int
    decided: tuple[Decided, ...]

    @property
    def member(self) -> Member:
        """Whose it is."""
        return self.merchant_no, self.change.member_id

    @property
    def waits(self) -> bool:
        """Whether the member would hear of it, as far as is known."""
        return any(each.state is State.waiting for each in self.decided)


def notice_of(draft: Draft, decided: Decided, sealed: bytes | None) -> NewNotice:
    """One of its notices; `sealed` is the free text."""
    change = draft.change
    return NewNotice(
        notice_id(change.event_id, decided.channel, decided.kind, change.recorded_us),
        change.event_id,
        draft.merchant_no,
        change.member_id,
        decided.kind,
        decided.channel,
        change.recorded_us,
        decided.state,
        decided.why,
        change.points,
        change.points,
        change.sequence,
        change.available,
        change.sequence,
        change.expires_us,
        change.order_id,
        sealed,
        decided.not_before,
        decided.give_up,
    )
