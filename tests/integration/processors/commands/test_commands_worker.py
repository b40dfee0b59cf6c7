"""Commands through Kafka: produced, applied by the worker, answered on the results topic."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.support.account.desk import settings
from tests.support.engine import Engine, wait_for
from tests.support.timeline import apply
from tests.support.upstream import Json, Record

SHOP = "shop"


def shop(engine: Engine) -> None:
    apply(engine.prepare(), SHOP, settings())


def command(number: int | str, type_: str = "assign", member: str = "ann", **fields: Any) -> Json:
    own: dict[str, Json] = {
        "assign": {"points": 100, "reason": "thanks"},
        "hold": {"hold_id": f"h{number}", "points": 60, "purpose": "cash"},
    }
    return {
        "command_id": f"c{number}",
        "type": type_,
        "merchant_id": SHOP,
        "member_id": member,
        "performer": {"kind": "system", "id": "shop"},
        "issued_at": datetime.now(UTC).isoformat(),
        **own.get(type_, {}),
        **fields,
    }


def record(content: Json, key: str | None = "") -> Record:
    own = f"{content.get('merchant_id')}:{content.get('member_id')}" if key == "" else key
    return Record("commands", own, orjson.dumps(content))


def answers(engine: Engine, number: int) -> list[Json]:
    """The first so many answers, once they are there, partition by partition."""

    def there() -> list[Any]:
        records = engine.events("command_results")
        return records if len(records) >= number else []

    found = wait_for(f"{number} answers", there)
    assert len(found) == number
    for message in found:
        content = orjson.loads(message.value())
        assert message.key() == f"{content['merchant_id']}:{content['member_id']}".encode()
    return [orjson.loads(message.value()) for message in found]


def codes(found: Sequence[Json]) -> dict[str, tuple[str, bool]]:
    return {each["command_id"]: (each["code"], each["repeated"]) for each in found}


def test_commands_are_answered_in_the_order_of_a_members_key(engine: Engine) -> None:
    shop(engine)
    worker = engine.run("commands").wait_ready()
    engine.run("relay").wait_ready()
    members = [f"member {number}" for number in range(4)]
    engine.produce(
        record(command(f"{member}-{number}", member=member, points=1))
        for number in range(5)
        for member in members
    )
    found = answers(engine, 20)
    for member in members:
        mine = [each for each in found if each["member_id"] == member]
        assert [each["balance"]["available"] for each in mine] == [1, 2, 3, 4, 5]
    worker.wait_metric("points_commands_total", 20, type="assign", code="ok")
    assert worker.terminate() == 0
    engine.wait_published()
    engine.audit({(SHOP, member): 5 for member in members})


def test_poison_goes_to_its_dead_letters_and_everything_else_is_answered(engine: Engine) -> None:
    shop(engine)
    engine.run("commands").wait_ready()
    engine.run("relay").wait_ready()
    give = command(1)
    poison = [
        Record("commands", None, b"no JSON"),
        Record("commands", None, b"[1]"),
        record({name: value for name, value in give.items() if name != "command_id"}),
        record(give | {"member_id": " ann"}),
        record(give | {"merchant_id": 5}),
    ]
    answered = [
        record(give, key=None),
        record(give),
        record(give | {"points": 1}),
        record(command(2, type_="gift")),
        record(command(3, merchant_id="nobody")),
    ]
    engine.produce([*poison, *answered, Record("commands", "k", None)])
    engine.wait_consumed(11)
    found = answers(engine, 5)
    assert sorted((a["command_id"], a["code"], a["repeated"]) for a in found) == [
        ("c1", "key_reused", False),
        ("c1", "ok", False),
        ("c1", "ok", True),
        ("c2", "unknown_type", False),
        ("c3", "unknown_merchant", False),
    ]
    letters = wait_for("dead letters", lambda: _all(engine.events("dlq_commands"), 5))
    assert {message.value() for message in letters} == {one.value for one in poison}
    counts = engine.counts()
    assert (counts["applied"], counts["duplicate"], counts["ignored"], counts["dead"]) == (
        4,
        1,
        1,
        5,
    )


def _all(found: list[Any], number: int) -> list[Any]:
    return found if len(found) >= number else []


def test_a_killed_worker_answers_each_command_once_when_it_is_back(engine: Engine) -> None:
    shop(engine)
    worker = engine.run("commands").wait_ready()
    give = [command(number, member=f"m{number % 50}", points=1) for number in range(3000)]
    engine.produce(record(one) for one in give)
    engine.wait_consumed(1)
    worker.kill()
    engine.run("commands", "relay")
    engine.wait_consumed(3000)
    found = answers(engine, 3000)
    assert {each["command_id"] for each in found} == {one["command_id"] for one in give}
    assert {(each["code"], each["repeated"]) for each in found} == {("ok", False)}
    engine.wait_published()
    engine.audit({(SHOP, f"m{number}"): 60 for number in range(50)})


def test_two_checkouts_that_race_never_hold_more_than_there_is(engine: Engine) -> None:
    shop(engine)
    engine.run("commands").wait_ready()
    engine.run("commands").wait_ready()
    engine.run("relay").wait_ready()
    members = [f"m{number}" for number in range(30)]
    engine.produce(record(command(f"give-{member}", member=member)) for member in members)
    answers(engine, 30)
    # Without a key the two commands of a member lie in either partition.
    engine.produce(
        record(command(f"{side}-{member}", "hold", member), key=f"{side}{member}")
        for member in members
        for side in ("left", "right")
    )
    found = codes(answers(engine, 90))
    for member in members:
        both = sorted(found[f"c{side}-{member}"][0] for side in ("left", "right"))
        assert both == ["insufficient_points", "ok"]
