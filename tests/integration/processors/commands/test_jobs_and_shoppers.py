"""A hold never waits for another shop's job, in whatever partition it lies (account.md 3, 7).

How soon it is answered is told by counting the parts of the job that were answered before it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.support.account.desk import settings
from tests.support.engine import Engine, wait_for
from tests.support.timeline import apply
from tests.support.upstream import Json, Record

SHOP, OTHER = "shop", "other"
PARTS, MEMBERS = 40, 1_000
FIRST_PARTS = 8
"""Parts that may be answered before a hold: those of the turn in which it is read, and one more."""
SHOPPERS = [f"shopper {number}" for number in range(20)]


@pytest.fixture
def crowded(engine: Engine) -> Engine:
    """One partition for all, and shoppers with points."""
    engine.partitions = 1
    engine.prepare()
    apply(engine, SHOP, settings())
    apply(engine, OTHER, settings())
    engine.produce(command(f"give {who}", who, type="assign", points=100) for who in SHOPPERS)
    return engine


def command(name: str, member: str, **fields: Any) -> Record:
    content = {
        "command_id": name,
        "merchant_id": SHOP,
        "member_id": member,
        "performer": {"kind": "system", "id": "shop"},
        "issued_at": datetime.now(UTC).isoformat(),
        **({"reason": "thanks"} if fields["type"] == "assign" else {}),
        **fields,
    }
    return Record("commands", f"{SHOP}:{member}", orjson.dumps(content))


def hold(member: str) -> Record:
    return command(f"hold {member}", member, type="hold", hold_id=member, points=60, purpose="cash")


def job() -> Iterator[Record]:
    """Parts of one job of another shop."""
    for part in range(PARTS):
        content = {
            "command_id": f"part {part}",
            "type": "bulk_assign",
            "merchant_id": OTHER,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": datetime.now(UTC).isoformat(),
            "job_id": "summer",
            "members": [f"m{part * MEMBERS + number}" for number in range(MEMBERS)],
            "points": 1,
            "reason": "summer",
        }
        yield Record("commands", OTHER, orjson.dumps(content))


def answers(engine: Engine, number: int) -> list[Json]:
    """So many answers or more, in the order in which they were given."""
    found = wait_for(
        f"{number} answers",
        lambda: messages if len(messages := engine.events("command_results")) >= number else [],
    )
    return [orjson.loads(message.value()) for message in found]


def names(found: Sequence[Json]) -> list[str]:
    return [each["command_id"] for each in found]


def audit(engine: Engine) -> None:
    """Each shopper's hold and each member's points are there once; all records are counted (I7)."""
    engine.wait_published()
    expected = dict.fromkeys([(SHOP, who) for who in SHOPPERS], 100)
    expected |= {(OTHER, f"m{number}"): 1 for number in range(PARTS * MEMBERS)}
    assert engine.balances() == expected
    assert engine.value("SELECT count(*) FROM hold WHERE points = 60 AND state = 1") == 20
    counts = engine.counts()
    assert sum(counts.values()) == len(SHOPPERS) * 2 + PARTS
    assert counts["applied"] + counts["duplicate"] == sum(counts.values())


def test_a_hold_behind_a_job_is_answered_before_it(crowded: Engine) -> None:
    crowded.produce([*job(), *map(hold, SHOPPERS)])
    worker = crowded.run("commands").wait_ready()
    crowded.run("relay").wait_ready()
    found = answers(crowded, len(SHOPPERS) * 2 + PARTS)
    last = max(names(found).index(f"hold {who}") for who in SHOPPERS)
    before = [name for name in names(found)[:last] if name.startswith("part")]
    assert len(before) <= FIRST_PARTS
    assert {(each["code"], each["repeated"]) for each in found} == {("ok", False)}
    assert len(found) == len(SHOPPERS) * 2 + PARTS
    audit(crowded)
    assert crowded.counts()["duplicate"] == 0
    assert worker.metric("points_commands_total", type="hold", code="ok") == len(SHOPPERS)


def test_a_hold_that_is_sent_during_a_job_is_answered_soon(crowded: Engine) -> None:
    crowded.run("relay").wait_ready()
    crowded.run("commands").wait_ready()
    crowded.produce(job())
    wait_for("the job's first part", lambda: "part 0" in names(answers(crowded, 1)))
    before = len(answers(crowded, 1))
    crowded.produce(map(hold, SHOPPERS))
    found = answers(crowded, len(SHOPPERS) * 2 + PARTS)
    first = min(names(found).index(f"hold {who}") for who in SHOPPERS)
    assert len(set(names(found)[before:first])) <= FIRST_PARTS
    audit(crowded)


def test_a_worker_that_is_killed_after_going_ahead_answers_all_when_it_is_back(
    crowded: Engine,
) -> None:
    crowded.produce([*job(), *map(hold, SHOPPERS)])
    worker = crowded.run("commands").wait_ready()
    wait_for("holds", lambda: crowded.value("SELECT count(*) FROM hold") == len(SHOPPERS))
    worker.kill()
    crowded.run("commands", "relay")
    crowded.wait_consumed(len(SHOPPERS) * 2 + PARTS)
    audit(crowded)
    found = answers(crowded, len(SHOPPERS) * 2 + PARTS)
    assert {each["code"] for each in found} == {"ok"}
    assert len({each["command_id"] for each in found}) == len(SHOPPERS) * 2 + PARTS


def test_what_is_in_hand_is_read_again_when_partitions_move(engine: Engine) -> None:
    engine.prepare()
    apply(engine, SHOP, settings())
    apply(engine, OTHER, settings())
    engine.produce(command(f"give {who}", who, type="assign", points=100) for who in SHOPPERS)
    engine.produce([*job(), *map(hold, SHOPPERS)])
    engine.run("relay").wait_ready()
    engine.run("commands").wait_ready()
    wait_for("holds", lambda: engine.value("SELECT count(*) FROM hold") == len(SHOPPERS))
    engine.run("commands").wait_ready()
    engine.wait_consumed(len(SHOPPERS) * 2 + PARTS)
    audit(engine)
