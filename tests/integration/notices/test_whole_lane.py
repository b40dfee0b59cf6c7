"""The lane as it runs: both workers, from a change of points to what providers got."""

from collections.abc import Iterator
from functools import partial

import orjson
import psycopg
import pytest

from deploy.local.sinks.process import SinksProcess
from store.notices import meter
from store.postgres.session import raw
from tests.support.engine import TOPICS, Engine, Worker, wait_for
from tests.support.notices.planted import found_in, shown_by, tables, topics, valkey
from tests.support.notices.whole import Shop

NAME, EMAIL, PHONE = "Wanda Plantagenet", "wanda@planted.example", "912345678"
PLANTED = (NAME, EMAIL, PHONE, "You have earned 100 points", "You&#39;ve earned", "Plantagenet")
FED = ("customers", "deliveries", "orders")
"""Topics of the platform, which have members' data as they come."""


@pytest.fixture
def sinks() -> Iterator[SinksProcess]:
    with SinksProcess() as started:
        yield started


@pytest.fixture
def shop(engine: Engine, sinks: SinksProcess, valkey: str) -> Shop:
    return Shop(engine, sinks, valkey)


def test_a_grant_is_told_by_mail_and_sms_once_and_metered(shop: Shop, sinks: SinksProcess) -> None:
    shop.member("ann", name=NAME, email=EMAIL, mobile_phone=f"0{PHONE}")
    unreadable = {"id": 7, "name": NAME, "email": EMAIL, "mobile_phone": f"0{PHONE}"}
    shop.produce("customers", b"eve", {"topic": "user/update", "resource": unreadable})
    shop.heard_of()
    event = shop.granted("ann")
    shop.granted("bob")
    logged = shop.environment | {"POINTS_LOG_LEVEL": "debug"}
    deciding = shop.engine.run("notices", **logged).wait_ready()
    sending = shop.engine.run("notices-send", **logged).wait_ready()
    told = [("ann", "email"), ("ann", "sms")]
    untold = [("bob", "email"), ("bob", "sms")]
    wanted = dict.fromkeys(told, ("sent", None)) | dict.fromkeys(untold, ("skipped", "no_address"))
    wait_for("both are told", lambda: shop.states() == wanted or None)
    taken = sinks.messages(taken=True)
    assert {message["provider"] for message in taken} == {"smtp", "mitake"}
    mail = next(message for message in taken if message["provider"] == "smtp")
    sms = next(message for message in taken if message["provider"] == "mitake")
    assert mail["to"] == EMAIL
    assert f"<{event}.email@lantern.example>" in mail["content"]
    assert "List-Unsubscribe: <https://lantern.example/unsubscribe?token=" in mail["content"]
    assert sms["content"] == "You have earned 100 points."
    wait_for("all are published", lambda: len(shop.engine.events("notices")) >= len(wanted))
    published = [orjson.loads(each.value()) for each in shop.engine.events("notices")]
    assert {(each["member_id"], each["channel"], each["state"]) for each in published} == {
        *((*who, "sent") for who in told),
        *((*who, "skipped") for who in untold),
    }
    with shop.connect() as connection:
        assert meter.against_notices(raw(connection)) == []
    _nothing_of_ann_is_left(shop, deciding, sending)
    assert deciding.terminate() == 0
    assert sending.terminate() == 0
    for worker in (deciding, sending):
        assert found_in(worker.output, PLANTED) == []


def _nothing_of_ann_is_left(shop: Shop, *workers: Worker) -> None:
    """No name, address or text in any table, topic of ours, log, page, command line or key."""
    wait_for("the dead letter", lambda: topics(shop.engine, ["dlq_notices"]))
    ours = [name for name in TOPICS if name not in FED]
    with psycopg.connect(shop.engine.database_url) as connection:
        places = {
            "tables": tables(connection),
            "topics": topics(shop.engine, ours),
            "valkey": valkey(shop.environment["POINTS_REDIS__URL"]),
            **{f"worker {number}": shown_by(each) for number, each in enumerate(workers)},
        }
    assert all(places.values())
    assert {place: found_in(text, PLANTED) for place, text in places.items()} == {
        place: [] for place in places
    }
    # The search finds what is there: the platform's own topic has it all.
    assert EMAIL in topics(shop.engine, ["customers"])


def test_a_sender_that_is_killed_loses_nothing_and_no_keyed_sms_is_said_twice(
    shop: Shop, sinks: SinksProcess
) -> None:
    members = 60
    for n in range(members):
        shop.member(f"m{n}", email=f"m{n}@tea.example", mobile_phone=f"0912{n:06d}")
        shop.granted(f"m{n}")
    shop.heard_of()
    shop.engine.run("notices", **shop.environment).wait_ready()
    for provider in ("mitake", "smtp"):
        sinks.become(provider, mood="slow", delay_ms=50)
    for kill in range(3):
        sending = shop.engine.run("notices-send", **shop.environment)
        least = 20 * (kill + 1)
        wait_for("some messages", partial(_has, sinks, least))
        sending.kill()
    sending = shop.engine.run("notices-send", **shop.environment).wait_ready()
    wait_for(
        "all are told",
        lambda: {state for state, _ in shop.states().values()} == {"sent"} or None,
        90,
    )
    taken = sinks.messages(taken=True)
    sms = [m["notice_id"] for m in taken if m["provider"] == "mitake"]
    mails = [m["notice_id"] for m in taken if m["provider"] == "smtp"]
    assert len(sms) == len(set(sms)) == members
    assert len(set(mails)) == members
    assert len(mails) <= members + 3 * 8
    assert sending.terminate() == 0


def _has(sinks: SinksProcess, least: int) -> bool:
    return len(sinks.messages()) >= least
