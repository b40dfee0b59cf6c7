"""What the read model says of members, read from committed rows of PostgreSQL, many at a time."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Column, LargeBinary

from schemas.ids import Micros, iso, iso_or_none
from schemas.packing import pack_id, unpack_id
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.valkey.keys import MemberKey

_MEMBER: Final = Columns(tables.merchant, "merchant_id", Column("member", LargeBinary))
_STATE: Final = (
    "a.member, a.account_no, a.sequence, a.held, a.debt, l.expires, l.points, "
    "h.ids, h.points, h.expires"
)
# No free lot expires before next_expiry, so that what was spent long ago is not walked over. A lot
# that has lapsed and is not posted yet counts until it is: readers compare with their own now.
_PARTS: Final = """\
CROSS JOIN LATERAL (
SELECT array_agg(f.expires_us ORDER BY f.expires_us), array_agg(f.points ORDER BY f.expires_us)
FROM (SELECT x.expires_us, sum(x.remaining - x.held)::bigint FROM lot x
      WHERE x.account_no = a.account_no AND x.merchant_no = a.merchant_no
        AND x.expires_us >= a.next_expiry AND x.remaining > x.held
      GROUP BY x.expires_us) f (expires_us, points)) l (expires, points)
CROSS JOIN LATERAL (
SELECT array_agg(x.hold_id ORDER BY x.expires_us, x.hold_id),
       array_agg(x.points ORDER BY x.expires_us, x.hold_id),
       array_agg(x.expires_us ORDER BY x.expires_us, x.hold_id)
FROM hold x
WHERE x.account_no = a.account_no AND x.merchant_no = a.merchant_no AND x.state = 1
) h (ids, points, expires)"""
_SQL: Final = queries("valkey/states", member=_MEMBER, state=_STATE, parts=_PARTS)

NO_ACCOUNT: Final = -1
"""The sequence of a member without an account: below that of every account."""


class FreePoints(NamedTuple):
    """Free points of the lots that expire at one instant (NEVER: of those that do not)."""

    expires_at: Micros
    points: int


class LiveHold(NamedTuple):
    """A hold that no posting has ended, timed out or not."""

    hold_id: str
    points: int
    expires_at: Micros


class BalanceState(NamedTuple):
    """A member's posted points at a sequence, and when they lapse: a value of the read model."""

    member: MemberKey
    sequence: int
    held: int = 0
    debt: int = 0
    lots: tuple[FreePoints, ...] = ()
    holds: tuple[LiveHold, ...] = ()

    def value(self) -> bytes:
        """The JSON of account.md 9. The sequence comes first, where write.lua looks for it."""
        return orjson.dumps(
            {
                "sequence": self.sequence,
                "held": self.held,
                "debt": self.debt,
                "lots": [
                    {"expires_at": iso_or_none(lot.expires_at), "points": lot.points}
                    for lot in self.lots
                ],
                "holds": [
                    {"hold_id": h.hold_id, "points": h.points, "expires_at": iso(h.expires_at)}
                    for h in self.holds
                ],
            }
        )


class Page(NamedTuple):
    """States of some accounts in the order of their numbers, and the number of the last."""

    states: list[BalanceState]
    last: int


def of_members(cursor: Cursor, members: Sequence[MemberKey]) -> list[BalanceState]:
    """The states of some members, in no order; of one without an account NO_ACCOUNT."""
    if not members:
        return []
    cursor.execute(_SQL["of_members"], _asked(members), binary=True)
    found = {state.member: state for state in map(_state, cursor.fetchall())}
    return [found.get(member) or BalanceState(member, NO_ACCOUNT) for member in members]


def page(cursor: Cursor, after: int, last: int, limit: int) -> Page:
    """Up to `limit` accounts with numbers above `after` and up to `last`."""
    cursor.execute(_SQL["page"], [after, last, limit], binary=True)
    rows = cursor.fetchall()
    return Page([_state(row) for row in rows], int(rows[-1][2]) if rows else last)


def sequences(cursor: Cursor, members: Sequence[MemberKey]) -> dict[MemberKey, int]:
    """The present sequences of some members; NO_ACCOUNT of one without an account."""
    if not members:
        return {}
    found = dict.fromkeys(members, NO_ACCOUNT)
    for merchant_id, member, sequence in cursor.execute(
        _SQL["sequences"], _asked(members), binary=True
    ).fetchall():
        found[MemberKey(merchant_id, unpack_id(member))] = sequence
    return found


def count(cursor: Cursor, after: int, last: int) -> int:
    """How many accounts have numbers above `after` and up to `last`."""
    row = cursor.execute(_SQL["count"], [after, last]).fetchone()
    return int(row[0]) if row else 0


def _asked(members: Iterable[MemberKey]) -> list[Any]:
    return _MEMBER.arrays([(m.merchant_id.encode(), pack_id(m.member_id)) for m in members])


def _state(row: Sequence[Any]) -> BalanceState:
    merchant_id, member, _, sequence, held, debt, expires, points, ids, of_holds, ends = row
    return BalanceState(
        MemberKey(merchant_id, unpack_id(member)),
        sequence,
        held,
        debt,
        tuple(map(FreePoints, expires or (), points or ())),
        tuple(map(LiveHold, (i.decode() for i in ids or ()), of_holds or (), ends or ())),
    )
