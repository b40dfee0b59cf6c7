"""Status, doctor, cursors and dead letters of the lane, beside a real Kafka."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer, TopicPartition

from cli.support.broker import Broker
from processors.runtime.configuration import Configuration
from store.postgres import worker_beats
from tests.support.commands import points
from tests.support.engine import Engine
from tests.support.notices.lane import as_lane
from tests.support.notices.told import HOUR, Lane
from tests.support.upstream import Record

SHOP = "shop-a"


@pytest.fixture
def lane(engine: Engine) -> Iterator[Lane]:
    made = Lane(engine.database_url)
    yield made
    made.close()


def fed(engine: Engine, lane: Lane, records: int) -> tuple[str, str, str, int]:
    """So many records lie in partition 0 of the changes, all of them read."""
    topic = engine.topics["points_changed"]
    producer = Producer({"bootstrap.servers": engine.bootstrap, "log_level": 0})
    for number in range(records):
        producer.produce(topic, str(number).encode(), partition=0)
    producer.flush(30)
    broker = Broker(
        Configuration.model_validate(
            {
                "kafka": {"bootstrap_servers": engine.bootstrap},
                "database": {"url": engine.database_url},
            }
        )
    )
    place = (broker.cluster, topic, broker.topics([topic])[topic].uuid, 0)
    lane.cursor(place, 0, records)
    return place


def status(engine: Engine) -> Any:
    return points(engine.environment, "notices", "status", "--json").json


def findings(engine: Engine, **more: str) -> list[tuple[str, str]]:
    ran = points({**engine.environment, **more}, "doctor", "--json")
    return [
        (f["verdict"], f["what"])
        for f in orjson.loads(ran.out)
        if f["what"].startswith(("notices", "worker notices"))
    ]


def test_status_says_what_waits_what_is_unknown_and_how_far_it_has_read(
    engine: Engine, lane: Lane
) -> None:
    fed(engine, lane, 3)
    now = lane.now()
    lane.notice(SHOP, "ann", not_before_us=now - HOUR)
    lane.notice(SHOP, "bob", not_before_us=now + HOUR)
    lane.notice(SHOP, "cat", "sending")
    lane.notice(SHOP, "dan", "unknown", channel="email")
    lane.connection.execute("INSERT INTO provider VALUES ('mitake', %s, 'olga', NULL, NULL)", [now])
    answer = status(engine)
    sms = next(row for row in answer["notices"] if row["channel"] == "sms")
    email = next(row for row in answer["notices"] if row["channel"] == "email")
    assert (sms["waiting"], sms["due"], sms["sending"], sms["unknown"]) == (2, 1, 1, 0)
    assert (email["waiting"], email["unknown"]) == (0, 1)
    assert answer["providers"][0]["paused_by"] == "olga"
    (cursor,) = answer["cursors"]
    assert (cursor["pipeline"], cursor["lag"]) == ("notices", 0)
    text = points(engine.environment, "notices", "status").out
    assert "mitake paused by olga" in text
    figures = points(engine.environment, "status", "--json").json["notices"]
    assert figures["stopped"] == ["mitake"]
    assert (figures["waiting"], figures["due"], figures["unknown"]) == (2, 1, 1)


def test_a_lane_that_nobody_uses_is_off_for_doctor_and_not_in_the_status(engine: Engine) -> None:
    assert findings(engine) == [("ok", "notices: off, as POINTS_NOTICES__ENABLED says")]
    assert points(engine.environment, "status", "--json").json["notices"] is None


def test_doctor_names_workers_that_do_not_run_and_what_nobody_settles(
    engine: Engine, lane: Lane
) -> None:
    lane.notice(SHOP, "ann", not_before_us=lane.now() - HOUR)
    lane.notice(SHOP, "bob", "unknown")
    points(engine.environment, "notices", "pause", "--by", "olga")
    found = findings(engine, POINTS_NOTICES__ENABLED="true")
    assert ("warning", "worker notices-send: none is running") in found
    assert ("wrong", "notices: paused: by olga") in found
    assert ("warning", "notices: of 1 nobody knows whether they arrived") in found
    assert any(v == "wrong" and w.startswith("notices by sms: 1 could go") for v, w in found)


def test_shops_whose_sender_a_provider_refuses_are_named(engine: Engine, lane: Lane) -> None:
    why = "shop_refused"
    for member in ("ann", "bob"):
        lane.notice(SHOP, member, channel="email", provider="smtp", reason=why)
    lane.notice(SHOP, "ann", provider="webhook", reason=why)
    lane.notice("other", "cat", "expired", channel="email", provider="smtp", reason=why)
    refused = status(engine)["refused_merchants"]
    assert [(each["merchant_id"], each["channel"], each["provider"]) for each in refused] == [
        (SHOP, "email", "smtp"), (SHOP, "sms", "webhook"),
    ]  # fmt: skip
    text = points(engine.environment, "notices", "status").out
    assert f"smtp refuses the sender or the gateway of {SHOP}" in text
    found = findings(engine, POINTS_NOTICES__ENABLED="true")
    for what in ("smtp refuses the sender", "webhook refuses the own gateway"):
        assert ("warning", f"notices: {what} of merchant {SHOP}: its notices wait") in found


def test_doctor_says_which_of_the_notices_that_could_go_are_left_alone(
    engine: Engine, lane: Lane
) -> None:
    long_ago = lane.now() - HOUR
    lane.notice(SHOP, "ann", provider="twilio", reason="shop_refused", not_before_us=long_ago)
    lane.notice("other", "cat", channel="email", not_before_us=long_ago)
    found = findings(engine, POINTS_NOTICES__ENABLED="true")
    (sms,) = [what for _, what in found if what.startswith("notices by sms: 1 could go")]
    (email,) = [what for _, what in found if what.startswith("notices by email: 1 could go")]
    assert sms.endswith(f"; those of {SHOP} are left alone, as said above")
    assert "left alone" not in email


def test_doctor_names_shops_that_are_quiet_for_as_long_as_their_notices_wait(
    engine: Engine, lane: Lane
) -> None:
    sms = {"enabled": True, "sender": "SHOP", "provider": "mitake", "country": "TW", "max_parts": 4}
    given = {"sms": sms}
    notice_settings(engine, lane, SHOP, {**given, "quiet": {"sms": "21:00-09:00"}})
    notice_settings(engine, lane, "shop-b", {**given, "quiet": {"sms": None}})
    on = {"POINTS_NOTICES__ENABLED": "true"}
    assert ("ok", "notices: settings: 2 versions can be read") in findings(engine, **on)
    assert not quiet_shops(engine, POINTS_NOTICES__SMS_HOURS="13", **on)
    (found,) = quiet_shops(engine, POINTS_NOTICES__SMS_HOURS="12", **on)
    assert found[0] == "warning"
    assert "quiet hours of shop-a are no shorter than the 12 hours that one waits" in found[1]


def quiet_shops(engine: Engine, **more: str) -> list[tuple[str, str]]:
    return [found for found in findings(engine, **more) if "quiet hours" in found[1]]


def notice_settings(engine: Engine, lane: Lane, merchant: str, document: Any) -> None:
    lane.shop(merchant)
    apply = ("notices", "settings", "apply", merchant, "-")
    applied = points(engine.environment, *apply, stdin=json.dumps(document))
    assert applied.code == 0, applied


def test_doctor_names_notice_settings_that_cannot_be_read(engine: Engine, lane: Lane) -> None:
    notice_settings(engine, lane, SHOP, {"quiet": {"sms": None}})
    lane.connection.execute("""UPDATE notice_settings SET document = '{"quite": 1}'""")
    (found,) = [
        each
        for each in findings(engine, POINTS_NOTICES__ENABLED="true")
        if "cannot be read" in each[1]
    ]
    assert found[0] == "wrong"
    assert "such as version 1 of shop-a: quite is not a known key" in found[1]


def test_doctor_sees_the_lanes_workers_among_its_own_beats(engine: Engine, lane: Lane) -> None:
    del lane
    with as_lane(engine.database_url) as connection:
        worker_beats.beat(connection, "notices", "here", None)
    assert ("ok", "worker notices: 1 running") in findings(engine)


def test_doctor_says_that_the_lanes_cursor_stands_while_its_log_grows(
    engine: Engine, lane: Lane
) -> None:
    _, topic, _, _ = fed(engine, lane, 3)
    assert ("ok", "notices: lag: 0 records, and no cursor stands") in findings(engine)
    engine.produce([Record("points_changed", f"shop-a:{n}", b"{}") for n in range(8)])
    lane.connection.execute("UPDATE cursor SET updated_us = points_now() - 61000000")
    (found,) = [what for verdict, what in findings(engine) if "stands at" in what]
    assert found.startswith(f"notices: cursor of notices in {topic}/0: stands at 3 since")


def test_a_dead_letter_is_read_again_and_nothing_is_sent(engine: Engine, lane: Lane) -> None:
    cluster, topic, topic_uuid, _ = fed(engine, lane, 5)
    letter = lane.letter(topic, topic_uuid, 0, 2)
    lane.letter(topic, topic_uuid, 0, 4)
    again = points(engine.environment, "notices", "dlq", "redrive", str(letter), "--json").json
    assert again == {
        "letters": [letter],
        "partitions": [{"topic": topic, "partition": 0, "start": 2, "before": 5}],
    }
    rows = points(engine.environment, "notices", "cursor", "show", "--json").json
    assert [(r["first_offset"], r["next_offset"], r["retired"]) for r in rows] == [
        (0, 5, True),
        (2, 2, False),
    ]
    assert {r["cluster"] for r in rows} == {cluster}
    assert lane.value("SELECT count(*) FROM outbox") == 0
    listed = points(engine.environment, "notices", "dlq", "list", "--json").json
    assert [row["redriven_at"] is not None for row in listed] == [True, False]
    assert points(engine.environment, "notices", "dlq", "redrive", str(letter)).code == 5


def test_letters_of_a_topic_that_was_recreated_are_only_to_be_discarded(
    engine: Engine, lane: Lane
) -> None:
    fed(engine, lane, 1)
    letter = lane.letter(engine.topics["points_changed"], "another", 0, 0)
    ran = points(engine.environment, "notices", "dlq", "redrive", "--all")
    assert ran.code == 4
    assert "was created again" in ran.err
    discarded = points(engine.environment, "notices", "dlq", "discard", str(letter), "--json")
    assert discarded.json == {"discarded": [letter]}


def test_a_record_that_its_topic_has_forgotten_cannot_be_read_again(
    engine: Engine, lane: Lane
) -> None:
    _, topic, topic_uuid, _ = fed(engine, lane, 5)
    for future in engine.admin.delete_records([TopicPartition(topic, 0, 3)]).values():
        future.result(20)
    lane.letter(topic, topic_uuid, 0, 2)
    ran = points(engine.environment, "notices", "dlq", "redrive", "--all")
    assert ran.code == 4
    assert "has forgotten offset 2" in ran.err
    assert lane.value("SELECT count(*) FROM quarantine WHERE redriven_us IS NOT NULL") == 0


def test_the_lane_adopts_a_recreated_topic_and_tells_the_settings_topic_nothing(
    engine: Engine, lane: Lane
) -> None:
    fed(engine, lane, 5)
    engine.delete_topics("points_changed")
    engine.create_topics("points_changed")
    plans = points(engine.environment, "notices", "cursor", "adopt", "--yes", "--json").json
    assert {(plan["pipeline"], plan["start"]) for plan in plans} == {("notices", 0)}
    assert 0 in {plan["partition"] for plan in plans}
    assert lane.value("SELECT count(*) FROM outbox") == 0
    assert lane.value("SELECT count(*) FROM public.outbox") == 0
