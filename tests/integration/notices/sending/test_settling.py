"""What became of notices: the state, the meter and what is published are one."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from schemas.ids import DAY, MINUTE, SECOND
from schemas.notices.changed import NoticeChanged
from schemas.notices.words import Channel, Kind, State, Why
from store.notices.sending import meter, queue, resending, settling
from store.notices.sending.meter import Usage
from store.notices.sending.queue import Mark, least_id
from store.notices.sending.settling import Ended, Receipt, Receipts, Settled
from store.postgres.session import raw, transaction
from tests.support.database.plans import shape_of
from tests.support.engine import wait_for
from tests.support.notices.rows import REACH, Rows

MONTH = 202611
LIMITS = {"sms": DAY, "email": 3 * DAY}


def sending(rows: Rows, count: int = 1, parts: int = 2, **columns: Any) -> list[UUID]:
    """Notices of which a request may have been made."""
    rows.notices(count, **columns)
    least = least_id(rows.now(), REACH)
    with transaction(rows.connection) as cursor:
        shares = [(rows.shop("shop"), count)]
        taken = queue.claim(cursor, Channel.sms, shares, "a", MINUTE, least)
        marks = [
            Mark(t.notice_id, t.sequence, "mitake", parts, MONTH, b"", t.changed_us) for t in taken
        ]
        return list(queue.mark(cursor, marks, "a", MINUTE, least)())


def settle(rows: Rows, *settled: Settled) -> list[Ended]:
    with transaction(rows.connection) as cursor:
        return settling.settle(cursor, settled)


def receipt(rows: Rows, *receipts: Receipt) -> Receipts:
    with transaction(rows.connection) as cursor:
        return settling.receipt(cursor, receipts)


def written_again(rows: Rows, notice: UUID, parts: int, provider: str = "mitake") -> None:
    """A notice is sent once more by hand: another request may have been made."""
    least = least_id(rows.now(), REACH)
    with transaction(rows.connection) as cursor:
        assert settling.resend(cursor, [notice], LIMITS, least) == [notice]
    with transaction(rows.connection) as cursor:
        (taken,) = queue.claim(cursor, Channel.sms, [(rows.shop("shop"), 1)], "a", MINUTE, least)
        mark = Mark(notice, taken.sequence, provider, parts, MONTH, b"", taken.changed_us)
        assert notice in queue.mark(cursor, [mark], "a", MINUTE, least)()


def unknown(rows: Rows, count: int = 1) -> list[UUID]:
    ids = sending(rows, count)
    settle(rows, *(Settled(each, State.sending, 1, State.unknown) for each in ids))
    return ids


def usage(rows: Rows) -> list[Usage]:
    return meter.usage(raw(rows.connection), rows.shop("shop"), MONTH)


def test_sent_is_metered_and_published_by_the_providers_parts(rows: Rows) -> None:
    first, second = sending(rows, 2)
    settle(
        rows,
        Settled(first, State.sending, 1, State.sent, provider_id="m1", provider_parts=3),
        Settled(second, State.sending, 1, State.sent),
    )
    assert rows.of(first, "state", "provider_id", "provider_parts") == ("sent", "m1", 3)
    assert usage(rows) == [Usage("sms", "mitake", 2, 4, 5, 0)]
    assert meter.differences(raw(rows.connection), MONTH) == {"mitake": 1}
    rows.check_meter()
    records = {
        NoticeChanged.model_validate_json(value).notice_id: value for _, value in rows.published()
    }
    assert orjson.loads(records[first]) == {
        "notice_id": str(first),
        "event_id": str(rows.of(first, "event_id")),
        "merchant_id": "shop",
        "member_id": "ann",
        "kind": "earned",
        "channel": "sms",
        "state": "sent",
        "reason": None,
        "parts": 3,
        "attempt": 1,
        "at": NoticeChanged.model_validate_json(records[first]).model_dump(mode="json")["at"],
    }
    assert orjson.loads(records[second])["parts"] == 2
    assert {key for key, _ in rows.published()} == {b"shop:ann"}


def test_what_is_tried_again_waits_owes_nothing_and_is_not_published(rows: Rows) -> None:
    (notice,) = sending(rows)
    again = Settled(
        notice, State.sending, 1, State.waiting, "later", delay_us=5 * SECOND, keeps_asked=False
    )
    before = rows.now()
    assert len(settle(rows, again)) == 1
    state, reason, not_before, asked = rows.of(
        notice, "state", "reason", "not_before_us", "asked_us"
    )
    assert (state, reason, asked) == ("waiting", "later", None)
    assert before + 5 * SECOND <= not_before <= rows.now() + 5 * SECOND
    assert (usage(rows), rows.published()) == ([], [])


@pytest.mark.parametrize("state", [State.sent, State.failed, State.unknown])
def test_what_was_settled_meanwhile_stays(rows: Rows, state: State) -> None:
    (notice,) = sending(rows)
    settle(rows, Settled(notice, State.sending, 1, state))
    rows.check_meter()
    late = [
        Settled(notice, State.sending, 1, State.waiting, "later"),
        Settled(notice, State.sending, 2, State.failed, Why.refused),
    ]
    assert [settle(rows, each) for each in late] == [[], []]
    assert rows.of(notice, "state") == state


def test_a_receipt_settles_what_nobody_knew(rows: Rows) -> None:
    arrived, lost = unknown(rows, 2)
    assert usage(rows) == [Usage("sms", "mitake", 2, 4, 4, 2)]
    receipt(rows, Receipt(arrived, delivered=True, parts=1), Receipt(lost, delivered=False))
    assert rows.states() == {"sent": 1, "failed": 1}
    assert rows.of(lost, "reason") == "refused"
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 1, 0)]
    rows.check_meter()
    states = [orjson.loads(value)["state"] for _, value in rows.published()]
    assert states[:2] == ["unknown", "unknown"]
    assert sorted(states[2:]) == ["failed", "sent"]


def test_a_receipt_may_come_before_the_answer(rows: Rows) -> None:
    (notice,) = sending(rows)
    assert receipt(rows, Receipt(notice, delivered=True)).changed == {notice}
    assert settle(rows, Settled(notice, State.sending, 1, State.unknown)) == []
    assert rows.states() == {"sent": 1}
    rows.check_meter()


def accepted(notice: UUID, parts: int | None, attempt: int = 1) -> Settled:
    """What a provider's answer makes of a notice that is being sent."""
    return Settled(
        notice, State.sending, attempt, State.sent, provider_id="m9", provider_parts=parts
    )


def test_an_answer_that_comes_after_the_receipt_still_says_what_is_charged(rows: Rows) -> None:
    first, second, third = sending(rows, 3)
    receipt(
        rows, Receipt(first, delivered=True), Receipt(second, delivered=True, parts=4),
        Receipt(third, delivered=True),
    )  # fmt: skip
    told = len(rows.published())
    # They moved nowhere, so that nothing is counted or told once more.
    assert settle(rows, accepted(first, 3), accepted(second, 3), accepted(third, None)) == []
    assert len(rows.published()) == told
    assert rows.of(first, "state", "provider_parts", "provider_id") == ("sent", 3, "m9")
    assert rows.of(second, "provider_parts") == 4, "what a receipt says was charged"
    assert usage(rows) == [Usage("sms", "mitake", 3, 6, 3 + 4 + 2, 0)]
    rows.check_meter()


@pytest.mark.parametrize("held", [State.unknown, State.waiting])
def test_an_answer_that_comes_after_its_lease_is_one_all_the_same(rows: Rows, held: State) -> None:
    """Its sender was frozen, and it was given up meanwhile; nothing was written again yet."""
    (notice,) = sending(rows)
    settle(rows, Settled(notice, State.sending, 1, held))
    assert [each.notice_id for each in settle(rows, accepted(notice, 3))] == [notice]
    assert rows.of(notice, "state", "provider_parts", "lease_us") == ("sent", 3, None)
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 3, 0)]
    rows.check_meter()


@pytest.mark.parametrize("state", [State.waiting, State.failed])
def test_an_answer_says_nothing_of_what_failed_or_is_sent_again(rows: Rows, state: State) -> None:
    (notice,) = sending(rows)
    receipt(rows, Receipt(notice, delivered=False))
    if state is State.waiting:
        with transaction(rows.connection) as cursor:
            settling.resend(cursor, [notice], LIMITS, least_id(rows.now(), REACH))
    assert settle(rows, accepted(notice, 3)) == []
    assert rows.of(notice, "state", "provider_parts") == (state, None)
    rows.check_meter()


def test_an_answer_to_a_request_before_the_last_one_says_nothing(rows: Rows) -> None:
    (notice,) = unknown(rows)
    written_again(rows, notice, 1)
    assert settle(rows, accepted(notice, 3)) == []
    assert rows.of(notice, "state", "provider_parts") == ("sending", None)


@pytest.mark.parametrize("charged", [None, 1])
def test_what_is_sent_again_owes_its_own_parts(rows: Rows, charged: int | None) -> None:
    """Not those of the message before it, which did not arrive."""
    (notice,) = sending(rows)
    settle(rows, accepted(notice, 3))
    receipt(rows, Receipt(notice, delivered=False))
    written_again(rows, notice, 1, "webhook")
    settle(rows, accepted(notice, charged, attempt=2))
    assert rows.of(notice, "state", "provider_parts") == ("sent", charged)
    of_first, of_second = Usage("sms", "mitake", 0, 0, 0, 0), Usage("sms", "webhook", 1, 1, 1, 0)
    assert usage(rows) == [of_first, of_second]
    rows.check_meter()


def test_a_message_that_arrived_after_all_owes_its_parts(rows: Rows) -> None:
    """It was sent again by hand, and that had not begun yet."""
    (notice,) = sending(rows)
    settle(rows, accepted(notice, 3))
    receipt(rows, Receipt(notice, delivered=False))
    with transaction(rows.connection) as cursor:
        settling.resend(cursor, [notice], LIMITS, least_id(rows.now(), REACH))
    receipt(rows, Receipt(notice, delivered=True))
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 3, 0)]
    rows.check_meter()


def test_a_receipt_keeps_a_message_from_being_written_again(rows: Rows) -> None:
    (notice,) = sending(rows)
    settle(rows, Settled(notice, State.sending, 1, State.waiting, "unanswered"))
    assert receipt(rows, Receipt(notice, delivered=True)).changed == {notice}
    assert rows.states() == {"sent": 1}
    rows.check_meter()


def test_the_same_receipt_twice_changes_nothing_more(rows: Rows) -> None:
    (notice,) = unknown(rows)
    both = Receipt(notice, delivered=True, parts=2)
    assert receipt(rows, both, both) == Receipts(frozenset({notice}), frozenset({notice}))
    assert receipt(rows, both) == Receipts(frozenset(), frozenset({notice}))
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 2, 0)]
    rows.check_meter()


def test_a_receipt_for_a_notice_that_is_none_is_told_apart(rows: Rows) -> None:
    rows.notice()
    assert receipt(rows, Receipt(uuid4(), delivered=True)) == Receipts(frozenset(), frozenset())


def test_a_receipt_says_later_what_was_charged_or_that_it_did_not_arrive(rows: Rows) -> None:
    first, second = sending(rows, 2)
    settle(rows, *(Settled(each, State.sending, 1, State.sent) for each in (first, second)))
    receipt(rows, Receipt(first, delivered=True, parts=5), Receipt(second, delivered=False))
    assert rows.states() == {"sent": 1, "failed": 1}
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 5, 0)]
    rows.check_meter()


@pytest.mark.parametrize("by", ["operator", "answer", "receipt"])
def test_what_was_held_to_have_failed_and_arrived_is_sent_and_owed(rows: Rows, by: str) -> None:
    (notice,) = unknown(rows) if by == "operator" else sending(rows)
    match by:
        case "operator":
            with transaction(rows.connection) as cursor:
                settling.resolve(cursor, [notice], State.failed)
        case "answer":
            settle(rows, Settled(notice, State.sending, 1, State.failed, Why.refused))
        case _:
            receipt(rows, Receipt(notice, delivered=False))
    assert receipt(rows, Receipt(notice, delivered=True)).moved == {("sms", "sent"): 1}
    assert receipt(rows, Receipt(notice, delivered=True)).changed == set()
    assert rows.of(notice, "state", "reason") == ("sent", None)
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 2, 0)]
    rows.check_meter()


@pytest.mark.parametrize("before", [State.sent, State.unknown, State.sending])
def test_what_has_arrived_is_not_undone_by_what_is_said_later(rows: Rows, before: State) -> None:
    (notice,) = sending(rows)
    if before is not State.sending:
        settle(rows, Settled(notice, State.sending, 1, before))
    arrived, lost = Receipt(notice, delivered=True), Receipt(notice, delivered=False, parts=3)
    assert receipt(rows, arrived).changed == {notice}
    assert receipt(rows, lost, lost).changed == set()
    assert receipt(rows, lost, arrived).changed == set()
    assert rows.of(notice, "state", "reason") == ("sent", None)
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 2, 0)]
    rows.check_meter()


@pytest.mark.parametrize("ended", [State.expired, State.skipped, State.withdrawn])
def test_what_was_sent_again_and_ended_has_arrived_the_first_time(rows: Rows, ended: State) -> None:
    (notice,) = unknown(rows)
    with transaction(rows.connection) as cursor:
        settling.resend(cursor, [notice], LIMITS, least_id(rows.now(), REACH))
    settle(rows, Settled(notice, State.waiting, 1, ended))
    assert receipt(rows, Receipt(notice, delivered=True)).moved == {("sms", "sent"): 1}
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 2, 0)]
    rows.check_meter()


def test_a_receipt_that_comes_again_does_not_end_what_was_sent_again(rows: Rows) -> None:
    """It is of the message that failed, whose id the provider gave."""
    (notice,) = sending(rows)
    settle(rows, Settled(notice, State.sending, 1, State.sent, provider_id="m1"))
    lost = Receipt(notice, delivered=False, provider_id="m1")
    assert receipt(rows, lost).changed == {notice}
    written_again(rows, notice, 2)
    assert receipt(rows, lost).changed == set()
    settle(rows, Settled(notice, State.sending, 2, State.sent, provider_id="m2"))
    assert receipt(rows, lost).changed == set()
    assert rows.of(notice, "state", "provider_id") == ("sent", "m2")
    assert receipt(rows, Receipt(notice, delivered=False, provider_id="m2")).changed == {notice}
    rows.check_meter()


def test_of_receipts_that_come_together_no_figure_is_lost(rows: Rows) -> None:
    (notice,) = sending(rows)
    both = Receipt(notice, delivered=True, parts=3), Receipt(notice, delivered=True)
    receipt(rows, *both)
    assert rows.of(notice, "state", "provider_parts") == ("sent", 3)
    rows.check_meter()


def test_a_receipt_touches_nothing_that_was_never_written(rows: Rows) -> None:
    states = (State.waiting, State.skipped, State.expired, State.failed)
    ids = [rows.notice(state=state) for state in states]
    assert receipt(rows, *(Receipt(each, delivered=True) for each in ids)).changed == set()
    assert rows.states() == dict.fromkeys(states, 1)


def test_an_operator_resolves_what_is_unknown_and_nothing_else(rows: Rows) -> None:
    arrived, lost = unknown(rows, 2)
    waiting = rows.notice()
    with transaction(rows.connection) as cursor:
        assert len(settling.resolve(cursor, [arrived, waiting], State.sent)) == 1
        assert len(settling.resolve(cursor, [lost], State.failed)) == 1
    assert rows.states() == {"sent": 1, "failed": 1, "waiting": 1}
    assert usage(rows) == [Usage("sms", "mitake", 1, 2, 2, 0)]
    rows.check_meter()


@pytest.mark.parametrize("analyzed", [True, False])
def test_what_an_operator_resolves_is_found_by_its_id(rows: Rows, analyzed: bool) -> None:
    """However many others are unknown, and whatever PostgreSQL believes of that."""
    if not analyzed:
        rows.notice()
        rows.admin.execute("ANALYZE notices.notice")
    ids = rows.notices(2000, state=State.unknown, month=MONTH, provider="mitake", attempt=1)
    if analyzed:
        rows.admin.execute("ANALYZE notices.notice")
    chosen = [ids[3], ids[1500]]
    with transaction(rows.connection) as cursor:
        statement = settling._SQL["resolve"]
        plan = shape_of(cursor, statement, [settling._ids(chosen), "sent"])
    read = [int(rows) for rows in re.findall(r"actual rows=(\d+)", plan)]
    dropped = [int(rows) for rows in re.findall(r"Removed by \w+(?: \w+)*: (\d+)", plan)]
    assert max(read + dropped) < 10, plan
    assert rows.states() == {"sent": 2, "unknown": 1998} | ({} if analyzed else {"waiting": 1})


def test_an_operator_sends_again_what_is_not_too_old(rows: Rows) -> None:
    (notice,) = unknown(rows)
    old = rows.notice(state=State.failed, recorded_us=rows.now() - 9 * DAY)
    sent = rows.notice(state=State.sent, month=MONTH, provider="mitake", attempt=1)
    with transaction(rows.connection) as cursor:
        ids = [notice, old, sent]
        least = least_id(rows.now(), REACH)
        assert settling.resend(cursor, ids, LIMITS, least) == [notice]
    state, asked, attempt, give_up = rows.of(notice, "state", "asked_us", "attempt", "give_up_us")
    assert (state, asked, attempt) == ("waiting", None, 1)
    assert give_up >= rows.now() + DAY - MINUTE
    assert usage(rows) == [Usage("sms", "mitake", 0, 0, 0, 0)]


def test_a_reminder_that_is_sent_again_goes_before_the_points_lapse_or_not_at_all(
    rows: Rows,
) -> None:
    now, hour = rows.now(), 60 * MINUTE

    def expired(member: str, lapse: int | None, kind: Kind = Kind.expiring) -> UUID:
        return rows.notice(member_id=member, kind=kind, expires_us=lapse, state=State.expired)

    soon, late = expired("ann", now + hour), expired("bob", now + 30 * DAY)
    over = expired("cat", now - SECOND)
    earned = expired("dan", now + hour, Kind.earned)
    never = expired("eve", None, Kind.earned)
    ids = [soon, late, over, earned, never]
    with transaction(rows.connection) as cursor:
        done = settling.resend(cursor, ids, LIMITS, least_id(rows.now(), REACH))
    assert set(done) == {soon, late, earned, never}
    assert rows.of(soon, "give_up_us") == now + hour
    for each in (late, earned, never):
        assert rows.of(each, "give_up_us") >= now + DAY
    assert rows.of(over, "state") == "expired"


@pytest.mark.parametrize(("taken", "again"), [(40, True), (100, False)])
def test_what_is_sent_again_tells_what_is_left_by_now(rows: Rows, taken: int, again: bool) -> None:
    """What did not wait was not brought up to date."""
    (notice,) = rows.notices(
        1, state=State.expired, order_id="o1", event_points=100, event_sequence=7
    )
    rows.notices(
        1, kind=Kind.corrected, channel=Channel.email, state=State.skipped, order_id="o1",
        points=-taken, event_points=-taken, event_sequence=9, sequence=9, balance=340 - taken,
    )  # fmt: skip
    other = rows.notice(state=State.expired, order_id="o2", event_points=100, event_sequence=8)
    with transaction(rows.connection) as cursor:
        least = least_id(rows.now(), REACH)
        done = resending.resend(cursor, [notice, other], LIMITS, least)
    assert (notice in done, other in done) == (again, True)
    assert rows.of(other, "state", "points", "balance") == ("waiting", 100, 340)
    state, points, balance, sequence = rows.of(notice, "state", "points", "balance", "sequence")
    if again:
        assert (state, points, balance, sequence) == ("waiting", 60, 300, 9)
    else:
        assert (state, points) == ("expired", 100)


@pytest.mark.parametrize(
    "decides",
    [
        "SELECT FROM notices.cursor FOR UPDATE",
        "SELECT pg_advisory_xact_lock(736005, 0)",  # what was parked
    ],
)
def test_what_is_sent_again_and_what_is_taken_back_at_one_moment_see_one_another(
    rows: Rows, decides: str
) -> None:
    """Whoever decides has a lock, and takes what has failed for what waits no more."""
    notice = rows.notice(state=State.failed, order_id="o1", event_points=100, event_sequence=7)
    rows.admin.execute(
        """INSERT INTO notices.cursor (pipeline, cluster, topic_uuid, partition, topic,
                                       first_offset, next_offset, updated_us)
           VALUES ('notices', 'c', 'u', 0, 'points.changed.v1', 0, 0, 0)"""
    )
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    def send_again() -> list[UUID]:
        with transaction(rows.connection) as cursor:
            least = least_id(rows.now(), REACH)
            return resending.resend(cursor, [notice], LIMITS, least)

    with ThreadPoolExecutor(1) as thread, psycopg.connect(rows.url) as deciding:
        deciding.execute(decides.encode())
        sent_again = thread.submit(send_again)
        wait_for("who sends again", lambda: sent_again.done() or rows.value(waits))
        rows.notices(
            1, kind=Kind.corrected, channel=Channel.email, state=State.skipped, order_id="o1",
            points=-100, event_points=-100, event_sequence=9, sequence=9, balance=240,
        )  # fmt: skip
        deciding.commit()
        assert sent_again.result() == []
    assert rows.of(notice, "state") == State.failed


def test_what_deciding_ends_is_announced_by_it(rows: Rows) -> None:
    ended = Ended(
        uuid4(), uuid4(), "a:b", "ann", Kind.earned, Channel.sms, State.skipped, Why.off, None, 0,
        rows.now(),
    )  # fmt: skip
    with transaction(rows.connection) as cursor:
        settling.announce(cursor, [ended])
    ((key, value),) = rows.published()
    assert key == b"a%3Ab:ann"
    assert NoticeChanged.model_validate_json(value).reason == "off"


def test_what_shops_have_used_counts_the_providers_parts(rows: Rows) -> None:
    (notice,) = sending(rows)
    settle(rows, Settled(notice, State.sending, 1, State.sent, provider_parts=7))
    other = rows.shop("other")
    asked = [(rows.shop("shop"), MONTH), (other, MONTH), (rows.shop("shop"), 202612)]
    found = meter.used(raw(rows.connection), Channel.sms, asked)
    assert found == dict(zip(asked, [7, 0, 0], strict=True))


def test_parts_are_published_of_what_was_sent_alone(rows: Rows) -> None:
    sent, lost = sending(rows, 2)
    settle(
        rows,
        Settled(sent, State.sending, 1, State.sent),
        Settled(lost, State.sending, 1, State.unknown),
    )
    records = [NoticeChanged.model_validate_json(value) for _, value in rows.published()]
    assert {each.notice_id: each.parts for each in records} == {sent: 2, lost: None}
    assert rows.meter()[0][4:] == (2, 4, 4, 1)  # owed all the same, until it is known
