"""Notices written straight into the table, as deciding leaves them, and what became of them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from schemas.ids import DAY, SECOND, Micros
from schemas.notices.words import Channel, Kind, State
from store.notices.sending import meter
from store.postgres.session import Database, raw
from store.streams import outbox
from store.streams.outbox import Row
from tests.support.notices.lane import as_lane
from tests.support.notices.written import clock_of, shop_number, write_notices

REACH: Final = 5 * DAY


class Rows:
    """A lane's database: shops and notices, and a connection as the lane's workers have one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.admin = psycopg.connect(url, autocommit=True)
        self.connection = self.connect()

    def connect(self, name: str = "points-test") -> Database:
        """One more connection with the lane's role and schema."""
        return as_lane(self.url, name)

    def now(self) -> Micros:
        """The database's clock."""
        return clock_of(self.admin)

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row, None without one."""
        row = self.admin.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def move_clock(self, seconds: float) -> None:
        """Sets the database's clock so far ahead of the true time."""
        ahead = int(seconds * 1e6)
        body = f"SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint + {ahead}"
        make = """CREATE OR REPLACE FUNCTION public.points_now() RETURNS bigint
                  LANGUAGE sql VOLATILE AS {}"""
        self.admin.execute(sql.SQL(make).format(body))

    def shop(self, merchant_id: str) -> int:
        """The lane's number of a shop, made if need be."""
        return shop_number(self.admin, merchant_id)

    def notice(
        self,
        merchant_id: str = "shop",
        member_id: str = "ann",
        channel: Channel = Channel.sms,
        kind: Kind = Kind.earned,
        **columns: Any,
    ) -> uuid.UUID:
        """One notice that waits, unless `columns` say something else; its id."""
        return self.notices(1, merchant_id, member_id, channel, kind, **columns)[0]

    def notices(
        self,
        count: int,
        merchant_id: str = "shop",
        member_id: str = "ann",
        channel: Channel = Channel.sms,
        kind: Kind = Kind.earned,
        **columns: Any,
    ) -> list[uuid.UUID]:
        """Many of them, of as many events."""
        now = self.now()
        waits = {
            "state": State.waiting, "sequence": 7, "expires_us": now + 30 * DAY,
            "not_before_us": 0, "give_up_us": now + DAY, **columns,
        }  # fmt: skip
        return write_notices(self.admin, count, merchant_id, member_id, channel, kind, **waits)

    def of(self, notice: uuid.UUID, *columns: str) -> Any:
        """Columns of a notice: one value, or a tuple of several."""
        query = f"SELECT {', '.join(columns)} FROM notices.notice WHERE notice_id = %s"
        row = self.admin.execute(query.encode(), [notice]).fetchone()
        assert row is not None
        return row[0] if len(columns) == 1 else row

    def states(self) -> dict[str, int]:
        """How many notices are in each state."""
        query = "SELECT state, count(*) FROM notices.notice GROUP BY state"
        return dict(self.admin.execute(query).fetchall())

    def published(self) -> list[tuple[bytes, bytes]]:
        """Key and value of each record in the outbox, in their order."""
        rows: list[Row] = outbox.head(raw(self.connection), range(outbox.SHARDS))
        return [record for row in rows for record in outbox.records_of(row.value or b"")]

    def meter(self) -> list[tuple[Any, ...]]:
        """What the meter says: shop's number, month, channel, provider, and the four figures."""
        query = """SELECT merchant_no, month, channel, provider, messages, parts, provider_parts,
                          unknown FROM notices.meter ORDER BY 1, 2, 3, 4"""
        return self.admin.execute(query).fetchall()

    def check_meter(self) -> None:
        """The meter is the sum of the notices."""
        assert meter.against_notices(raw(self.connection)) == []

    def close(self) -> None:
        """Closes the connections."""
        self.connection.close()
        self.admin.close()


@contextmanager
def open_rows(url: str) -> Iterator[Rows]:
    """The rows of a migrated database."""
    rows = Rows(url)
    try:
        yield rows
    finally:
        rows.close()


def seconds(micros: int) -> float:
    """Microseconds as seconds."""
    return micros / SECOND
