"""Points that lapse: the only thing of the ledger that the lane reads, through a view.

It is asked twice, when a reminder is decided and when it is sent: spent points are warned of by
nobody.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import Column, LargeBinary

from schemas.ids import Micros
from schemas.packing import pack_id, unpack_id
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.tables import notices as tables

Lapse: TypeAlias = tuple[int, str, Micros]
"""(the lane's number of a shop, member id, the exclusive instant at which the points lapse)."""

_ASKED: Final = Columns(
    tables.notice, "merchant_no", "member_id", Column("member", LargeBinary), "expires_us"
)
_SQL: Final = queries("notices/deciding/expiring", asked=_ASKED)
ACCOUNT_BITS: Final = 40
"""Of an account's number, the lower bits count the shop's accounts; the upper are the shop's."""


class Lapsing(NamedTuple):
    """A member's free points that lapse at one instant, with the posted balance and sequence."""

    account_no: int
    member_id: str
    available: int
    sequence: int
    expires_us: Micros
    points: int


def reminded(cursor: Cursor) -> list[tuple[int, str]]:
    """The shops, by number and id, whose members are reminded."""
    return cursor.execute(_SQL["reminded"]).fetchall()


def try_turn(cursor: Cursor) -> bool:
    """Whether this transaction may look for points that lapse: one does at a time."""
    row = cursor.execute(_SQL["try_turn"]).fetchone()
    return bool(row and row[0])


def looked(cursor: Cursor, merchant_no: int) -> dict[int, Micros]:
    """Of a shop by days before: until which instant lapsing points were looked at."""
    return dict(cursor.execute(_SQL["looked"], [merchant_no]).fetchall())


def look(cursor: Cursor, merchant_no: int, days: int, until: Micros) -> None:
    """Notes that what lapses before an instant was looked at."""
    cursor.execute(_SQL["look"], [merchant_no, days, until])


def ledger_number(cursor: Cursor, merchant_id: str) -> int | None:
    """A shop's number in the ledger; None for one that never had points."""
    row = cursor.execute(_SQL["ledger_number"], [merchant_id]).fetchone()
    return None if row is None else int(row[0])


def lapsing(
    cursor: Cursor, ledger_number: int, window: tuple[Micros, Micros], after: int, limit: int
) -> list[Lapsing]:
    """A shop's points that lapse from one instant until before another, about `limit` of them.

    By account, behind the account of number `after` (0 for the first); of the last account all.
    """
    first, end = ledger_number << ACCOUNT_BITS, (ledger_number + 1) << ACCOUNT_BITS
    bounds = [max(after, first - 1), end]
    rows = cursor.execute(_SQL["lapsing"], [ledger_number, *window, *bounds, limit]).fetchall()
    return [Lapsing(no, unpack_id(member), *figures) for no, member, *figures in rows]


def still_lapses(cursor: Cursor, lapses: Iterable[Lapse]) -> Mapping[Lapse, int]:
    """How many points still lapse, for the moment of sending; those that do not are left out."""
    rows = [
        (merchant_no, member.encode(), pack_id(member), expires)
        for merchant_no, member, expires in sorted(set(lapses))
    ]
    if not rows:
        return {}
    cursor.execute(_SQL["still_lapses"], _ASKED.arrays(rows))
    return {(number, member, at): points for number, member, at, points in cursor.fetchall()}


def now_and_epoch(cursor: Cursor) -> tuple[Micros, int]:
    """The clock, and the epoch of settings."""
    row = cursor.execute(_SQL["now"]).fetchone()
    return (0, 0) if row is None else (row[0], row[1])
