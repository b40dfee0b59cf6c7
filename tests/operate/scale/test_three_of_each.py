"""Three processes of each kind on three brokers: they share, come and go, and nothing is lost.

One story, since its servers and workers take most of its time. No setting differs from those of a
single worker.
"""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from processors.registry import ENGINE
from tests.operate.scale.fleet import EACH, WITHIN, Fleet, Groups, spread
from tests.support.engine import Engine, wait_for
from tests.support.upstream import CREATED, Record, Trade

AT_ONCE, LATER = ("shop-a", "shop-b", "shop-c"), ("slow-a", "slow-b", "slow-c")
TRADE = Trade(4_500, (*AT_ONCE, *LATER), members=60)
BROUGHT_DOWN = ("intake", "commands", "grants", "relay", "recheck", "readmodel")

pytestmark = pytest.mark.slow


def assigned(trade: Trade = TRADE) -> tuple[list[Record], Counter[tuple[str, str]]]:
    """Commands that give every member a point, some more than one; what they give."""
    given: Counter[tuple[str, str]] = Counter()
    records = []
    for number, (merchant, _, member, _) in enumerate(trade.drawn()):
        if number % 3:
            continue
        command = {
            "command_id": f"gift-{number}",
            "type": "assign",
            "merchant_id": merchant,
            "member_id": member,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": CREATED.isoformat(),
            "points": 1,
            "reason": "for the scale",
        }
        records.append(Record("commands", f"{merchant}:{member}", orjson.dumps(command)))
        given[merchant, member] += 1
    return records, given


def set_clock(engine: Engine, at: datetime) -> None:
    engine.move_clock((at - datetime.now(UTC)).total_seconds())


def test_three_of_each_share_the_work_and_come_and_go(engine: Engine) -> None:
    # The clock stands where the made-up orders are new, so that plans are made first and fall due
    # together in the middle.
    set_clock(engine, CREATED + timedelta(hours=12))
    for merchant in AT_ONCE:
        engine.merchant(merchant)
    for merchant in LATER:
        engine.merchant(merchant, pending_days=3)
    commands, given = assigned()
    records = TRADE.records()
    third = len(records) // 3
    fleet = Fleet(engine, ENGINE)

    engine.produce([*records[:third], *commands[:500]])
    engine.wait_consumed(third + 500, WITHIN)
    they_share(engine, fleet)

    going_and_coming(engine, fleet, [*records[third : 2 * third], *commands[500:]])
    engine.wait_consumed(2 * third + len(commands), WITHIN)

    groups = Groups(engine, ("intake", "commands"))
    groups.start()
    producing = spread(engine, records[2 * third :], 12)
    for _ in range(EACH):
        fleet.upgrade()
    producing.join()
    groups.end()

    total = len(records) + len(commands)
    engine.wait_consumed(total, WITHIN)
    engine.wait_published(WITHIN)
    assert engine.consumed() == total
    expected = Counter(TRADE.expected()) + given
    engine.audit(expected)
    assert engine.value("SELECT count(*) FROM command") == len(commands)
    answered = {orjson.loads(m.value())["command_id"] for m in engine.events("command_results")}
    assert len(answered) == len(commands)
    fleet.end()


def they_share(engine: Engine, fleet: Fleet) -> None:
    """Partitions, shards and what is due are spread over the three."""
    assert min(fleet.counted("intake", "points_consumed_records_total")) > 0
    assert min(fleet.counted("commands", "points_consumed_records_total")) > 0
    wait_for(
        "each relay has a third of the shards",
        lambda: fleet.counted("relay", "points_relay_shards") == [3.0] * EACH,
        WITHIN,
    )
    plans = int(engine.value("SELECT count(*) FROM due"))
    assert plans > 0
    # Far more than one claim, and a claim leaves to others what it does not take.
    set_clock(engine, CREATED + timedelta(days=5))
    engine.wait_published(WITHIN)
    entries = "points_ledger_entries_total"
    wait_for(
        "all are counted",
        lambda: sum(fleet.counted("grants", entries, type="granted")) == plans,
        WITHIN,
    )
    set_clock(engine, CREATED + timedelta(hours=12))


def going_and_coming(engine: Engine, fleet: Fleet, records: list[Record]) -> None:
    """Under load workers are killed, asked to go, added and taken away."""
    draw = random.Random(11)
    producing = spread(engine, records, 20)
    fleet.add("intake")
    fleet.add("relay")
    changes = 0
    while producing.is_alive() or changes < 8:
        time.sleep(draw.uniform(0.3, 0.9))
        kind = draw.choice(BROUGHT_DOWN)
        fleet.replace(kind, draw.randrange(EACH), kill=draw.random() < 0.6)
        changes += 1
        if changes == 5:
            # What was planned falls due while those who grant it come and go.
            engine.move_clock(0)
    producing.join()
    fleet.take_away("intake")
    fleet.take_away("relay")
