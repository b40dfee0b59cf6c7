"""The lane's relay and those who park changes do not wait for one another."""

from store.notices import housekeeping, parked
from store.postgres.session import raw, transaction
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


def test_one_process_relays_at_a_time(rows: Rows) -> None:
    relaying = rows.connect("points-relaying")
    try:
        assert housekeeping.takes_relay(raw(relaying))
        assert not housekeeping.takes_relay(raw(rows.connection))
    finally:
        relaying.close()
    wait_for("the next one", lambda: housekeeping.takes_relay(raw(rows.connection)))
