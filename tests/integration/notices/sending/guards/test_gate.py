"""A provider's gate between what its sender learns and what the others are told."""

from processors.notices.sending.guards.gate import Gate, Shut
from rules.notices.breaker import FAILURES
from rules.notices.outcomes import Answered
from schemas.ids import SECOND
from store.notices.sending import breakers
from store.postgres.session import transaction
from tests.support.notices.rows import Rows

ROOM = 8


def test_a_breaker_that_opened_here_stays_open_until_the_others_are_told(rows: Rows) -> None:
    gate, other = Gate("mitake", None), Gate("mitake", None)
    now = rows.now()
    gate.learn([Answered.later] * FAILURES, now)
    assert gate.room(now, ROOM) == 0
    with transaction(rows.connection) as cursor:
        # It is time to look at what operators and others say: nobody has heard of it yet.
        gate.look(cursor, now + SECOND)
    assert gate.room(now + SECOND, ROOM) == 0
    with transaction(rows.connection) as cursor:
        gate.write(cursor, now + SECOND)
        other.look(cursor, now + SECOND)
    assert other.room(now + SECOND, ROOM) == 0


def test_it_says_whether_somebody_must_mend_what_shuts_it(rows: Rows) -> None:
    gate, now = Gate("mitake", None), rows.now()
    assert gate.shut is None
    gate.learn([Answered.later] * FAILURES, now)
    assert gate.shut is Shut.failing
    gate.learn([Answered.taken], now)
    assert gate.shut is None
    gate.learn([Answered.credentials], now)
    assert gate.shut is Shut.credentials
    with transaction(rows.connection) as cursor:
        breakers.pause(cursor, "mitake", "olga")
        gate.look(cursor, now)
    assert gate.shut is Shut.paused
