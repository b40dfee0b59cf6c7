"""A lane that decides: events of points in, rows of notices out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from psycopg import sql

from processors.notices.deciding.changes import ChangesBatches
from processors.notices.deciding.reminders import Timer
from processors.notices.deciding.settings import SettingsBatches
from processors.pipeline.pipeline import PoisonRecord
from schemas.ids import Micros, iso
from store.notices import settings
from store.postgres import session
from store.streams.cursors import Counts, Opening
from tests.support.notices.lane import PLACE, Lane
from tests.support.notices.texts import at_any_hour
from tests.support.upstream import Json

NOON: Micros = 1_795_752_000_000_000
"""2026-11-27 12:00 in Taipei."""
MAIL: Json = {"from": "Lantern Tea <points@lantern.example>"}
_EVENTS = UUID(int=12)
SMS: Json = {
    "enabled": True, "sender": "LANTERN", "provider": "mitake", "country": "TW",
    "kinds": {"earned": True},
}  # fmt: skip


class DecidingLane(Lane):
    """The lane's deciders on one connection; the clock stands until it is moved."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.clock(NOON)
        self.anew()

    def anew(self) -> None:
        """As after a restart: nothing is remembered."""
        notices = self.configuration().notices
        self.changes = ChangesBatches(notices, self.sealer())
        self.settings = SettingsBatches(notices, self.sealer())
        self.timer = Timer(notices, self.sealer())
        self.timer.use(self.connection)

    def clock(self, moment: Micros) -> None:
        """Lets the database's clock stand at a moment."""
        statement = sql.SQL(
            "CREATE OR REPLACE FUNCTION public.points_now() RETURNS bigint LANGUAGE sql VOLATILE "
            "AS {}"
        )
        self.admin.execute(statement.format(f"SELECT {moment}::bigint"))

    def process(self, batches: Any, values: Iterable[object]) -> tuple[Counts, list[PoisonRecord]]:
        """One batch, with the epoch as it is; its counts add up to its records (I7)."""
        records, counts = self.records(values), Counts()
        with session.transaction(self.connection) as cursor:
            row = cursor.execute(b"SELECT points_now(), epoch FROM settings_epoch").fetchone()
            assert row is not None
            opening = Opening(row[0], row[1], paused=False)
            poison = batches.process(cursor, records, opening, {PLACE: counts})
        batches.committed()
        counted = counts.applied + counts.duplicate + counts.ignored + counts.parked
        assert counted + len(poison) == len(records)
        assert sum(counts.reasons.values()) == counts.ignored
        return counts, poison

    def change(self, *events: object) -> Counts:
        """A batch of changes of points, none of which is poison."""
        counts, poison = self.process(self.changes, events)
        assert not poison
        return counts

    def hear_of(self, *merchant_ids: str, **settings: Any) -> Counts:
        """The first version of shops' points settings comes."""
        counts, poison = self.process(
            self.settings, [settings_changed(each, **settings) for each in merchant_ids]
        )
        assert not poison
        return counts

    def apply(self, merchant_id: str, **sections: Any) -> None:
        """The shop's notice settings; without quiet hours unless they are given."""
        document = at_any_hour(**{"email": MAIL, "sms": SMS, **sections})
        settings.apply(self.connection, merchant_id, document, "test")

    def contact(self, merchant_id: str, member_id: str, *, email: bool, phone: bool) -> None:
        """What can be read of a contact without a key."""
        self.admin.execute(
            "INSERT INTO notices.contact (merchant_no, member_id, version_us, has_email, "
            "has_phone, email_verified, phone_verified) VALUES (%s, %s, 1, %s, %s, false, false)",
            [self.shop(merchant_id), member_id, email, phone],
        )

    def opt_out(self, merchant_id: str, member_id: str, channel: str, kind: str = "*") -> None:
        """A member does not want to hear."""
        self.admin.execute(
            "INSERT INTO notices.optout VALUES (%s, %s, %s, %s, 'staff', 1)",
            [self.shop(merchant_id), member_id, channel, kind],
        )

    def told(self, columns: str = "channel, kind, state, reason") -> list[tuple[Any, ...]]:
        """All notices, by event and channel."""
        return self.rows(
            f"SELECT {columns} FROM notices.notice ORDER BY event_sequence, event_id, channel"
        )

    def parked(self) -> int:
        """How many changes are parked."""
        return int(self.rows("SELECT count(*) FROM notices.parked_event")[0][0])

    def work_off(self) -> None:
        """What is due by time, until there is nothing left."""
        self.timer.use(self.connection)
        while self.timer.turn():
            pass


def settings_changed(merchant_id: str, version: int = 1, **changed: Any) -> Json:
    """A record of points.settings.v1."""
    effective = changed.pop("effective_at", "2024-01-01T00:00:00Z")
    return {
        "type": "settings_changed", "merchant_id": merchant_id, "version": version,
        "effective_at": effective, "recorded_at": "2024-01-01T00:00:00Z", "performer": None,
        "digest": "0" * 64,
        "settings": {
            "timezone": "Asia/Taipei", "currency": "TWD", "languages": ["en"], "enabled": True,
            "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
            "earn": {"a later version": "says more"}, **changed,
        },
    }  # fmt: skip


def customer(merchant_id: str, member_id: str, **fields: Any) -> Json:
    """A record of a customer: Ann, who reads English, with an address; `fields` say otherwise."""
    resource = {
        "id": member_id, "name": "Ann", "locale_code": "en", "email": f"{member_id}@tea.example",
        "mobile_phone": "0912345678", "updated_at": "2026-11-20T04:00:00.000Z", **fields,
    }  # fmt: skip
    return {"topic": "user/update", "merchant_id": merchant_id, "resource": resource}


def changed(
    sequence: int = 1,
    type_: str = "granted",
    points: int = 100,
    *,
    member: str = "ann",
    merchant: str = "shop",
    available: int = 100,
    order: str | None = "order",
    at: Micros = NOON,
    notify: tuple[bool, bool] | None = None,
    reason: str | None = None,
    lots: Sequence[tuple[int, str | None]] = (),
) -> Json:
    """A record of points.changed.v1; shop, member and sequence make its id."""
    event_id = uuid5(_EVENTS, f"{merchant}:{member}:{sequence}")
    event: Json = {
        "event_id": str(event_id), "type": type_, "merchant_id": merchant, "member_id": member,
        "sequence": sequence, "points": points,
        "balance": {"available": available, "held": 0, "debt": 0},
        "lots": [{"lot_id": "lot", "points": p, "expires_at": e} for p, e in lots],
        "order_id": order, "cause": {"kind": "order", "id": "cause"}, "settings_version": 1,
        "reason": reason, "performer": None, "occurred_at": iso(at), "recorded_at": iso(at),
        "a later field": {"of": "a later version"},
    }  # fmt: skip
    if notify is not None:
        event["notify"] = {"email": notify[0], "sms": notify[1]}
    return event
