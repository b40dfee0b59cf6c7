"""Senders that run as processes, with shops, members and notices written straight into tables."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import redis

from deploy.local.sinks.process import SinksProcess
from processors.notices.deciding.contacts import ContactsBatches
from processors.notices.deciding.settings import SettingsBatches
from schemas.ids import DAY, SECOND
from store.notices import settings
from store.notices.members import optouts
from store.notices.members.optouts import OptOut
from store.postgres.session import transaction
from tests.support.engine import PATIENCE, Engine, Worker, wait_for
from tests.support.notices.decided import MAIL, SMS, customer, settings_changed
from tests.support.notices.lane import Lane
from tests.support.notices.rows import Rows
from tests.support.notices.running import environment_of
from tests.support.notices.texts import at_any_hour

RATE: Final = 40.0
"""Messages of SMS a second, of each provider and sender name."""
LEASE_SECONDS: Final = 5


class Senders:
    """Two processes that send, on a lane of their own. Each test takes shops of its own."""

    def __init__(self, engine: Engine, sinks: SinksProcess, valkey: str) -> None:
        self.sinks = sinks
        self.valkey = redis.Redis.from_url(valkey)
        self.rows = Rows(engine.database_url)
        self._lane = Lane(engine.database_url, engine.folder)
        self._ahead = 0.0
        environment = {
            **environment_of(engine.folder, sinks),
            "POINTS_NOTICES__LEASE_SECONDS": str(LEASE_SECONDS),
            "POINTS_MITAKE__RATE": str(RATE),
            "POINTS_TWILIO__RATE": str(RATE),
            "POINTS_REDIS__URL": valkey,
        }
        self.workers: Sequence[Worker] = [
            engine.run("notices-send", **environment) for _ in range(2)
        ]
        for worker in self.workers:
            worker.wait_ready()
        self._ready_us = self.rows.now()

    def close(self) -> None:
        """Ends the connections; the engine ends the processes."""
        self.valkey.close()
        self._lane.close()
        self.rows.close()

    def shop(self, *, members: Sequence[str] = ("ann",), **sections: Any) -> str:
        """A new shop that is heard of, with members who have both addresses; its id."""
        merchant = f"shop-{uuid.uuid4().hex[:8]}"
        self.apply(merchant, **sections)
        notices = self._lane.configuration()
        heard = SettingsBatches(notices.notices, self._lane.sealer())
        self._lane.consume(heard, settings_changed(merchant))
        self._lane.consume(ContactsBatches(notices), *(customer(merchant, m) for m in members))
        return merchant

    def contact(
        self,
        merchant: str,
        member: str,
        addresses: Mapping[str, str],
        *,
        day: int = 20,
        topic: str = "user/update",
    ) -> None:
        """A member's record of a day of November comes."""
        told = {"email": None, "mobile_phone": None, **addresses}
        at = f"2026-11-{day}T04:00:00.000Z"
        record = customer(merchant, member, updated_at=at, **told) | {"topic": topic}
        self._lane.consume(ContactsBatches(self._lane.configuration()), record)

    def apply(self, merchant: str, **sections: Any) -> None:
        """The shop's notice settings; without quiet hours unless they are given."""
        sms, mail = SMS | sections.pop("sms", {}), MAIL | sections.pop("email", {})
        document = at_any_hour(email=mail, sms=sms, **sections)
        settings.apply(self.rows.connection, merchant, document, "test")

    def opt_out(self, merchant: str, member: str) -> None:
        """A member does not want to hear by SMS."""
        wish = OptOut(self.rows.shop(merchant), member, "sms", "*", "staff", self.rows.now())
        with transaction(self.rows.connection) as cursor:
            optouts.add(cursor, [wish])

    def later(self, count: int, merchant: str, **columns: Any) -> list[uuid.UUID]:
        """Notices that wait for tomorrow."""
        tomorrow = self.rows.now() + DAY
        columns = {"not_before_us": tomorrow, "give_up_us": tomorrow + DAY, **columns}
        return self.rows.notices(count, merchant, **columns)

    def due(self, *notices: uuid.UUID) -> None:
        """What waits may go now."""
        self.rows.admin.execute(
            "UPDATE notices.notice SET not_before_us = 0 WHERE notice_id = ANY (%s)",
            [list(notices)],
        )

    def passes(self, seconds: float) -> None:
        """So much time goes by."""
        self._ahead += seconds
        self._ready_us += int(seconds * SECOND)
        self.rows.move_clock(self._ahead)
        # Who beat just now did so just now: otherwise each would take itself for the only one.
        self._beats("UPDATE worker_beat SET beat_us = beat_us + %s", int(seconds * SECOND))

    def know_of_each_other(self) -> None:
        """Waits until each has beaten, and so counted, when the other had counted it."""
        query = """SELECT count(*) FROM worker_beat
                   WHERE kind = 'notices-send' AND beat_us > greatest(%s, started_us + 8000000)"""
        wait_for("both beat", lambda: self._beats(query, self._ready_us).fetchone() == (2,))

    def _beats(self, statement: str, *parameters: object) -> psycopg.Cursor[tuple[Any, ...]]:
        with self.rows.admin.transaction():
            self.rows.admin.execute("SET LOCAL search_path = notices, public")
            return self.rows.admin.execute(statement.encode(), parameters)

    @contextmanager
    def without_valkey(self) -> Iterator[None]:
        """Valkey answers nobody who would change something: no rates, no fence, no breakers."""
        self.valkey.client_pause(int(2 * PATIENCE * 1000), all=False)
        try:
            yield
        finally:
            self.valkey.client_unpause()

    def become(self, notice: uuid.UUID, state: str, reason: str | None = None) -> None:
        """Waits until that became of a notice."""
        wait_for(
            f"{state} ({reason}) of {notice}",
            lambda: self.rows.of(notice, "state", "reason") == (state, reason),
        )

    def all_sent(self, notices: Sequence[uuid.UUID]) -> None:
        """Waits until all of these are sent."""
        query = "SELECT count(*) FROM notices.notice WHERE notice_id = ANY (%s) AND state = 'sent'"
        wait_for("all sent", lambda: self.rows.value(query, list(notices)) == len(notices))

    def got(self, notices: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
        """The requests that the providers got for these, in their order."""
        ids = {str(notice) for notice in notices}
        return [each for each in self.sinks.messages() if each["notice_id"] in ids]

    def counted(self, metric: str, **labels: str) -> float:
        """What both have counted together."""
        return sum(worker.metric(metric, **labels) for worker in self.workers)

    def shut_until(self, provider: str) -> int:
        """Until when a provider's breaker is open; 0 while it is closed."""
        query = "SELECT coalesce(max(open_until_us), 0) FROM notices.provider WHERE provider = %s"
        return int(self.rows.value(query, provider))
