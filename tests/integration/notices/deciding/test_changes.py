"""Changes of points as notices: the rows that they make, once, whatever comes how often."""

import pytest

from processors import metrics
from schemas.ids import DAY
from store.postgres import session
from store.streams import outbox
from tests.support.notices.decided import MAIL, NOON, SMS, DecidingLane, changed
from tests.support.notices.lane import PLACE

HOUR = DAY // 24


def test_a_grant_makes_a_notice_for_each_channel(shop: DecidingLane) -> None:
    counts = shop.change(
        changed(available=250, lots=[(60, "2027-12-31T16:00:00Z"), (40, "2026-12-31T16:00:00Z")])
    )
    assert (counts.applied, counts.ignored) == (1, 0)
    assert shop.told() == [
        ("email", "earned", "waiting", None),
        ("sms", "earned", "waiting", None),
    ]
    figures = "points, event_points, balance, sequence, event_sequence, order_id, expires_us"
    assert shop.told(figures)[0] == (100, 100, 250, 1, 1, "order", 1_798_732_800_000_000)
    times = "recorded_us, not_before_us, give_up_us, decided_us, attempt"
    assert shop.told(times) == [
        (NOON, NOON, NOON + 3 * DAY, NOON, 0),
        (NOON, NOON, NOON + DAY, NOON, 0),
    ]


def test_a_batch_that_comes_again_makes_nothing_new(shop: DecidingLane) -> None:
    events = [changed(n, member=f"m{n}") for n in range(1, 4)]
    shop.change(*events[:2])
    before = shop.told("notice_id, state")
    counts = shop.change(*events)
    assert (counts.applied, counts.duplicate) == (1, 2)
    assert [row for row in shop.told("notice_id, state") if row in before] == before
    shop.anew()
    assert shop.change(*events, *events).duplicate == 6
    assert len(shop.told()) == 6


def test_what_comes_again_leaves_alone_what_became_of_it(shop: DecidingLane) -> None:
    event = changed()
    shop.change(event)
    shop.admin.execute("UPDATE notices.notice SET state = 'sent', balance = 7")
    shop.change(event)
    assert set(shop.told("state, balance")) == {("sent", 7)}


def test_every_record_has_one_outcome(shop: DecidingLane) -> None:
    waiting = metrics.NOTICES_DECIDED.labels("sms", "waiting")
    before = waiting._value.get()
    counts, poison = shop.process(
        shop.changes,
        [
            changed(1),
            changed(1),
            changed(2, "held", 0),
            changed(3, "gifted"),
            changed(4, "assigned", order=None),
            changed(5, "granted", at=NOON - 401 * DAY),
            changed(6, merchant="unheard"),
            changed(6, merchant="unheard"),
            None,
            b"{",
        ],
    )
    assert (counts.applied, counts.duplicate, counts.parked, len(poison)) == (1, 2, 1, 1)
    assert counts.reasons == {
        "no_notice": 1, "unknown_type": 1, "not_asked": 1, "not_kept": 1, "null_value": 1,
    }  # fmt: skip
    assert waiting._value.get() == before + 1


def test_a_replay_of_old_events_tells_nobody(shop: DecidingLane) -> None:
    days = [changed(n, member=f"m{n}", at=NOON - n * DAY - 1) for n in range(1, 30)]
    assert shop.change(*days).applied == 29
    assert set(shop.told()) == {
        ("email", "earned", "skipped", "too_old"),
        ("sms", "earned", "skipped", "too_old"),
    }
    weeks = shop.rows("SELECT count(DISTINCT tableoid) FROM notices.notice")
    assert weeks[0][0] in {5, 6}


@pytest.mark.parametrize("at", [0, NOON + DAY + 1])
def test_a_time_that_no_engine_wrote_is_poison(shop: DecidingLane, at: int) -> None:
    _, poison = shop.process(shop.changes, [changed(at=at), changed(2)])
    assert [(record.place, error.reason) for record, error in poison] == [(PLACE, "wrong_time")]
    assert "ann" not in str(poison[0][1])
    assert len(shop.told()) == 2


def test_members_who_cannot_or_will_not_be_told_are_skipped(shop: DecidingLane) -> None:
    shop.contact("shop", "has both", email=True, phone=True)
    shop.contact("shop", "has mail", email=True, phone=False)
    shop.contact("shop", "has none", email=False, phone=False)
    shop.opt_out("shop", "has both", "sms", "earned")
    shop.opt_out("shop", "not heard of", "email")
    members = ["has both", "has mail", "has none", "not heard of"]
    shop.change(*[changed(n, member=each) for n, each in enumerate(members, 1)])
    assert [(m, c, why or state) for m, c, state, why in shop.told(
        "member_id, channel, state, reason"
    )] == [
        ("has both", "email", "waiting"),
        ("has both", "sms", "opted_out"),
        ("has mail", "email", "waiting"),
        ("has mail", "sms", "no_address"),
        ("has none", "email", "no_address"),
        ("has none", "sms", "no_address"),
        ("not heard of", "email", "opted_out"),
        ("not heard of", "sms", "waiting"),
    ]  # fmt: skip


def test_what_a_member_would_have_heard_is_published(shop: DecidingLane) -> None:
    shop.contact("shop", "ann", email=False, phone=True)
    shop.change(changed(), changed(2, "adjusted", -30))
    rows = shop.rows("SELECT value FROM notices.outbox WHERE kind = 11 ORDER BY id")
    records = [record for (value,) in rows for record in outbox.records_of(value)]
    assert [key for key, _ in records] == [b"shop:ann"]
    assert b'"no_address"' in records[0][1]


def test_a_grant_at_midnight_waits_for_the_end_of_the_quiet_hours(lane: DecidingLane) -> None:
    midnight = NOON - 12 * HOUR
    lane.clock(midnight)
    lane.hear_of("shop")
    lane.apply("shop", quiet={})
    lane.change(changed(at=midnight))
    assert lane.told("channel, not_before_us") == [
        ("email", midnight),
        ("sms", midnight + 9 * HOUR),
    ]


def test_other_settings_count_from_the_next_change_on(shop: DecidingLane) -> None:
    shop.change(changed(1))
    shop.apply("shop", sms={**SMS, "kinds": {"earned": False}})
    shop.change(changed(2))
    shop.apply("shop", email={**MAIL, "enabled": False})
    shop.change(changed(3))
    assert [row[3] for row in shop.told()] == [None, None, None, "off", "off", None]


def test_points_settings_that_take_effect_later_count_from_then(shop: DecidingLane) -> None:
    later = NOON + HOUR
    at = {"effective_at": "2026-11-27T05:00:00Z"}
    shop.hear_of("shop", version=2, enabled=False, **at)
    shop.change(changed(1))
    shop.clock(later)
    shop.change(changed(2, at=later))
    assert [row[3] for row in shop.told()] == [None, None, "feature_off", "feature_off"]


def test_a_shop_without_the_plan_tells_nobody(lane: DecidingLane) -> None:
    plain = {"plan": "basic", "modules": []}
    lane.hear_of("plain", entitlement=plain)
    lane.hear_of("module", entitlement={**plain, "modules": ["crm_credits"]})
    for each in ("plain", "module"):
        lane.apply(each)
        lane.change(changed(merchant=each))
    reasons = lane.rows(
        "SELECT merchant_id, array_agg(DISTINCT reason) FROM notices.notice "
        "JOIN notices.shop USING (merchant_no) GROUP BY 1 ORDER BY 1"
    )
    assert reasons == [("module", [None]), ("plain", ["no_plan"])]


def test_a_reason_is_kept_sealed_and_only_for_the_member(shop: DecidingLane) -> None:
    event = changed(2, "assigned", 50, order=None, notify=(True, True), reason="For Ann's birthday")
    shop.change(event, changed(3, "assigned", 50, notify=(False, False), reason="quietly"))
    (sealed,), (other,) = shop.told("sealed_reason")
    number = shop.shop("shop")
    with session.transaction(shop.connection) as cursor:
        sealer = shop.sealer().with_keys(cursor, [(number, "ann")], create=False)
    assert sealer.open(number, "ann", "reason", sealed) == "For Ann's birthday"
    assert sealed == other
    everything = shop.rows("SELECT notice::text FROM notices.notice")
    assert "birthday" not in str(everything)
