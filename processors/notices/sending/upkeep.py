"""What a sender does by the clock: it beats, frees what dead senders left, and sets the gauges."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from processors import metrics
from processors.notices.sending.in_hand.hand import put_back
from processors.notices.sending.measuring import observe
from processors.notices.sending.ports import SMTP, Outside
from rules.notices.backoff import FIRST
from rules.notices.outcomes import custom_of, given_up, unanswered
from schemas.ids import MINUTE, SECOND, Micros
from schemas.notices.words import Channel, State
from store.notices.sending import breakers, housekeeping, meter, queue, settling
from store.notices.sending.queue import Taken, least_id
from store.notices.sending.settling import Settled
from store.postgres import migrate, worker_beats
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import quarantine, refused

KIND: Final = "notices-send"
BEAT_SECONDS: Final = 5.0
HOUR_SECONDS: Final = 3600.0
PIECE: Final = 500
"""Notices that are freed or given up in a transaction."""
PURGED: Final = 1_000
COSTS: Final = 30
"""Of its own time lie between two looks for what is overdue: it reads all that waits."""
YOUNGEST: Final = MINUTE
"""Nothing is given up sooner after it was recorded."""


@dataclass(slots=True)
class Upkeep:
    """The clockwork of one process. `windows`: for how long each provider knows our ids.

    `senders`: as `housekeeping.senders`, at the monotonic time `counted_at`.
    """

    instance: str
    reach_us: int
    outside: Outside
    windows: Mapping[str, timedelta]
    senders: int = 0
    counted_at: float = 0.0
    _beat_at: float = 0.0
    _hour_at: float = 0.0
    _overdue_at: float = 0.0

    def turn(self, connection: Database, trouble: str | None) -> None:
        """Once a second or so; each thing when its time has come."""
        with transaction(connection) as cursor:
            now = breakers.clock(cursor)
        # First: what others take for their share depends on it, and nothing must hold it up.
        if time.monotonic() >= self._beat_at:
            self._beat(connection, trouble, now)
        with transaction(connection) as cursor:
            least = least_id(now, self.reach_us)
            done = self._stale(cursor, least, now)
            if time.monotonic() >= self._overdue_at:
                done += self._overdue(cursor, least, now)
            finished = settling.settle(cursor, done)
        observe(finished)
        if time.monotonic() >= self._hour_at:
            self._hour_at = time.monotonic() + HOUR_SECONDS
            with transaction(connection) as cursor:
                housekeeping.drop_old_weeks(cursor)
                quarantine.purge(cursor, PURGED)

    def _beat(self, connection: Database, trouble: str | None, now: Micros) -> None:
        self._beat_at = time.monotonic() + BEAT_SECONDS
        migrate.check(connection)
        worker_beats.beat(connection, KIND, self.instance, trouble)
        cursor = raw(connection)
        self.senders = housekeeping.senders(cursor, KIND, self.instance)
        self.counted_at = time.monotonic()
        unknown = housekeeping.unknowns(cursor)
        for channel in Channel:
            metrics.NOTICES_UNKNOWN.labels(channel).set(unknown.get(channel, 0))
        month = self.outside.month_of(now, "UTC")
        for provider, parts in meter.differences(cursor, month).items():
            metrics.NOTICES_METER_DIFFERENCE.labels(provider).set(parts)
        metrics.OUTBOX_REFUSED.set(refused.count(cursor))
        metrics.LAST_SAMPLE.set(time.time())

    def _stale(self, cursor: Cursor, least: UUID, now: Micros) -> list[Settled]:
        """What senders left behind: claimed waits again, of what may be written it depends."""
        left = queue.stale(cursor, least, PIECE)
        shops = self.outside.shops(cursor, {each.merchant_no for each in left}) if left else {}
        done = put_back(each for each in left if each.state is State.claimed)
        for each in left:
            if each.state is not State.sending:
                continue
            window = self.windows.get(each.provider or "", timedelta())
            shop = shops.get(each.merchant_no)
            becomes = unanswered(
                custom_of(each.channel, window),
                each.asked_us,
                now,
                shop.on_unknown if shop is not None else "hold",
            )
            done.append(
                Settled(
                    each.notice_id,
                    State.sending,
                    each.attempt,
                    becomes.state,
                    becomes.reason,
                    int(FIRST.total_seconds() * SECOND) if becomes.backs_off else 0,
                    becomes.may_have_arrived,
                )
            )
        return done

    def _overdue(self, cursor: Cursor, least: UUID, now: Micros) -> list[Settled]:
        """What could not go out in time, by providers that are there or are not."""
        youngest, began = least_id(now, YOUNGEST), time.monotonic()
        late: list[Taken] = []
        for channel in Channel:
            late += queue.overdue(cursor, channel, least, youngest, PIECE)
        self._overdue_at = time.monotonic() + COSTS * (time.monotonic() - began)
        shops = self.outside.shops(cursor, {each.merchant_no for each in late}) if late else {}
        done = []
        for each in late:
            shop = shops.get(each.merchant_no)
            name = shop.provider_of(each.channel) if shop is not None else SMTP
            is_off = shop is not None and not shop.tells(each.channel, each.kind)
            becomes = given_up(each.asked_us, has_provider=name in self.windows, is_off=is_off)
            done.append(
                Settled(each.notice_id, State.waiting, each.attempt, becomes.state, becomes.reason)
            )
        return done
