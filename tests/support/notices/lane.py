"""A lane's database with its own role, and batches of records given to what decides."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import orjson
import psycopg

from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.kafka.feed import Record
from schemas.ids import DAY, Micros
from schemas.notices.words import Channel
from store.notices.members.sealing import Sealer, key_encryption_keys
from store.postgres import session
from store.postgres.session import Cursor, Database
from store.streams.cursors import Counts, Opening, PartitionId
from tests.support import upstream
from tests.support.in_process import Message
from tests.support.notices.written import clock_of, shop_number, write_notices

PLACE = PartitionId("a topic", "its uuid", 0)


class Batches(Protocol):
    """What takes a batch of a topic of the lane."""

    def process(
        self, cursor: Cursor, records: Any, opening: Opening, counts: Any, /
    ) -> list[PoisonRecord]:
        """In the batch's transaction."""


def a_key(key_id: str) -> str:
    """A line of a key file, with a new key."""
    return f"{key_id}:{urlsafe_b64encode(os.urandom(32)).decode()}"


def as_lane(url: str, name: str = "points-test") -> Database:
    """A connection to a database as the lane's workers have one."""
    return session.connect(url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA, name=name)


def keys_in(folder: Path) -> Path:
    """The folder's file of keys that seal, made if need be."""
    file = folder / "sealing.keys"
    if not file.exists():
        file.write_text(a_key("first") + "\n")
    return file


class Lane:
    """A migrated database: `connection` has the lane's role, `admin` the owner's."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.key_file = keys_in(folder)
        self.token_keys = a_key("link")
        self.admin = psycopg.connect(url, autocommit=True)
        self.connection = self.connect()
        self._offset = 0

    def connect(self) -> Database:
        """One more connection as the lane's workers have one."""
        return as_lane(self.url)

    def close(self) -> None:
        """Closes both connections."""
        self.connection.close()
        self.admin.close()

    def configuration(self, **notices: object) -> LaneConfiguration:
        """As the environment would say it; with a table of contacts unless it says otherwise."""
        given = {"key_file": str(self.key_file), "token_keys": self.token_keys} | notices
        return LaneConfiguration.model_validate(
            {
                "kafka": {"bootstrap_servers": "nowhere"},
                "database": {"url": self.url},
                "environment": "development",
                "notices": given,
            }
        )

    def sealer(self) -> Sealer:
        """What seals under the keys of the file."""
        return Sealer(key_encryption_keys(self.key_file.read_text()))

    def now(self) -> Micros:
        """The database's clock."""
        return clock_of(self.admin)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the owner reads."""
        return self.admin.execute(query.encode(), parameters).fetchall()

    def records(self, values: Iterable[object]) -> list[Record]:
        """Records of these values: bytes as they are, None, or what becomes JSON."""
        records, received = [], self.now() // 1000
        for value in values:
            content = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
            message: Any = Message(
                upstream.Record("customers", None, content), PLACE, self._offset, received
            )
            records.append(Record(PLACE, self._offset, message))
            self._offset += 1
        return records

    def consume(self, batches: Batches, *values: object) -> tuple[Counts, list[PoisonRecord]]:
        """One batch in a transaction of its own: its counts, and what was poison."""
        records, counts = self.records(values), Counts()
        with session.transaction(self.connection) as cursor:
            opening = Opening(self.now(), 0, paused=False)
            poison = batches.process(cursor, records, opening, {PLACE: counts})
        # I7: every record is counted once.
        counted = counts.applied + counts.duplicate + counts.ignored + counts.parked
        assert counted + len(poison) == len(records)
        assert sum(counts.reasons.values()) == counts.ignored
        return counts, poison

    def shop(self, merchant_id: str) -> int:
        """The lane's number of a shop, made if need be."""
        return shop_number(self.admin, merchant_id)

    def notice(
        self,
        merchant_id: str,
        member_id: str,
        channel: Channel = Channel.email,
        address_hmac: bytes | None = None,
    ) -> UUID:
        """A notice that was handed over, and of which nobody knows whether it arrived; its id."""
        columns: dict[str, Any] = {
            "state": "unknown",
            "give_up_us": self.now() + DAY,
            "address_hmac": address_hmac,
        }
        return write_notices(self.admin, 1, merchant_id, member_id, channel, **columns)[0]
