"""Two senders that run, on one lane: what they keep to while notices wait and providers fail.

Tests share the processes and take shops of their own; none leaves a provider in a mood.
"""

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from rules.notices.breaker import FAILURES, FIRST_OPEN
from rules.notices.rates import holds
from schemas.ids import DAY, SECOND
from schemas.notices.words import Channel
from store.notices.sending import settling
from store.notices.sending.settling import Receipt
from store.postgres.session import transaction
from tests.support.engine import wait_for
from tests.support.notices.senders import RATE, Senders
from tests.support.upstream import Json


def test_a_rate_is_kept_by_both_while_every_shop_has_its_turn(senders: Senders) -> None:
    many = senders.later(160, senders.shop())
    small = [senders.later(1, senders.shop())[0] for _ in range(6)]
    senders.due(*many, *small)
    senders.all_sent([*many, *small])
    got = senders.got([*many, *small])
    order, at = [each["notice_id"] for each in got], [each["at"] for each in got]
    assert len(order) == len(set(order)) == len(many) + len(small)
    # A full bucket at the beginning, and what had been let go when the first one came.
    assert len(got) <= 1.05 * RATE * (at[-1] - at[0]) + 2 * holds(RATE)
    # Whatever else holds the machine up, some second is used as it could be.
    a_second = int(RATE)
    fastest = min(later - earlier for earlier, later in zip(at, at[a_second:], strict=False))
    assert 0.95 * RATE * fastest <= a_second
    assert max(order.index(str(each)) for each in small) < len(order) / 2


def test_a_shop_that_has_used_up_its_month_is_left_out(senders: Senders) -> None:
    shop = senders.shop(sms={"monthly_limit_parts": 3})
    ids = senders.rows.notices(5, shop)
    query = """SELECT state, reason, count(*) FROM notices.notice WHERE notice_id = ANY (%s)
               GROUP BY 1, 2 ORDER BY 1"""
    wanted = [("sent", None, 3), ("skipped", "limit", 2)]
    wait_for(
        "three sent, two not",
        lambda: [tuple(r) for r in senders.rows.admin.execute(query, [ids])] == wanted,
    )
    assert len(senders.got(ids)) == 3

    def told() -> list[Json]:
        return [each for worker in senders.workers for each in worker.lines("limit_reached")]

    # It is written down first, counted then, and said at last.
    lines = partial(filter, lambda each: each["merchant_id"] == shop)
    (line,) = wait_for("it is said", lambda: [*lines(told())])
    assert (line["level"], line["limit"]) == ("warning", 3)
    assert senders.counted("points_notices_limits_reached_total") == len(told())


def test_who_does_not_want_to_hear_by_then_is_not_told(senders: Senders) -> None:
    shop = senders.shop(members=("ann", "bob"))
    ann, bob = (senders.later(1, shop, member_id=member)[0] for member in ("ann", "bob"))
    senders.opt_out(shop, "ann")
    senders.due(ann, bob)
    senders.become(ann, "skipped", "opted_out")
    senders.become(bob, "sent")
    assert [each["notice_id"] for each in senders.got([ann, bob])] == [str(bob)]


def test_quiet_hours_that_began_while_it_waited_are_kept(senders: Senders) -> None:
    shop = senders.shop()
    (notice,) = senders.later(1, shop)
    zone = ZoneInfo("Asia/Taipei")
    now = datetime.fromtimestamp(senders.rows.now() / SECOND, zone)
    begins, ends = now - timedelta(hours=1), now + timedelta(hours=2)
    senders.apply(shop, quiet={"sms": f"{begins:%H:%M}-{ends:%H:%M}", "email": None})
    senders.due(notice)
    senders.become(notice, "waiting", "quiet")
    until = int(ends.replace(second=0, microsecond=0).timestamp() * SECOND)
    assert 0 <= senders.rows.of(notice, "not_before_us") - until < SECOND
    assert senders.got([notice]) == []
    senders.passes(2 * 3600)
    senders.become(notice, "sent")


def test_what_could_not_go_in_time_is_not_sent_late(senders: Senders) -> None:
    shop = senders.shop()
    waits = senders.rows.now() + 10 * DAY
    sms, mail = (
        senders.later(
            1, shop, channel=each, not_before_us=waits, give_up_us=senders.rows.now() + days * DAY
        )[0]
        for each, days in ((Channel.sms, 1), (Channel.email, 3))
    )
    senders.passes(25 * 3600)
    senders.become(sms, "expired", None)
    assert senders.rows.of(mail, "state") == "waiting"
    senders.passes(48 * 3600)
    senders.become(mail, "expired", None)
    assert senders.got([sms, mail]) == []


def test_what_waits_of_a_shop_that_gave_up_sms_is_off(senders: Senders) -> None:
    """It names no provider any more, so that no sender takes it in hand."""
    shop = senders.shop()
    senders.apply(shop, sms={"enabled": False, "provider": None})
    (notice,) = senders.later(1, shop, not_before_us=0, give_up_us=senders.rows.now() + DAY)
    senders.passes(25 * 3600)
    senders.become(notice, "skipped", "off")


def test_a_provider_that_asks_for_time_has_it(senders: Senders) -> None:
    shop = senders.shop(sms={"provider": "twilio"})
    hour = 3600
    senders.sinks.become("twilio", mood="busy", retry_after=hour)
    notice = senders.rows.notice(shop)
    senders.become(notice, "waiting", "later")
    until, since = senders.rows.of(notice, "not_before_us", "changed_us")
    assert hour * SECOND <= until - since <= (hour + 1) * SECOND
    senders.sinks.become("twilio", mood="normal")
    senders.passes(hour + 1)
    senders.become(notice, "sent")
    assert len(senders.got([notice])) == 2


def test_wrong_credentials_shut_a_provider_at_once_until_a_probe_gets_through(
    senders: Senders,
) -> None:
    other, shop = senders.shop(), senders.shop(sms={"provider": "twilio"})
    senders.sinks.become("twilio", mood="credentials")
    ids = senders.rows.notices(24, shop)
    wait_for("an open breaker", lambda: senders.shut_until("twilio") > senders.rows.now())
    goes_on = senders.rows.notice(other)
    senders.become(goes_on, "sent")
    waiting = "SELECT count(*) FROM notices.notice WHERE notice_id = ANY (%s) AND state = 'waiting'"
    wait_for("all wait again", lambda: senders.rows.value(waiting, ids) == len(ids))
    asked = [each["at"] for each in senders.got(ids)]
    # A chunk of each sender; who waits for longer than a breaker is shut sees probes as well.
    shut = FIRST_OPEN.total_seconds()
    assert len([at for at in asked if at < asked[0] + shut]) <= 2 * 8
    senders.sinks.become("twilio", mood="normal")
    senders.passes(10)
    senders.all_sent(ids)
    assert senders.shut_until("twilio") == 0
    taken = [each for each in senders.got(ids) if each["taken"]]
    assert len(taken) == len(ids)


def test_failures_in_a_row_shut_a_provider_and_no_other_until_it_is_well(senders: Senders) -> None:
    other, shop = senders.shop(), senders.shop(sms={"provider": "twilio"})
    senders.sinks.become("twilio", mood="busy")
    ids = senders.rows.notices(100, shop)

    def says_why() -> bool:
        pages = [worker.get("/readyz") for worker in senders.workers]
        return any(
            code == 503 and "twilio: it takes nothing; tried" in page for code, page in pages
        )

    wait_for("not ready, and why", says_why)
    # A chunk may be on its way when the twentieth fails.
    asked = len(senders.got(ids))
    assert FAILURES <= asked <= 2 * (FAILURES + 8)
    goes_on = senders.rows.notice(other)
    senders.become(goes_on, "sent")
    senders.sinks.become("twilio", mood="normal")
    senders.passes(20)
    senders.all_sent(ids)
    for worker in senders.workers:
        worker.wait_ready()
    assert senders.shut_until("twilio") == 0


def test_mails_of_a_sender_that_is_refused_wait_until_its_shop_mends_it(senders: Senders) -> None:
    """Nothing is lost meanwhile, and the other shops' mails go on."""
    bad, other = senders.shop(email={"from": "Bad <points@bad.example>"}), senders.shop()
    senders.sinks.become("smtp", mood="wrong", stage="mail", sender="points@bad.example")
    later = senders.rows.now() + 3 * DAY
    ids = senders.rows.notices(FAILURES + 8, bad, channel=Channel.email, give_up_us=later)
    query = "SELECT count(*) FROM notices.notice WHERE notice_id = ANY (%s) AND reason = %s"
    wait_for("it is refused", lambda: senders.rows.value(query, ids, "shop_refused"))
    senders.all_sent(senders.rows.notices(FAILURES, other, channel=Channel.email))
    left_alone = partial(senders.counted, "points_notices_shops_left_alone", provider="smtp")
    wait_for("it is left alone", left_alone)
    assert senders.shut_until("smtp") == 0
    told = [each for worker in senders.workers for each in worker.lines("shop_left_alone")]
    assert (bad, "550-5.1.1") in {(each["merchant_id"], each["why"]) for each in told}
    query = "SELECT max(attempt) FROM notices.notice WHERE notice_id = ANY (%s) AND state = %s"
    assert senders.rows.value(query, ids, "failed") is None
    senders.sinks.become("smtp", mood="normal")
    senders.passes(60)
    senders.all_sent(ids)


def test_a_receipt_before_the_answer_is_not_overruled(senders: Senders) -> None:
    shop = senders.shop(sms={"provider": "twilio"})
    senders.sinks.become("twilio", mood="held")
    notice = senders.rows.notice(shop)
    wait_for("the request", lambda: senders.got([notice]))
    assert senders.rows.of(notice, "state") == "sending"
    with transaction(senders.rows.connection) as cursor:
        settling.receipt(cursor, [Receipt(notice, delivered=False, parts=1)])
    senders.become(notice, "failed", "refused")
    senders.sinks.become("twilio", mood="normal")
    wait_for("the answer", lambda: senders.got([notice])[0]["answered"])
    after = senders.rows.notice(shop)
    senders.become(after, "sent")
    assert senders.rows.of(notice, "state") == "failed"


@pytest.mark.parametrize(
    ("on_unknown", "state", "again"), [("hold", "unknown", False), ("resend", "sent", True)]
)
def test_a_shop_says_what_becomes_of_what_nobody_answered(
    senders: Senders, on_unknown: str, state: str, *, again: bool
) -> None:
    shop = senders.shop(sms={"provider": "twilio", "on_unknown": on_unknown})
    senders.sinks.become("twilio", mood="lost")
    before = senders.counted("points_notices_parts_total", outcome=state)
    notice = senders.rows.notice(shop)
    wait_for("the first request", lambda: senders.got([notice]))
    senders.sinks.become("twilio", mood="normal")
    wait_for(state, lambda: senders.rows.of(notice, "state") == state)
    assert (len(senders.got([notice])) > 1) is again
    parts = senders.rows.of(notice, "parts")
    wait_for(
        "parts that are counted",
        lambda: senders.counted("points_notices_parts_total", outcome=state) == before + parts,
    )


@pytest.mark.parametrize("trouble", ["flushed", "away"])
def test_without_valkey_nothing_is_sent_twice_nor_faster(senders: Senders, trouble: str) -> None:
    senders.know_of_each_other()
    ids = senders.rows.notices(80, senders.shop(sms={"sender": trouble.upper()}))
    wait_for("the first messages", lambda: len(senders.got(ids)) >= 8)
    if trouble == "flushed":
        senders.valkey.flushall()
        senders.all_sent(ids)
    else:
        with senders.without_valkey():
            senders.all_sent(ids)
    got = senders.got(ids)
    assert len(got) == len({each["notice_id"] for each in got}) == len(ids)
    seconds = got[-1]["at"] - got[0]["at"]
    # Flushed, a bucket is full again.
    assert len(got) <= 1.05 * RATE * seconds + 3 * holds(RATE)
