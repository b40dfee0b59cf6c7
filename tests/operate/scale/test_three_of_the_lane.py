"""Three of each kind of the notices lane: they share, come and go, and nobody is told twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import orjson
import pytest

from deploy.local.sinks.process import SinksProcess
from store.notices.sending import meter
from store.postgres.session import raw
from tests.operate.scale.fleet import WITHIN, Fleet, Groups, spread
from tests.support.engine import Engine, wait_for
from tests.support.notices.decided import changed, settings_changed
from tests.support.notices.lane import as_lane
from tests.support.operate.busy_lane import BusyLane
from tests.support.upstream import Record

KINDS = ("notices", "notices-send")
SHOPS, MEMBERS, THIRD = ("shop-a", "shop-b", "shop-c"), 60, 360
CHUNK = 8
"""Messages that a killed sender may have had under way, by default."""

pytestmark = pytest.mark.slow


@pytest.fixture
def lane(engine: Engine) -> Iterator[BusyLane]:
    """Shops that were heard of, and members with an address and a number."""
    with SinksProcess() as sinks:
        made = BusyLane(engine, sinks)
        made.settle_in(SHOPS)
        made.know((shop, f"m{n}") for shop in SHOPS for n in range(MEMBERS))
        engine.produce(
            Record("settings", f"{shop}:1", orjson.dumps(settings_changed(shop))) for shop in SHOPS
        )
        # So slow that something is always under way.
        for provider in ("mitake", "smtp"):
            sinks.become(provider, mood="slow", delay_ms=100)
        yield made


def granted(engine: Engine, first: int) -> list[Record]:
    """A third of the events: each member of each shop in turn earns 10 points."""
    records = []
    for number in range(first, first + THIRD):
        shop, member = SHOPS[number % 3], f"m{number // 3 % MEMBERS}"
        sequence = number // (3 * MEMBERS) + 1
        event = changed(
            sequence,
            points=10,
            member=member,
            merchant=shop,
            available=10 * sequence,
            order=f"order-{number}",
            at=int(engine.value("SELECT points_now()")),
        )
        records.append(Record("points_changed", f"{shop}:{member}", orjson.dumps(event)))
    return records


def told(lane: BusyLane, events: int) -> bool:
    """Whether of so many events all notices have left."""
    return lane.notices("state = 'sent'") == 2 * events


def going_and_coming(fleet: Fleet, lane: BusyLane, records: list[Record]) -> int:
    """Under load workers are killed, asked to go, added and taken away; how many senders died."""
    draw, killed = random.Random(12), 0
    producing = spread(lane.engine, records, 12)
    for kind in KINDS:
        fleet.add(kind)
    for change in range(8):
        time.sleep(draw.uniform(0.3, 1.2))
        kind, kill = KINDS[change % 2], change % 4 < len(KINDS)
        fleet.replace(kind, draw.randrange(len(fleet.running[kind])), kill=kill)
        killed += kill and kind == "notices-send"
    producing.join()
    for kind in KINDS:
        fleet.take_away(kind)
    return killed


def test_three_of_the_lane_share_the_work_and_come_and_go(engine: Engine, lane: BusyLane) -> None:
    fleet = Fleet(engine, KINDS, {**lane.environment, "POINTS_NOTICES__LEASE_SECONDS": "5"})
    engine.produce(granted(engine, 0))
    wait_for("all told", partial(told, lane, THIRD), WITHIN)
    assert min(fleet.counted("notices", "points_consumed_records_total")) > 0
    assert min(fleet.counted("notices-send", "points_notices_sent_total")) > 0

    killed = going_and_coming(fleet, lane, granted(engine, THIRD))
    wait_for("all told again", partial(told, lane, 2 * THIRD), WITHIN)

    groups = Groups(engine, ["notices"])
    groups.start()
    producing = spread(engine, granted(engine, 2 * THIRD), 12)
    for _ in range(3):
        fleet.upgrade()
    producing.join()
    groups.end()
    wait_for("all told at last", partial(told, lane, 3 * THIRD), WITHIN)

    events = 3 * THIRD
    # One row for each event and channel, and nothing besides.
    rows = engine.rows("SELECT event_id, channel FROM notices.notice")
    assert len(rows) == len(set(rows)) == 2 * events
    taken = {
        provider: Counter(
            message["notice_id"]
            for message in lane.sinks.messages(taken=True)
            if message["provider"] == provider
        )
        for provider in ("mitake", "smtp")
    }
    assert len(taken["mitake"]) == taken["mitake"].total() == events
    assert len(taken["smtp"]) == events
    assert taken["smtp"].total() - events <= CHUNK * killed
    with as_lane(engine.database_url) as connection:
        assert meter.against_notices(raw(connection)) == []
    fleet.end()
