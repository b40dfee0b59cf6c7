"""Whose points lapse soon: free points of a merchant's members, by instant and member."""

from collections.abc import Generator, Iterator
from heapq import merge

from psycopg import RawServerCursor

from schemas.answers.members import ExpiringOfMember
from schemas.ids import DAY, Micros
from schemas.packing import unpack_id
from store.postgres.named_queries import queries
from store.postgres.session import Database
from store.reads.account.now import account_now
from store.reads.execute import Cursor
from store.reads.snapshot import merchant_number, now, snapshot

ROWS_AT_ONCE = 5_000
"""Rows that come with one round trip: a merchant may have millions."""


def expiring(
    connection: Database, merchant_id: str, days: int
) -> Generator[ExpiringOfMember, None, None]:
    """What lapses within so many days, by instant and member, as of one moment.

    Nothing is kept in memory: take the rows as they come, and close it when they are enough. Raises
    UnknownMerchant, with the first row.
    """
    with snapshot(connection) as cursor:
        number, moment = merchant_number(cursor, merchant_id), now(cursor)
        until = moment + days * DAY
        freed = sorted(_with_ended_holds(cursor, number, moment, until), key=_place)
        yield from merge(_lapsing(cursor, number, moment, until), freed, key=_place)


def _place(row: ExpiringOfMember) -> tuple[Micros, str]:
    return row.expires_at, row.member_id


def _lapsing(
    cursor: Cursor, merchant_no: int, moment: Micros, until: Micros
) -> Iterator[ExpiringOfMember]:
    sql = queries("reads/account/expiring")["lapsing"]
    with RawServerCursor(cursor.connection, "points_expiring") as streamed:
        streamed.itersize = ROWS_AT_ONCE
        for member, expires, points in streamed.execute(sql, [merchant_no, moment, until]):
            yield ExpiringOfMember(member_id=unpack_id(member), expires_at=expires, points=points)


def _with_ended_holds(
    cursor: Cursor, merchant_no: int, moment: Micros, until: Micros
) -> Iterator[ExpiringOfMember]:
    """Those of members with a hold that has ended and is not posted: seldom more than a few."""
    sql = queries("reads/account/expiring")["with_ended_holds"]
    for (member,) in cursor.execute(sql, [merchant_no, moment]).fetchall():
        account = account_now(cursor, merchant_no, member, moment)
        for expires, points in account.free.items() if account is not None else ():
            if expires <= until:
                yield ExpiringOfMember(
                    member_id=unpack_id(member), expires_at=expires, points=points
                )
