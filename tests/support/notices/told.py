"""Rows of the notices lane as its workers write them, for tests of what people see of them."""

import uuid
from typing import Any, Final

import psycopg

from schemas.notices.words import Channel
from tests.support.notices.written import clock_of, shop_number, write_notices

HOUR: Final = 3_600_000_000


class Lane:
    """The lane's tables of a database, written to as its owner."""

    def __init__(self, url: str) -> None:
        """Connects."""
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET search_path = notices, public")

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()

    def value(self, query: str, *values: Any) -> Any:
        """The first value of a question's first row."""
        row = self.connection.execute(query.encode(), values).fetchone()
        return row[0] if row is not None else None

    def now(self) -> int:
        """The database's clock."""
        return clock_of(self.connection)

    def shop(self, merchant: str) -> int:
        """A merchant that the lane has heard of; its number."""
        return shop_number(self.connection, merchant)

    def notice(self, merchant: str, member: str, state: str = "waiting", **more: Any) -> uuid.UUID:
        """A notice; its id. `more` are further columns, `hours_ago` is when it was recorded."""
        recorded = self.now() - int(more.pop("hours_ago", 0)) * HOUR
        channel = Channel(more.pop("channel", "sms"))
        columns = {"state": state, "recorded_us": recorded, **more}
        return write_notices(self.connection, 1, merchant, member, channel, **columns)[0]

    def cursor(self, place: tuple[str, str, str, int], first: int, applied: int) -> None:
        """The lane's cursor in (cluster, topic, uuid, partition)."""
        cluster, topic, topic_uuid, partition = place
        self.connection.execute(
            "INSERT INTO cursor (pipeline, cluster, topic_uuid, partition, topic, first_offset,"
            " next_offset, applied) VALUES ('notices', %s, %s, %s, %s, %s, %s, %s)",
            [cluster, topic_uuid, partition, topic, first, first + applied, applied],
        )

    def letter(self, topic: str, topic_uuid: str, partition: int, offset: int) -> int:
        """A record that the lane could not read; the dead letter's id."""
        insert = (
            'INSERT INTO quarantine (pipeline, topic, topic_uuid, partition, "offset", key, value,'
            " headers, timestamp_us, reason, message, received_us, partition_position) VALUES"
            " ('notices', %s, %s, %s, %s, %s, %s, %s, 0, 'not_json', 'broken', 0, 0) RETURNING id"
        )
        return int(self.value(insert, topic, topic_uuid, partition, offset, b"k", b"{broken", None))
