"""Who does not want to hear: by member, channel and kind, or `*` for all kinds.

They stay when a contact is erased. A bounce is of an address rather than of a member's wish: it
ends when the address is another.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.ids import Micros
from store.notices.members.members import Member, arrays_of
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Answer, Cursor
from store.postgres.tables import notices as tables

Source = Literal["link", "stop", "bounce", "complaint", "staff"]
"""Where it came from."""
OptedOut: TypeAlias = frozenset[tuple[str, str]]
"""(channel, kind or *) that a member does not want to hear."""

_MEMBER: Final = Columns(tables.optout, "merchant_no", "member_id")
_ROW: Final = _MEMBER.plus("channel", "kind", "source", "since_us")
_SQL: Final = queries("notices/members/optouts", member=_MEMBER, row=_ROW)


class OptOut(NamedTuple):
    """A member's wish not to hear on a channel, of a kind or (`*`) of anything."""

    merchant_no: int
    member_id: str
    channel: str
    kind: str
    source: Source
    since: Micros


OptOutKey: TypeAlias = tuple[int, str, str, str]
"""(shop's number, member id, channel, kind)."""


def opted_out(cursor: Cursor, members: Sequence[Member]) -> Answer[Mapping[Member, OptedOut]]:
    """Asks what each of these members does not want to hear; who wants all is left out."""
    if not members:
        return dict
    cursor.execute(_SQL["of_members"], arrays_of(members))
    return lambda: _wishes(cursor)


def _wishes(cursor: Cursor) -> Mapping[Member, OptedOut]:
    found: defaultdict[Member, set[tuple[str, str]]] = defaultdict(set)
    for merchant_no, member_id, channel, kind in cursor.fetchall():
        found[merchant_no, member_id].add((channel, kind))
    return {member: frozenset(wishes) for member, wishes in found.items()}


def add(cursor: Cursor, optouts: Iterable[OptOut]) -> set[OptOutKey]:
    """Keeps wishes; those that are new.

    A member's own wish takes the place of a bounce, which would end with the address.
    """
    newest: dict[OptOutKey, OptOut] = {}
    for each in optouts:
        key = each[:4]
        if key not in newest or newest[key].source == "bounce":
            newest[key] = each
    if not newest:
        return set()
    rows = [
        (no, member.encode(), channel.encode(), kind.encode(), source.encode(), since)
        for no, member, channel, kind, source, since in (newest[key] for key in sorted(newest))
    ]
    cursor.execute(_SQL["add"], _ROW.arrays(rows))
    return {(no, member, channel, kind) for no, member, channel, kind in cursor.fetchall()}


def remove(cursor: Cursor, merchant_no: int, member_id: str, channel: str, kind: str) -> bool:
    """Forgets a wish, as staff do for a member who asks for it. Whether there was one."""
    cursor.execute(_SQL["remove"], [merchant_no, member_id, channel, kind])
    return cursor.rowcount > 0


def of_member(cursor: Cursor, merchant_no: int, member_id: str) -> list[OptOut]:
    """A member's wishes, with where each came from and since when."""
    rows = cursor.execute(_SQL["of_member"], [merchant_no, member_id]).fetchall()
    return [OptOut(*row) for row in rows]


def end_bounces(cursor: Cursor, channel: str, members: Collection[Member]) -> int:
    """Forgets bounces of members whose address of a channel is another now. How many."""
    if not members:
        return 0
    cursor.execute(_SQL["end_bounces"], [channel, *arrays_of(members)])
    return cursor.rowcount
