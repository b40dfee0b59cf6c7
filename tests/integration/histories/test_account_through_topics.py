"""Commands and events through Kafka: twice, in any order across partitions, while workers die.

Whatever the way, each command has one effect and one answer, and the sums are what the answers and
the orders' facts say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest

from schemas.packing import unpack_id
from tests.oracle.book import Book
from tests.oracle.redeemed import given_back
from tests.support import invariants
from tests.support.engine import Engine, wait_for
from tests.support.order_facts import order, returned, some_id
from tests.support.order_facts import settings as settings_of
from tests.support.timeline import IDLE, apply, record_of
from tests.support.upstream import Json, Record

pytestmark = pytest.mark.slow

SHOP = some_id("shop of the topics")
MEMBERS = [some_id(f"shopper {number}") for number in range(12)]
ORDERS = [some_id(f"bought with points {number}") for number in range(18)]
ROUNDS = 40
KINDS = ("commands", "intake", "recheck", "grants", "expiry", "relay")
SETTINGS = settings_of(
    earn={
        "rules": [{"unit_price": 1_000_000, "points_per_unit": 1}],
        "expiry": {"kind": "never"},
    },
    redeem={"cash": {"unit_points": 1, "price_per_unit": 1}},
)
TOLD = (
    "command_id",
    "type",
    "member_id",
    "outcome",
    "code",
    "message",
    "entries",
    "balance",
    "decided_at",
    "hold_id",
    "expires_at",
    "order_id",
    "changed",
    "job_id",
    "rows",
)
LEDGER = """
SELECT convert_from(l.cause_id, 'UTF8'), a.member, array_agg(l.sequence ORDER BY l.sequence)
FROM ledger l JOIN account a USING (account_no) WHERE l.cause = 5 GROUP BY 1, 2"""


class Story(NamedTuple):
    """Commands by their id, in each member's order, and the orders' events."""

    commands: dict[str, Json]
    events: list[Json]


def story(random: Random) -> Story:
    """What happens: points given and taken, held, captured, returned; orders that come back."""
    commands: dict[str, Json] = {}
    for number in range(ROUNDS):
        for member in MEMBERS:
            for content in _of_member(random, member, f"{number} {member}"):
                content["command_id"] = f"command {len(commands)}"
                commands[content["command_id"]] = content
    return Story(commands, [event for order_id in ORDERS for event in _of_order(random, order_id)])


def _of_member(random: Random, member: str, name: str) -> Iterator[Json]:
    some = random.randint(1, 30)

    def command(kind: str, **fields: Any) -> Json:
        return {
            "type": kind,
            "merchant_id": SHOP,
            "member_id": member,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": datetime.now(UTC).isoformat(),
            **fields,
        }

    match random.choice(("assign", "deduct", "buy", "buy", "leave", "return", "bulk")):
        case "assign":
            yield command("assign", points=some, reason="thanks")
        case "deduct":
            yield command("assign", points=-some, reason="a mistake")
        case "buy":
            yield command("hold", hold_id=name, points=some, purpose="cash")
            part = random.choice([{}, {"points": some // 2 + 1}])
            yield command("capture", hold_id=name, order_id=random.choice(ORDERS), **part)
        case "leave":
            yield command("hold", hold_id=name, points=some, purpose="cash")
            yield command("release", hold_id=random.choice([name, "of no one"]))
        case "return":
            part = random.choice([{}, {"points": 3}])
            order_id = random.choice(ORDERS)
            yield command("return_redeemed", order_id=order_id, reason="late", **part)
        case "bulk":
            job = random.choice(("june", "july"))
            bulk = command(
                "bulk_assign",
                job_id=job,
                points=9,
                reason="gift",
                members=random.sample(MEMBERS, 3),
            )
            del bulk["member_id"]
            yield bulk


def _of_order(random: Random, order_id: str) -> Iterator[Json]:
    yield order(order_id=order_id, merchant=SHOP, created="2026-01-01T00:00:00Z")
    for day in range(1, random.randint(1, 5)):
        at = f"2026-01-{day + 1:02}T00:00:00Z"
        if random.random() < 0.5:
            yield returned(
                random.choice([10, 333, 500]),
                at,
                order_id=order_id,
                merchant=SHOP,
                return_id=f"{order_id} {day % 2}",
                status=random.choice(["completed", "completed", "cancelled"]),
            )
        else:
            status = random.choice(["cancelled", "confirmed", "confirmed"])
            yield order(
                order_id=order_id,
                merchant=SHOP,
                status=status,
                updated=at,
                created="2026-01-01T00:00:00Z",
            )


def records_of(told: Story, random: Random) -> list[Record]:
    """Every command and event, some twice, events in any order, some under another's key."""
    first = [_record(content) for content in told.commands.values()]
    placed = [(number, record) for number, record in enumerate(first)]
    for number, content in enumerate(told.commands.values()):
        if random.random() < 0.4:
            key = random.choice([None, "elsewhere", f"{SHOP}:{content.get('member_id')}"])
            placed.append(
                (random.randint(max(0, number - 30), number + 200), _record(content, key))
            )
    for event in told.events:
        times = random.randint(1, 2)
        placed += [(random.randint(0, len(first)), record_of(event)) for _ in range(times)]
    return [record for _, record in sorted(placed, key=lambda pair: pair[0])]


def _record(content: Json, key: str | None = "") -> Record:
    own = f"{SHOP}:{content.get('member_id')}" if "member_id" in content else SHOP
    return Record("commands", own if key == "" else key, orjson.dumps(content))


def answers_of(engine: Engine) -> dict[str, list[Json]]:
    """All answers by command."""
    found: dict[str, list[Json]] = defaultdict(list)
    for message in engine.events("command_results"):
        answer = orjson.loads(message.value())
        found[answer["command_id"]].append(answer)
    return found


def test_commands_twice_and_anywhere_while_workers_are_killed(engine: Engine) -> None:
    random = Random(5)
    told = story(random)
    records = records_of(told, random)
    apply(engine.prepare(), SHOP, SETTINGS)
    small = {"POINTS_INTAKE__BATCH": "25"}
    running = {kind: engine.run(kind, **small) for kind in KINDS}
    produced = 0
    for victim in ("commands", "recheck", "relay", "commands"):
        part = records[produced : produced + len(records) // 4 + 1]
        engine.produce(part)
        engine.wait_consumed(produced + int(random.uniform(0.1, 0.7) * len(part)), within=120)
        running[victim].kill()
        running[victim] = engine.run(victim, **small)
        produced += len(part)
    engine.wait_consumed(len(records), within=90)
    wait_for("idle workers", lambda: engine.value(IDLE), within=60)

    answers = answers_of(engine)
    check_answers(told, answers, Counter(_commands(records)))
    check_effects(engine, told, {name: each[0] for name, each in answers.items()})
    check_sums(engine, told, {name: each[0] for name, each in answers.items()})
    invariants.check_idle(engine)


def _commands(records: list[Record]) -> Iterator[str]:
    for record in records:
        if record.topic == "commands" and record.value is not None:
            yield orjson.loads(record.value)["command_id"]


def check_answers(told: Story, answers: dict[str, list[Json]], sent: Counter[str]) -> None:
    """One answer for each record, all of a command the same, the first alone no repeat."""
    assert answers.keys() == told.commands.keys()
    codes = Counter(each[0]["code"] for each in answers.values())
    assert {"ok", "insufficient_points", "unknown_hold", "nothing_to_return"} <= codes.keys()
    for name, each in answers.items():
        # The relay was killed: it may have sent some twice.
        assert len(each) >= sent[name]
        assert {answer["repeated"] for answer in each} == (
            {False, True} if sent[name] > 1 else {False}
        )
        assert len({orjson.dumps([answer.get(field) for field in TOLD]) for answer in each}) == 1


def check_effects(engine: Engine, told: Story, answers: dict[str, Json]) -> None:
    """The ledger has the entries that the answers name, and no others."""
    made = {(cause, unpack_id(bytes(member))): seqs for cause, member, seqs in engine.rows(LEDGER)}
    must: dict[tuple[str, str], list[int]] = {}
    for name, answer in answers.items():
        content = told.commands[name]
        if answer["entries"]:
            must[name, content["member_id"]] = answer["entries"]
        for row in answer.get("rows") or ():
            must[content["job_id"], row["member_id"]] = [row["sequence"]]
    assert made == must


def check_sums(engine: Engine, told: Story, answers: dict[str, Json]) -> None:
    """Each member has what the answers say, and of each capture what the order's facts leave."""
    points: Counter[str] = Counter()
    for name, answer in answers.items():
        content = told.commands[name]
        if content["type"] == "assign" and answer["outcome"] == "applied":
            points[content["member_id"]] += content["points"]
        for row in answer.get("rows") or ():
            if row["code"] == "ok":
                points[row["member_id"]] += content["points"]
    book = Book()
    book.apply(SETTINGS, SHOP)
    for event in told.events:
        book.now = datetime.now(UTC)
        book.consume(event)
    query = (
        "SELECT member, order_id, points, manual FROM redemption JOIN account USING (account_no)"
    )
    captured: Counter[str] = Counter()
    for member, order_id, taken, manual in engine.rows(query):
        facts = book.orders[SHOP, unpack_id(bytes(order_id))]
        back = given_back(taken, "cash", SETTINGS["redeem"], facts, SETTINGS)
        points[unpack_id(bytes(member))] -= taken - min(taken, manual + back)
        captured[unpack_id(bytes(member))] += taken
    for name, answer in answers.items():
        content = told.commands[name]
        if content["type"] == "capture" and answer["outcome"] == "applied":
            held = told.commands[_hold_of(told, content["hold_id"])]["points"]
            captured[content["member_id"]] -= min(held, content.get("points", held))
    assert not any(captured.values())
    balances = {member: sum_ for (_, member), sum_ in engine.balances().items()}
    assert balances == {member: points[member] for member in balances}


def _hold_of(told: Story, hold_id: str) -> str:
    return next(
        name
        for name, content in told.commands.items()
        if content["type"] == "hold" and content["hold_id"] == hold_id
    )
