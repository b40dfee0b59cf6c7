"""Brokers are lost under load: one is a pause, two stop what leaves, and nothing is lost."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import pytest

from deploy.local.kafka_local import LocalKafka
from deploy.local.sinks.process import SinksProcess
from tests.operate.scale.fleet import WITHIN, Fleet, spread
from tests.support.engine import Engine, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.upstream import Record, Trade, hex_id, order

TRADE = Trade(600, ("shop-a", "shop-b"), members=20)
SLOW, LATER = "slow", 40
"""A shop whose points are planned for later, and its orders."""
KINDS = ("relay", "grants", "intake", "notices", "notices-send")
DAYS = 24 * 3600.0
SOON = 60.0
"""Seconds: far less than the five minutes after which a client of Kafka looks by itself."""

pytestmark = pytest.mark.slow


@pytest.fixture
def lane(engine: Engine) -> Iterator[BusyLane]:
    """Shops that tell their members, all of them with an address and a number."""
    with SinksProcess() as sinks:
        made = BusyLane(engine, sinks)
        for shop in (*TRADE.merchants, SLOW):
            engine.merchant(shop, pending_days=3 if shop == SLOW else 0)
        made.settle_in((*TRADE.merchants, SLOW))
        made.know(members())
        yield made


class Losses:
    """Brokers that are lost, and come back."""

    def __init__(self, brokers: LocalKafka) -> None:
        self._brokers = brokers
        self._lost: list[int] = []

    def kill(self, number: int) -> None:
        """As a crash would."""
        self._brokers.kill(number)
        self._lost.append(number)

    def mend(self) -> None:
        """All are there again."""
        while self._lost:
            self._brokers.restart(self._lost.pop())


@pytest.fixture
def losses(brokers: LocalKafka) -> Iterator[Losses]:
    """None yet, and none afterwards."""
    made = Losses(brokers)
    yield made
    made.mend()


def members() -> list[tuple[str, str]]:
    """All of whom orders are."""
    bought = {(shop, member) for shop, _, member, _ in TRADE.drawn()}
    return sorted(bought | {(SLOW, hex_id("m", n)) for n in range(LATER)})


def planned() -> list[Record]:
    """An order of each of the slow shop's members, which earns 100 in some days."""
    now = datetime.now(UTC)
    return [
        order(SLOW, hex_id("o", n), hex_id("m", n), 1_000, delivery="arrived", at=now)
        for n in range(LATER)
    ]


def ready(fleet: Fleet) -> bool:
    """Whether every worker can do its work."""
    return all(answer(fleet, kind) == HTTPStatus.OK for kind in KINDS)


def answer(fleet: Fleet, kind: str) -> int:
    """What /readyz of a worker says."""
    return fleet.running[kind][0].get("/readyz")[0]


def test_one_broker_is_a_pause_and_without_two_nothing_leaves_and_nothing_is_lost(
    engine: Engine, lane: BusyLane, losses: Losses
) -> None:
    records, known, expected = TRADE.records(), len(members()), Counter(TRADE.expected())
    half = len(records) // 2
    fleet = Fleet(engine, KINDS, lane.environment, each=1)
    engine.produce(planned())
    engine.wait_consumed(known + LATER, WITHIN)

    # One of three: all goes on, in and out.
    producing = spread(engine, records[:half], 12)
    time.sleep(4)
    losses.kill(1)
    producing.join()
    engine.wait_consumed(known + LATER + half, WITHIN)
    engine.wait_published(WITHIN)
    # Who asks the controller hears of another one.
    wait_for("all ready", partial(ready, fleet), SOON)
    wait_for("all told", partial(told, engine), WITHIN)

    # Two of three: what is due is granted all the same, and waits in the outbox.
    losses.kill(2)
    granted = engine.value("SELECT count(*) FROM ledger")
    engine.move_clock(4 * DAYS)
    due = granted + LATER
    wait_for("grants", lambda: engine.value("SELECT count(*) FROM ledger") == due, WITHIN)
    wait_for(
        "a relay that is not ready",
        lambda: answer(fleet, "relay") == HTTPStatus.SERVICE_UNAVAILABLE,
        WITHIN,
    )
    assert answer(fleet, "grants") == HTTPStatus.OK
    assert engine.value("SELECT count(*) FROM outbox") > 0

    losses.mend()
    engine.produce(records[half:])
    engine.wait_consumed(known + LATER + len(records), WITHIN)
    engine.wait_published(WITHIN)
    engine.audit(expected + Counter({(SLOW, hex_id("m", n)): 100 for n in range(LATER)}))
    wait_for("all told at last", partial(told, engine), WITHIN)
    events = engine.value("SELECT count(*) FROM ledger")
    rows = engine.rows("SELECT event_id, channel FROM notices.notice")
    assert len(rows) == len(set(rows)) == 2 * events
    sms = [m["notice_id"] for m in lane.sinks.messages(taken=True) if m["provider"] == "mitake"]
    assert len(sms) == len(set(sms)) == events
    fleet.end()


def told(engine: Engine) -> bool:
    """Whether a mail and an SMS has left for each entry of the ledger."""
    return bool(
        engine.value(
            "SELECT (SELECT count(*) FROM notices.notice WHERE state = 'sent')"
            " = 2 * (SELECT count(*) FROM ledger)"
        )
    )
