"""Which shops have something that could go, and since when."""

from dataclasses import replace
from typing import Any

from processors.notices.providers.left_alone import OF_SENDERS, LeftAlone
from processors.notices.providers.port import Answer, Outcome, Own
from processors.notices.sending.in_hand.hand import Hand
from processors.notices.sending.in_hand.taking import Taking, Terms
from processors.notices.sending.ports import Outside, Shop
from schemas.ids import DAY, MINUTE
from schemas.notices.words import Channel
from store.notices.sending.queue import least_id
from store.postgres.session import transaction
from tests.support.notices.rows import REACH, Rows

REFUSED, TAKEN = Answer(Outcome.shop_refused), Answer(Outcome.taken)


def test_who_is_left_alone_is_not_taken_for_a_lane_that_is_behind(rows: Rows) -> None:
    """What is a shop's own it mends by day: whoever is woken for the lane could not.

    But where every shop is refused and nobody's messages are taken, the provider may be what is
    broken, and then nothing would tell of it before all has expired.
    """
    unused: Any = None
    one = Shop(
        rows.shop("one"), "one", "Asia/Taipei", ("en",), True, True, lambda *_: True, "twilio",
        "ONE", None, "TW", None, None, "hold", {}, "One", None,
    )  # fmt: skip
    other = replace(one, merchant_no=rows.shop("other"), merchant_id="other", sender="OTHER")
    outside = Outside(
        shops=lambda *_: {shop.merchant_no: shop for shop in (one, other)},
        seals=unused,
        opted_out=unused,
        lapsing=unused,
        month_of=unused,
        not_before=unused,
        wording=unused,
    )
    now = rows.now()
    rows.notice("one", decided_us=now - 9 * MINUTE)
    rows.notice("other", decided_us=now - 5 * MINUTE)
    terms = Terms(10.0, 8, "a", MINUTE, REACH, 3 * DAY)
    taking = Taking("twilio", Channel.sms, terms, outside)
    clock = [1000.0]
    alone = LeftAlone("twilio", lambda: clock[0], told_by=OF_SENDERS)
    hand = Hand("twilio", Channel.sms, 10.0, alone)
    with transaction(rows.connection) as cursor:
        taking.look(cursor, least_id(now, REACH))
    assert taking.oldest(hand, now) == now - 9 * MINUTE
    alone.learn(Own("one", "ONE"), REFUSED)
    assert (taking.oldest(hand, now), taking.shops(hand)) == (now - 5 * MINUTE, [other.merchant_no])
    # Both: it is theirs, as long as it may be that others' are taken.
    alone.learn(Own("other", "OTHER"), REFUSED)
    assert (taking.oldest(hand, now), taking.shops(hand)) == (None, [])
    # Whoever tries it waits anew; but nothing was taken since, so it may be the provider.
    rows.connection.execute("UPDATE notices.notice SET not_before_us = %s", [now + 10 * MINUTE])
    for minutes in range(5, 125, 5):
        clock[0] += 300
        later = now + minutes * MINUTE
        with transaction(rows.connection) as cursor:
            taking.look(cursor, least_id(later, REACH))
        alone.learn(Own("one", "ONE"), REFUSED)
        alone.learn(Own("other", "OTHER"), REFUSED)
        assert taking.oldest(hand, later) == (None if later < now + 10 * MINUTE else now)
    # It takes what others send: so it is these two.
    alone.learn(Own("third", "THIRD"), TAKEN)
    assert taking.oldest(hand, now + 120 * MINUTE) is None
