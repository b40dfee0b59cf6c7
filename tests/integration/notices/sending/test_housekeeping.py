"""What senders agree upon by the database: who relays, and of how many each is one."""

import time
from datetime import UTC, datetime
from typing import Any

from processors.notices.sending.guards.rates import SharedRates
from schemas.ids import DAY, SECOND, micros
from schemas.notices.words import State
from store.notices.deciding import parked
from store.notices.sending import housekeeping, settling
from store.notices.sending.settling import Receipt
from store.postgres import worker_beats
from store.postgres.session import raw, transaction
from store.valkey.notices import Bucket
from tests.support.engine import wait_for
from tests.support.notices.rows import Rows


def test_whoever_relays_keeps_nobody_from_parking(rows: Rows) -> None:
    relaying = rows.connect("points-relaying")
    try:
        assert housekeeping.takes_relay(raw(relaying))
        with transaction(rows.connection) as cursor:
            parked.share(cursor)
            parked.put(cursor, [], rows.now())
        with transaction(rows.connection) as cursor:
            parked.take_turns(cursor)
    finally:
        relaying.close()


def test_weeks_go_as_a_whole_once_all_of_them_is_older_than_400_days(rows: Rows) -> None:
    now, kept = rows.now(), 400 * DAY
    written: dict[str, Any] = {
        "state": State.unknown,
        "attempt": 1,
        "provider": "mitake",
        "month": 202510,
    }
    old = [rows.notice(recorded_us=now - kept - days * DAY, **written) for days in (30, 8)]
    young = [rows.notice(recorded_us=now - kept + days * DAY) for days in (0, 1, 399)]
    cursor = raw(rows.connection)
    assert housekeeping.drop_old_weeks(cursor) == len(old)
    assert housekeeping.drop_old_weeks(cursor) == 0
    left = rows.admin.execute("SELECT notice_id FROM notices.notice").fetchall()
    assert {each for (each,) in left} == {*young}
    # Of what is gone a receipt says nothing any more.
    receipt = Receipt(old[0], delivered=True)
    with transaction(rows.connection) as cursor:
        assert settling.receipt(cursor, [receipt]).known == frozenset()


def test_weeks_meet_at_the_end_of_a_year_as_at_any_other_time(rows: Rows) -> None:
    midnight = micros(datetime(2025, 12, 31, 16, tzinfo=UTC))  # 2026 begins in Taipei
    ids = [rows.notice(recorded_us=midnight + hours * 3600 * SECOND) for hours in range(-96, 97, 8)]
    assert rows.value("SELECT count(*) FROM notices.notice") == len(ids)
    # One week ends with 28 December, and the next with 4 January.
    assert rows.value("SELECT count(DISTINCT tableoid) FROM notices.notice") == 2


def test_one_process_relays_at_a_time(rows: Rows) -> None:
    relaying = rows.connect("points-relaying")
    try:
        assert housekeeping.takes_relay(raw(relaying))
        assert not housekeeping.takes_relay(raw(rows.connection))
    finally:
        relaying.close()
    wait_for("the next one", lambda: housekeeping.takes_relay(raw(rows.connection)))


def test_senders_that_start_together_never_take_more_than_a_rate_by_themselves(rows: Rows) -> None:
    def counted(*names: str) -> list[int]:
        """What each says when it beats and counts, one after the other."""
        found = []
        for name in names:
            worker_beats.beat(rows.connection, "notices-send", name, None)
            found.append(housekeeping.senders(raw(rows.connection), "notices-send", name))
        return found

    assert counted("a", "b") == [0, 0]  # each could be the only one, for all it knows
    rows.move_clock(5)
    assert counted("a", "b") == [0, 0]
    rows.move_clock(housekeeping.HEARD_SECONDS + 0.1)
    assert counted("a", "b") == [2, 2]
    # A third one has no part before the others make room.
    assert counted("c", "a", "b") == [0, 3, 3]


def test_a_sender_that_does_not_know_its_part_of_a_rate_takes_none() -> None:
    bucket, now = Bucket("mitake", "LANTERN", 1e9, 2e8), time.monotonic()

    def takes(senders: int, counted_at: float) -> bool:
        rates = SharedRates(None)
        rates.share(senders, counted_at)
        rates.take({bucket: 8})  # it begins empty
        return rates.take({bucket: 8})[bucket].messages > 0

    assert takes(2, now)
    assert not takes(0, now)
    assert not takes(2, now - housekeeping.HEARD_SECONDS - 0.1)
