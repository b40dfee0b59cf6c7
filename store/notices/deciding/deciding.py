"""Notices as they are decided: what is asked for first, and what is written, a batch at a time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, Column

from rules.notices.deciding import Reach
from schemas.ids import DAY, Micros
from schemas.notices.ids import first_id
from schemas.notices.words import Channel, Kind, State, Why
from store.notices.members.members import MEMBER, Member, arrays_of
from store.postgres.arrays import int8s
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.tables import notices as tables

_ASKED: Final = Columns(tables.notice, "merchant_no", "member_id", "order_id")
_ROW: Final = Columns(
    tables.notice,
    "notice_id", "event_id", "merchant_no", "member_id", "kind", "channel", "recorded_us", "state",
    "reason", "points", "event_points", "event_sequence", "balance", "sequence", "expires_us",
    "order_id", "sealed_reason", "not_before_us", "give_up_us",
)  # fmt: skip
_BROUGHT: Final = Columns(
    tables.notice, "notice_id", "points", "balance", "sequence", Column("gone", Boolean)
)
_SQL: Final = queries(
    "notices/deciding/deciding", member=MEMBER, asked=_ASKED, row=_ROW, brought=_BROUGHT
)
_KINDS: Final = {kind: kind.value.encode() for kind in Kind}
_CHANNELS: Final = {channel: channel.value.encode() for channel in Channel}
_STATES: Final = {state: state.value.encode() for state in State}
_REASONS: Final[dict[Why | None, bytes | None]] = {None: None}
_REASONS.update({why: why.value.encode() for why in Why})


@dataclass(slots=True)
class NewNotice:
    """A notice that an event makes. `points`, `balance` and `sequence` are the present figures."""

    notice_id: UUID
    event_id: UUID
    merchant_no: int
    member_id: str
    kind: Kind
    channel: Channel
    recorded_us: Micros
    state: State
    why: Why | None
    points: int
    event_points: int
    event_sequence: int
    balance: int
    sequence: int
    expires_us: Micros | None
    order_id: str | None
    sealed_reason: bytes | None
    not_before_us: Micros
    give_up_us: Micros


@dataclass(slots=True)
class Standing:
    """A notice that is there already: it waits, or is about an order in hand."""

    notice_id: UUID
    event_id: UUID
    merchant_no: int
    member_id: str
    kind: Kind
    state: State
    attempt: int
    channel: Channel
    points: int
    event_points: int
    event_sequence: int
    balance: int
    sequence: int
    order_id: str | None


class Brought(NamedTuple):
    """The present figures of a notice that is not out yet; `gone`: nothing is left to tell."""

    notice_id: UUID
    points: int
    balance: int
    sequence: int
    gone: bool


def reach(cursor: Cursor, members: Collection[Member]) -> dict[Member, Reach]:
    """How these members are reached: those of whom something was heard."""
    if not members:
        return {}
    cursor.execute(_SQL["reach"], arrays_of(members))
    return {
        (number, member): Reach(
            mail, phone, frozenset() if out is None else frozenset((c, k) for c, k in out)
        )
        for number, member, mail, phone, out in cursor.fetchall()
        if mail is not None or out is not None
    }


def standing(
    cursor: Cursor, asked: Iterable[tuple[int, str, str | None]], since: Micros
) -> dict[Member, list[Standing]]:
    """Of members (with an order each, or none) the notices that wait or are about the order.

    Of those whose events were recorded since an instant: older ones wait no more.
    """
    rows = [
        (number, member.encode(), None if order is None else order.encode())
        for number, member, order in asked
    ]
    if not rows:
        return {}
    cursor.execute(_SQL["standing"], [first_id(since), *_ASKED.arrays(rows)])
    found: defaultdict[Member, dict[UUID, Standing]] = defaultdict(dict)
    for row in cursor.fetchall():
        notice_id, event_id, number, member, kind, state, attempt, channel, *figures = row
        found[number, member][notice_id] = Standing(
            notice_id, event_id, number, member,
            Kind(kind), State(state), attempt, Channel(channel), *figures,
        )  # fmt: skip
    return {member: list(notices.values()) for member, notices in found.items()}


def add(cursor: Cursor, notices: Sequence[NewNotice], now: Micros) -> set[UUID] | None:
    """Writes notices, and makes the partitions of their weeks.

    None when all of them are new; else the ids of those that are: what is there stays as it is.
    """
    if not notices:
        return None
    # One order for all who write, so that two workers with the same events wait for one another.
    rows = sorted(notices, key=attrgetter("notice_id.int"))
    days = {row.recorded_us // DAY: row.recorded_us for row in rows}
    cursor.execute(_SQL["ensure_partitions"], [int8s(sorted(days.values()))])
    cursor.execute(_SQL["add"], [now, len(rows), *_ROW.arrays_of(_values(rows))])
    found = cursor.fetchone()
    return None if found is None or found[0] is None else set(found[0])


def _values(rows: Sequence[NewNotice]) -> dict[str, Sequence[object]]:
    return {
        "notice_id": [row.notice_id.bytes for row in rows],
        "event_id": [row.event_id.bytes for row in rows],
        "merchant_no": [row.merchant_no for row in rows],
        "member_id": [row.member_id.encode() for row in rows],
        "kind": [_KINDS[row.kind] for row in rows],
        "channel": [_CHANNELS[row.channel] for row in rows],
        "recorded_us": [row.recorded_us for row in rows],
        "state": [_STATES[row.state] for row in rows],
        "reason": [_REASONS[row.why] for row in rows],
        "points": [row.points for row in rows],
        "event_points": [row.event_points for row in rows],
        "event_sequence": [row.event_sequence for row in rows],
        "balance": [row.balance for row in rows],
        "sequence": [row.sequence for row in rows],
        "expires_us": [row.expires_us for row in rows],
        "order_id": [None if row.order_id is None else row.order_id.encode() for row in rows],
        "sealed_reason": [row.sealed_reason for row in rows],
        "not_before_us": [row.not_before_us for row in rows],
        "give_up_us": [row.give_up_us for row in rows],
    }


def bring_up(cursor: Cursor, figures: Sequence[Brought], since: Micros) -> set[UUID]:
    """Gives notices that are not out yet their present figures; the ids of those withdrawn.

    What was handed out meanwhile, or knows a newer event, stays as it is.
    """
    if not figures:
        return set()
    rows = [(each.notice_id.bytes, *each[1:]) for each in figures]
    cursor.execute(_SQL["bring_up"], [first_id(since), *_BROUGHT.arrays(rows)])
    return {notice_id for notice_id, gone in cursor.fetchall() if gone}
