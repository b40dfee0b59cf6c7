"""Notices that wait, in the hands of senders: who is next, who has it, what is written now.

A notice is *claimed* while nothing was sent of it, and *sending* from before the first byte of a
request. Both are a sender's for the time of its lease only.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer

from schemas.ids import DAY, Micros
from schemas.notices.ids import first_id
from schemas.notices.words import Channel, Kind, State
from store.notices.members.members import Member
from store.notices.sending.weeks import ALL_WEEKS, statements_of, table_of
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.session import Answer, Cursor

_ROW: Final = Columns(
    tables.notices.notice,
    "notice_id", "event_id", "merchant_no", "member_id", "kind", "channel", "state", "attempt",
    "points", "balance", "sequence", "expires_us", "order_id", "sealed_reason", "decided_us",
    "give_up_us", "asked_us", "provider", "changed_us",
)  # fmt: skip
_MARKED: Final = Columns(tables.notices.notice, "provider", "parts", "month", "address_hmac")
_KEYED: Final = _MARKED.plus("notice_id", "sequence", Column("claimed_us", BigInteger))
_SHARE: Final = Columns(tables.notices.notice, "merchant_no", Column("places", Integer))
_ATTEMPT: Final = Columns(tables.notices.notice, "notice_id", "attempt")
_NAMING: Final = statements_of(
    "notices/sending/queue", row=_ROW, marked=_MARKED, keyed=_KEYED, share=_SHARE, attempt=_ATTEMPT
)
_SQL: Final = _NAMING(ALL_WEEKS)


RESENT_WITHIN: Final[Micros] = 7 * DAY
"""What was recorded longer ago is not sent again by hand: nobody would know what it is about."""


def reach(wait_us: Micros, too_old_us: Micros) -> Micros:
    """How long ago the oldest notice that may wait was recorded.

    It is decided, or sent again by hand, after some days, and then waits `wait_us` at most.
    """
    return max(RESENT_WITHIN, too_old_us) + wait_us + DAY


class DueShop(NamedTuple):
    """A shop with notices that may go now. `since`: when its oldest one could have gone."""

    merchant_no: int
    since: Micros


class Taken(NamedTuple):
    """A notice in a sender's hands, as it was when it was taken.

    `changed_us`: since when it was so. Whoever takes it once more finds a later instant.
    """

    notice_id: UUID
    event_id: UUID
    merchant_no: int
    member_id: str
    kind: Kind
    channel: Channel
    state: State
    attempt: int
    points: int
    balance: int
    sequence: int
    expires_us: Micros | None
    order_id: str | None
    sealed_reason: bytes | None
    decided_us: Micros
    give_up_us: Micros
    asked_us: Micros | None
    provider: str | None
    changed_us: Micros
    merchant_id: str
    now: Micros

    @property
    def member(self) -> Member:
        """Whom it tells."""
        return self.merchant_no, self.member_id


class Mark(NamedTuple):
    """What is to be written down of a notice before its request is made.

    `sequence`: which figures its text has. `month`: what it is metered under, in the shop's zone.
    `claimed_us`: when it was taken in hand, as `Taken.changed_us` has it.
    """

    notice_id: UUID
    sequence: int
    provider: str
    parts: int | None
    month: int
    address_hmac: bytes | None
    claimed_us: Micros


class Marked(NamedTuple):
    """A notice of which a request may be made now.

    `asked_us`: when the first request was made that may have arrived; `at` if it is this one.
    `claimed_us`: which taking in hand it is of.
    """

    notice_id: UUID
    attempt: int
    asked_us: Micros
    at: Micros
    claimed_us: Micros


def least_id(now: Micros, reach_us: int) -> UUID:
    """The least id that a waiting notice can have: weeks before it are not looked at."""
    return first_id(now - reach_us)


def due_shops(cursor: Cursor, channel: Channel, least: UUID) -> list[DueShop]:
    """The shops that have something to send on a channel, by number."""
    rows = cursor.execute(_SQL["due_shops"], [channel.value, least]).fetchall()
    return [DueShop(*row[:2]) for row in rows]


def claim(
    cursor: Cursor,
    channel: Channel,
    shares: Sequence[tuple[int, int]],
    sender: str,
    lease_us: int,
    least: UUID,
) -> list[Taken]:
    """Takes the oldest notices of shops (number, how many at most) into a sender's hands."""
    if not shares:
        return []
    rows = cursor.execute(
        _SQL["claim"], [channel.value, least, *_SHARE.arrays(shares), sender, lease_us]
    ).fetchall()
    return [_taken(row) for row in rows]


def mark(
    cursor: Cursor, marks: Sequence[Mark], sender: str, lease_us: int, least: UUID
) -> Answer[dict[UUID, Marked]]:
    """Says that requests may be made, to be committed before the first one is.

    Only of notices that are still this sender's since they were taken, unchanged; the others are
    left out.
    """
    if not marks:
        return dict
    ordered = sorted(marks, key=lambda mark: (mark.notice_id, mark.claimed_us))
    rows = [
        (
            m.provider.encode(),
            m.parts,
            m.month,
            m.address_hmac,
            m.notice_id.bytes,
            m.sequence,
            m.claimed_us,
        )
        for m in ordered
    ]
    mark = _NAMING(table_of(ordered[0].notice_id, ordered[-1].notice_id))["mark"]
    cursor.execute(mark, [sender, least, lease_us, *_KEYED.arrays(rows)])
    return lambda: {row[0]: Marked(*row) for row in cursor.fetchall()}


def still_ours(cursor: Cursor, marked: Sequence[Marked]) -> set[UUID]:
    """Those whose request may still be made, as the table says."""
    if not marked:
        return set()
    ids = [each.notice_id for each in marked]
    attempts = [(each.notice_id.bytes, each.attempt) for each in marked]
    still_ours = _NAMING(table_of(min(ids), max(ids)))["still_ours"]
    rows = cursor.execute(still_ours, _ATTEMPT.arrays(attempts)).fetchall()
    return {notice_id for (notice_id,) in rows}


def stale(cursor: Cursor, least: UUID, limit: int) -> list[Taken]:
    """Locks what senders have left in their hands beyond their leases, oldest first."""
    return [_taken(row) for row in cursor.execute(_SQL["stale"], [least, limit]).fetchall()]


def overdue(
    cursor: Cursor, channel: Channel, least: UUID, youngest: UUID, limit: int
) -> list[Taken]:
    """Locks what could not go out in time. `youngest`: an id above which nothing can be overdue."""
    rows = cursor.execute(_SQL["overdue"], [channel.value, least, youngest, limit]).fetchall()
    return [_taken(row) for row in rows]


def _taken(row: tuple[object, ...]) -> Taken:
    taken = Taken(*row)  # type: ignore[arg-type]  # as the columns are declared
    return taken._replace(
        kind=Kind(taken.kind), channel=Channel(taken.channel), state=State(taken.state)
    )
