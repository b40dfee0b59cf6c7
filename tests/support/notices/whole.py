"""A shop of which a whole lane hears: records into topics, rows out of tables."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from deploy.local.sinks.process import SinksProcess
from schemas.ids import micros
from store.notices import settings
from store.postgres.session import Database
from tests.support.engine import Engine
from tests.support.notices.decided import changed, customer, settings_changed
from tests.support.notices.lane import as_lane
from tests.support.notices.running import environment_of
from tests.support.notices.texts import at_any_hour, content
from tests.support.upstream import Record

WORDS = {"en": {"earned": {"sms": "You have earned {{ points }} points."}}}
NOBODYS = {"email": None, "mobile_phone": None}


class Shop:
    """A shop with notice settings on an engine; `environment` is that of its workers."""

    def __init__(self, engine: Engine, sinks: SinksProcess, valkey: str) -> None:
        self.engine, self.sinks = engine, sinks
        self.environment = {
            **environment_of(engine.folder, sinks),
            "POINTS_NOTICES__LEASE_SECONDS": "5",
            "POINTS_REDIS__URL": valkey,
        }
        self.apply()

    def apply(self, **sms: Any) -> None:
        """Notice settings without quiet hours; `sms` are keys of that section."""
        told = at_any_hour(**content(WORDS, languages=("en",), **sms))
        with self.connect() as connection:
            settings.apply(connection, "shop", told, "test")

    def connect(self) -> Database:
        """A connection as the lane has it."""
        return as_lane(self.engine.database_url)

    def heard_of(self) -> None:
        """The first version of its points settings comes."""
        self.produce("settings", b"shop:1", settings_changed("shop"))

    def member(self, member: str, **contact: Any) -> None:
        """A member comes, reached by `contact` alone."""
        record = customer("shop", member, **NOBODYS | contact)
        self.produce("customers", member.encode(), record)

    def granted(self, member: str, sequence: int = 1, points: int = 100) -> str:
        """A member is granted points; the event's id."""
        event = changed(
            sequence,
            points=points,
            member=member,
            available=points * sequence,
            order=f"order-{sequence}",
            at=micros(datetime.now(UTC)),
            lots=[(points, "2027-12-31T16:00:00Z")],
        )
        event_id = str(uuid4())
        self.produce("points_changed", f"shop:{member}".encode(), event | {"event_id": event_id})
        return event_id

    def produce(self, topic: str, key: bytes, value: object) -> None:
        """Writes a record into a topic."""
        self.engine.produce([Record(topic, key.decode(), orjson.dumps(value))])

    def states(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """State and reason of all notices, by member and channel."""
        rows = self.engine.rows("SELECT member_id, channel, state, reason FROM notices.notice")
        return {(member, channel): (state, reason) for member, channel, state, reason in rows}
