"""The lane as it runs: both workers, from a change of points to what providers say afterwards."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson
import psycopg
import pytest

from deploy.local.sinks import callbacks
from deploy.local.sinks.callbacks import Call
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from processors.notices.providers.callbacks import mitake_receipt, twilio_receipt
from schemas.notices.feedback import NoticeFeedback
from store.notices.sending import meter
from store.postgres.session import raw
from tests.support.engine import TOPICS, Engine, Worker, wait_for
from tests.support.notices.planted import found_in, shown_by, tables, topics, valkey
from tests.support.notices.whole import Shop
from tests.support.servers import Databases

NAME, EMAIL, PHONE = "Wanda Plantagenet", "wanda@planted.example", "912345678"
PLANTED = (NAME, EMAIL, PHONE, "You have earned 100 points", "You&#39;ve earned", "Plantagenet")
FED = ("customers", "deliveries", "orders")
"""Topics of the platform, which have members' data as they come."""


TOLD = {
    **dict.fromkeys([("ann", "email"), ("ann", "sms"), ("dora", "sms")], ("sent", None)),
    **dict.fromkeys(
        [("bob", "email"), ("bob", "sms"), ("dora", "email")], ("skipped", "no_address")
    ),
}
"""What became of the first grants."""


class Lane(NamedTuple):
    """A lane that runs, and has told of one grant of each of three members."""

    shop: Shop
    deciding: Worker
    sending: Worker
    event: str


@pytest.fixture
def sinks() -> Iterator[SinksProcess]:
    with SinksProcess() as started:
        yield started


@pytest.fixture
def shop(engine: Engine, sinks: SinksProcess, valkey: str) -> Shop:
    return Shop(engine, sinks, valkey)


@pytest.fixture(scope="module")
def lane(
    kafka: str,
    postgres: Databases,
    valkey_server: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lane]:
    url, folder = postgres.database(), tmp_path_factory.mktemp("lane")
    with Engine(kafka, url, f"{folder.name}.", folder) as engine, SinksProcess() as sinks:
        shop = Shop(engine.prepare(), sinks, valkey_server.redis_url)
        shop.environment |= {
            "POINTS_LOG_LEVEL": "debug",
            "POINTS_TWILIO__CALLBACK_URL": "https://shop.example/twilio",
            "POINTS_MITAKE__CALLBACK_URL": "https://shop.example/mitake",
        }
        shop.member("ann", name=NAME, email=EMAIL, mobile_phone=f"0{PHONE}")
        shop.member("dora", mobile_phone="0922333444")
        unreadable = {"id": 7, "name": NAME, "email": EMAIL, "mobile_phone": f"0{PHONE}"}
        shop.produce("customers", b"eve", {"topic": "user/update", "resource": unreadable})
        shop.heard_of()
        event = shop.granted("ann")
        shop.granted("bob")
        shop.granted("dora")
        deciding = engine.run("notices", **shop.environment).wait_ready()
        sending = engine.run("notices-send", **shop.environment).wait_ready()
        wait_for("all three are told", lambda: shop.states() == TOLD or None)
        yield Lane(shop, deciding, sending, event)
        for worker in (deciding, sending):
            assert worker.terminate() == 0
            assert found_in(worker.output, PLANTED) == []
    postgres.drop(url)


def test_a_grant_is_told_by_mail_and_sms_once_and_metered(lane: Lane) -> None:
    shop = lane.shop
    taken = shop.sinks.messages(taken=True)
    (mail,) = [message for message in taken if message["to"] == EMAIL]
    (sms,) = [message for message in taken if message["to"] == f"0{PHONE}"]
    assert (mail["provider"], sms["provider"]) == ("smtp", "mitake")
    assert f"<{lane.event}.email@lantern.example>" in mail["content"]
    assert "List-Unsubscribe: <https://lantern.example/unsubscribe?token=" in mail["content"]
    assert sms["content"] == "You have earned 100 points."
    _published(shop, {(*who, state) for who, (state, _) in TOLD.items()})
    _metered_as_told(shop)
    _nothing_of_ann_is_left(shop, lane.deciding, lane.sending)


def test_what_a_provider_calls_back_with_settles_a_notice_and_what_is_forged_nothing(
    lane: Lane,
) -> None:
    shop, sinks = lane.shop, lane.shop.sinks
    sinks.become("twilio", mood="drop")
    shop.apply(provider="twilio")
    shop.member("carol", mobile_phone="0933444555")
    shop.granted("carol")
    carol, dora = ("carol", "sms"), ("dora", "sms")
    becomes(shop, carol, "unknown", None)
    assert _owed(shop, "twilio") == (1, 1)
    of_twilio, of_mitake = (
        next(m for m in sinks.messages(taken=True) if m["to"] == to)
        for to in ("+886933444555", "0922333444")
    )
    forged = callbacks.mitake(
        {
            **of_mitake,
            "details": {
                **of_mitake["details"],
                "response": (f"https://shop.example/mitake/{of_mitake['notice_id']}/{'A' * 24}"),
            },
        },
        "8",
    )
    for call in (callbacks.twilio(of_twilio, "undelivered", "another token"), forged):
        assert called_back(shop, call) is None
    assert called_back(shop, callbacks.twilio(of_twilio, "sent", "sink")) is None
    called_back(shop, callbacks.twilio(of_twilio, "delivered", "sink"))
    becomes(shop, carol, "sent", None)
    assert _owed(shop, "twilio") == (1, 0)
    # What has arrived is not undone by what is said late, or twice.
    called_back(shop, callbacks.twilio(of_twilio, "undelivered", "sink"))
    assert shop.states()[dora] == ("sent", None)
    called_back(shop, callbacks.mitake(of_mitake, "8"))
    becomes(shop, dora, "failed", "refused")
    wait_for("all receipts", lambda: _receipts(shop) == 3)
    assert shop.states()[carol] == ("sent", None)
    assert _owed(shop, "twilio") == (1, 0)
    _metered_as_told(shop)
    _published(shop, {(*carol, "unknown"), (*carol, "sent"), (*dora, "failed")})


def called_back(shop: Shop, call: Call) -> NoticeFeedback | None:
    """A shop's endpoint: makes a record of a provider's call, if it is the provider's."""
    now = datetime.now(UTC)
    if call.method == "POST":
        form = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        signature = call.headers["x-twilio-signature"]
        receipt = twilio_receipt(call.url, form, signature, "sink", now)
    else:
        parts = urlsplit(call.url)
        receipt = mitake_receipt(parts.path, dict(parse_qsl(parts.query)), "sink", now)
    if receipt is not None:
        record = receipt.model_dump(mode="json", exclude_none=True)
        shop.produce("notices_feedback", str(receipt.notice_id).encode(), record)
    return receipt


def becomes(shop: Shop, who: tuple[str, str], state: str, reason: str | None) -> None:
    wait_for(f"{who}: {state}", lambda: shop.states().get(who) == (state, reason))


def _receipts(shop: Shop) -> int:
    """How many records of feedback the lane has read."""
    query = (
        "SELECT coalesce(sum(next_offset - first_offset), 0) FROM notices.cursor WHERE topic = %s"
    )
    return int(shop.engine.value(query, shop.engine.topics["notices_feedback"]))


def _owed(shop: Shop, provider: str) -> tuple[int, int]:
    """Messages that are owed to a provider, and how many of them are unknown."""
    query = "SELECT messages, unknown FROM notices.meter WHERE provider = %s"
    (row,) = shop.engine.rows(query, provider)
    return row[0], row[1]


def _metered_as_told(shop: Shop) -> None:
    with shop.connect() as connection:
        assert meter.against_notices(raw(connection)) == []


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


def _published(shop: Shop, wanted: set[tuple[str, str, str]]) -> None:
    """Waits until points.notices.v1 says these of member, channel and state."""

    def said() -> set[tuple[str, str, str]]:
        values = [orjson.loads(each.value() or b"") for each in shop.engine.events("notices")]
        return {(each["member_id"], each["channel"], each["state"]) for each in values}

    wait_for(f"{wanted}", lambda: wanted <= said())
