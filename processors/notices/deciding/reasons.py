"""Free texts of those who gave points, kept sealed for the member alone."""

from collections.abc import Collection, Sequence
from typing import Protocol, Self
from uuid import UUID

from schemas.notices.points_change import PointsChange
from store.notices.members import sealing
from store.notices.members.members import Member
from store.postgres.session import Cursor


class Seals(Protocol):
    """Seals members' texts, each under its member's own key; see store.notices.members.sealing."""

    def with_keys(self, cursor: Cursor, members: Collection[Member], *, create: bool) -> Self:
        """One with these members' keys, made where there are none."""

    def seal(self, merchant_no: int, member_id: str, field: str, text: str) -> bytes:
        """A text as only this member's key opens it."""


def seal_reasons(
    cursor: Cursor, seals: Seals | None, changes: Sequence[tuple[int, PointsChange]]
) -> dict[UUID, bytes]:
    """The free texts of these changes (each with its shop's number), sealed, by event."""
    texts = [
        (number, change.member_id, change.event_id, change.reason)
        for number, change in changes
        if change.reason is not None
    ]
    if seals is None or not texts:
        return {}
    members = {(number, member) for number, member, _, _ in texts}
    keyed = seals.with_keys(cursor, members, create=True)
    return {
        event_id: keyed.seal(number, member, sealing.REASON, text)
        for number, member, event_id, text in texts
    }
