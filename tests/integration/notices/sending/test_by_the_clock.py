"""Time goes on while a message is in hand: what it decides is asked again before it is written."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.ids import SECOND, micros
from tests.support.notices.rows import Rows
from tests.support.notices.sender import MONTH, Sender

TAIPEI = ZoneInfo("Asia/Taipei")


def next_minute(rows: Rows) -> datetime:
    """The next full minute of Taipei's clocks."""
    now = datetime.fromtimestamp(rows.now() / SECOND, TAIPEI)
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def go_to(rows: Rows, at: datetime) -> None:
    """Lets the database's clock show an instant."""
    rows.move_clock(at.timestamp() - datetime.now(UTC).timestamp())


def test_quiet_hours_that_begin_while_a_message_is_in_hand_are_kept(rows: Rows) -> None:
    notice = rows.notice()
    begin = next_minute(rows) + timedelta(minutes=2)
    end = begin + timedelta(hours=2)
    sender = Sender(rows, "a", quiet=f"{begin:%H:%M}-{end:%H:%M}")
    go_to(rows, begin - timedelta(seconds=20))
    in_hand = sender.take(1)
    go_to(rows, begin + timedelta(seconds=10))
    assert sender.mark(in_hand) == []
    state, reason, not_before_us, attempt = rows.of(
        notice, "state", "reason", "not_before_us", "attempt"
    )
    assert (state, reason, attempt) == ("waiting", "quiet", 0)
    assert 0 <= not_before_us - micros(end) < SECOND
    go_to(rows, end + timedelta(seconds=2))
    assert [sent.ready.taken.notice_id for sent in sender.turn(1)] == [notice]
    sender.connection.close()


def test_a_message_whose_time_ran_out_in_hand_is_given_up(rows: Rows) -> None:
    notice = rows.notice(give_up_us=rows.now() + 20 * SECOND)
    sender = Sender(rows, "a")
    in_hand = sender.take(1)
    rows.move_clock(30)
    assert sender.mark(in_hand) == []
    assert rows.of(notice, "state", "attempt") == ("expired", 0)
    sender.connection.close()


def test_of_one_that_may_have_arrived_nobody_knows_once_its_time_has_run_out(rows: Rows) -> None:
    now = rows.now()
    notice = rows.notice(
        give_up_us=now + 20 * SECOND,
        asked_us=now,
        attempt=1,
        provider="mitake",
        parts=2,
        month=MONTH,
    )
    sender = Sender(rows, "a")
    in_hand = sender.take(1)
    rows.move_clock(30)
    assert sender.mark(in_hand) == []
    assert sender.turn(0, sender.afterwards) == []
    assert rows.of(notice, "state", "attempt") == ("unknown", 1)
    rows.check_meter()
    sender.connection.close()


def test_hours_that_leave_no_time_put_a_message_off(rows: Rows) -> None:
    """Settings refuse them; whatever has them all the same must not stop the sender."""
    notice = rows.notice()
    sender = Sender(rows, "a", quiet="00:00-24:00")
    assert sender.turn(1) == []
    state, reason, not_before_us = rows.of(notice, "state", "reason", "not_before_us")
    assert (state, reason) == ("waiting", "quiet")
    assert not_before_us > rows.of(notice, "give_up_us")
    sender.connection.close()
