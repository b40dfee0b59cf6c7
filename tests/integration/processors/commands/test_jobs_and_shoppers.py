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
PARTS, MEMBERS = 40, 200
FIRST_PARTS = PARTS // 2
"""Parts that may be answered before a hold is read: those of a turn, of which three make a
transaction, as their members' ids are long.
"""
SHOPPERS = [f"shopper {number}" for number in range(20)]


@pytest.fixture
def crowded(engine: Engine) -> Engine:
    """Shoppers with points, some of whom share their partition with the other shop's job."""
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


def job(merchant: str = OTHER, parts: int = PARTS) -> Iterator[Record]:
    """Parts of one job of another shop."""
    for part in range(parts):
        content = {
            "command_id": f"part {part}",
            "type": "bulk_assign",
            "merchant_id": merchant,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": datetime.now(UTC).isoformat(),
            "job_id": "summer",
            "members": [member_of_job(part * MEMBERS + number) for number in range(MEMBERS)],
            "points": 1,
            "reason": "summer",
        }
        yield Record("commands", merchant, orjson.dumps(content))


def member_of_job(number: int) -> str:
    return f"{number:0100}"


def answers(engine: Engine, number: int) -> list[Json]:
    """So many answers or more, in the order in which they were decided."""
    found = wait_for(
        f"{number} answers",
        lambda: messages if len(messages := engine.events("command_results")) >= number else [],
    )
    contents = [orjson.loads(message.value()) for message in found]
    return sorted(contents, key=lambda content: str(content["decided_at"]))


def names(found: Sequence[Json]) -> list[str]:
    return [each["command_id"] for each in found]


def audit(engine: Engine) -> None:
    """Each shopper's hold and each member's points are there once; all records are counted (I7)."""
    engine.wait_published()
    expected = dict.fromkeys([(SHOP, who) for who in SHOPPERS], 100)
    expected |= {(OTHER, member_of_job(number)): 1 for number in range(PARTS * MEMBERS)}
    assert engine.balances() == expected
    assert engine.value("SELECT count(*) FROM hold WHERE points = 60 AND state = 1") == 20
    counts = engine.counts()
    assert sum(counts.values()) == len(SHOPPERS) * 2 + PARTS
    assert counts["applied"] + counts["duplicate"] == sum(counts.values())


def parts_before_holds(found: Sequence[Json]) -> int:
    """How many parts were answered before the last hold."""
    last = max(names(found).index(f"hold {who}") for who in SHOPPERS)
    return len([name for name in names(found)[:last] if name.startswith("part")])


def test_a_hold_behind_a_job_is_answered_before_it(crowded: Engine) -> None:
    crowded.produce([*job(), *map(hold, SHOPPERS)])
    worker = crowded.run("commands").wait_ready()
    crowded.run("relay").wait_ready()
    found = answers(crowded, len(SHOPPERS) * 2 + PARTS)
    assert parts_before_holds(found) <= FIRST_PARTS
    assert {(each["code"], each["repeated"]) for each in found} == {("ok", False)}
    assert len(found) == len(SHOPPERS) * 2 + PARTS
    audit(crowded)
    assert crowded.counts()["duplicate"] == 0
    worker.wait_metric("points_commands_total", len(SHOPPERS), type="hold", code="ok")


def test_a_hold_that_is_sent_during_a_job_is_answered_soon(crowded: Engine) -> None:
    crowded.run("relay").wait_ready()
    crowded.run("commands").wait_ready()
    crowded.produce(job())
    given = "SELECT count(*) FROM command WHERE substr(command_id, 1, 4) = 'part'::bytea"
    wait_for("the job's first part", lambda: crowded.value(given) > 0)
    crowded.produce(map(hold, SHOPPERS))
    before = crowded.value(given)
    found = answers(crowded, len(SHOPPERS) * 2 + PARTS)
    assert parts_before_holds(found) - before <= FIRST_PARTS
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
    assert sorted(names(found)) == sorted(set(names(found)))
    assert len(found) == len(SHOPPERS) * 2 + PARTS


def test_a_hold_counts_on_what_its_own_shops_job_gives(crowded: Engine) -> None:
    """One member's commands of one partition act in their order (account.md 3)."""
    members = [f"m{number}" for number in range(10)]
    [part] = job(SHOP, parts=1)
    own = {**orjson.loads(part.value or b""), "members": members, "points": 60}
    own_part = Record("commands", SHOP, orjson.dumps({**own, "command_id": "own part"}))
    crowded.produce([*job(), own_part, *map(hold, members)])
    crowded.run("commands", "relay")
    found = answers(crowded, len(SHOPPERS) + PARTS + 1 + len(members))
    lies_in = {message.key(): message.partition() for message in crowded.events("commands")}
    behind = {who for who in members if lies_in[f"{SHOP}:{who}".encode()] == lies_in[SHOP.encode()]}
    assert behind
    refused = {each["member_id"] for each in found if each["code"] != "ok"}
    assert refused & behind == set()


def test_no_cursor_moves_over_what_is_in_hand(engine: Engine) -> None:
    """Jobs lie in both partitions, so that one waits at the end of its log for the other (I6)."""
    engine.prepare()
    shops = [SHOP, OTHER, "third", "fourth", "fifth"]
    for shop in shops:
        apply(engine, shop, settings())
    engine.produce(record for shop in shops for record in job(shop, parts=20))
    engine.run("commands").wait_ready()
    places = "SELECT partition, next_offset, control FROM cursor WHERE pipeline = 'commands'"
    before: dict[int, int] = {}
    while sum(before.values()) < len(shops) * 20:
        rows = engine.rows(places)
        assert all(control == 0 for *_, control in rows)
        now = {partition: offset for partition, offset, _ in rows}
        assert all(now[partition] >= offset for partition, offset in before.items())
        before = now


def test_what_is_in_hand_is_read_again_when_partitions_move(crowded: Engine) -> None:
    crowded.produce([*job(), *map(hold, SHOPPERS)])
    crowded.run("relay").wait_ready()
    crowded.run("commands").wait_ready()
    wait_for("holds", lambda: crowded.value("SELECT count(*) FROM hold") == len(SHOPPERS))
    crowded.run("commands").wait_ready()
    crowded.wait_consumed(len(SHOPPERS) * 2 + PARTS)
    audit(crowded)
