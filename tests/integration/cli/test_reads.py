"""`points member …` and `points expiring`: an account at the moment of asking, posted or not."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.commands import expiring
from schemas.ids import SECOND, iso
from store.reads.account import expiring as reading
from tests.support.account.desk import ANN, BEA, BEGIN, NEXT_YEAR, SHOP, Desk
from tests.support.commands import points
from tests.support.in_process import InProcessEngine
from tests.support.servers import Databases
from tests.support.upstream import delivery, hex_id, order

HEX_FIRST, HEX_LAST = hex_id("0"), "f" * 24
SOON = {"earn": {
    "rules": [{"unit_price": 10, "points_per_unit": 1}], "pending_days": 0,
    "expiry": {"kind": "fixed_date", "month": 6, "day": 1},
}}  # fmt: skip
"""Settings whose points of 2026 can be used until the first of June 2027."""


@pytest.fixture
def desk(postgres: Databases) -> Iterator[Desk]:
    url = postgres.migrated()
    opened = Desk(url).open()
    yield opened
    opened.close()
    postgres.drop(url)


@pytest.fixture
def environment(desk: Desk) -> Mapping[str, str]:
    return {"POINTS_DATABASE__URL": desk.url}


def shown(environment: Mapping[str, str], member: str = ANN, *options: str) -> Any:
    """`points member show` as JSON."""
    return points(environment, "member", "show", SHOP, member, *options, "--json").json


def lapsing(environment: Mapping[str, str], *options: str) -> Any:
    """`points expiring` as JSON."""
    return points(environment, "expiring", SHOP, *options, "--json").json


def test_a_member_is_shown_with_live_holds_and_what_lapses_soon(
    desk: Desk, environment: Mapping[str, str]
) -> None:
    desk.do("assign", points=100)
    desk.do("hold", hold_id="long", points=20, ttl_seconds=3600)
    desk.do("hold", hold_id="short", points=30, ttl_seconds=60)
    answer = shown(environment)
    assert list(answer) == [
        "available", "held", "debt", "pending", "never_expire", "expiring", "sequence",
        "holds", "upcoming", "plans",
    ]  # fmt: skip
    assert (answer["available"], answer["held"], answer["sequence"]) == (50, 50, 3)
    ends = {"short": iso(BEGIN + 60 * SECOND), "long": iso(BEGIN + 3600 * SECOND)}
    assert answer["holds"] == [
        {"hold_id": "short", "points": 30, "purpose": "cash", "expires_at": ends["short"]},
        {"hold_id": "long", "points": 20, "purpose": "cash", "expires_at": ends["long"]},
    ]
    assert answer["upcoming"] == []
    assert shown(environment, ANN, "--days", "600")["upcoming"] == answer["expiring"]
    assert answer["expiring"] == [{"expires_at": NEXT_YEAR, "points": 50}]


def test_a_hold_that_has_ended_is_free_before_anybody_posts_it(
    desk: Desk, environment: Mapping[str, str]
) -> None:
    desk.do("assign", points=100)
    desk.do("hold", hold_id="h", points=30, ttl_seconds=60)
    desk.later(59)
    assert [hold["hold_id"] for hold in shown(environment)["holds"]] == ["h"]
    desk.later(1)
    answer = shown(environment)
    assert (answer["available"], answer["held"], answer["holds"]) == (100, 0, [])
    assert lapsing(environment, "--days", "600") == [
        {"member_id": ANN, "expires_at": NEXT_YEAR, "points": 100}
    ]
    posted = desk.post_overdue()
    assert posted == 1
    assert shown(environment) == answer | {"sequence": 3}


def test_lapsed_points_are_gone_before_anybody_posts_it(
    desk: Desk, environment: Mapping[str, str]
) -> None:
    desk.do("assign", points=100)
    desk.at(NEXT_YEAR)
    desk.clock(desk.now - 1)
    assert lapsing(environment, "--days", "1")[0]["points"] == 100
    desk.at(NEXT_YEAR)
    assert lapsing(environment) == []
    assert (shown(environment)["available"], shown(environment)["upcoming"]) == (0, [])


def test_what_an_ended_hold_frees_pays_the_debt_first(
    desk: Desk, environment: Mapping[str, str]
) -> None:
    desk.do("assign", points=100)
    desk.do("hold", hold_id="h", points=60, ttl_seconds=60)
    # As a clawback leaves it: what is free is taken, and the rest is debt.
    desk.looking.execute(
        "UPDATE lot SET remaining = held; UPDATE account SET available = 0, debt = 50"
    )
    desk.later(60)
    assert lapsing(environment, "--days", "600") == [
        {"member_id": ANN, "expires_at": NEXT_YEAR, "points": 10}
    ]
    assert (shown(environment)["available"], shown(environment)["debt"]) == (10, 0)


def test_points_lapse_by_instant_and_member(desk: Desk, environment: Mapping[str, str]) -> None:
    members = (HEX_LAST, BEA, HEX_FIRST, ANN, "Ångström", "\U0001f375")
    for member in members:
        desk.do("assign", member_id=member, points=10)
    desk.later(1)
    desk.settle_in(SHOP, **SOON)
    for member in (BEA, ANN):
        desk.do("assign", member_id=member, points=5)
    rows = lapsing(environment, "--days", "600")
    assert [(row["expires_at"][:10], row["member_id"], row["points"]) for row in rows] == [
        ("2027-06-01", ANN, 5),
        ("2027-06-01", BEA, 5),
        *(("2027-12-31", member, 10) for member in sorted(members)),
    ]
    assert lapsing(environment, "--days", "400") == rows[:2]
    assert lapsing(environment, "--days", "600", "--limit", "3") == rows[:3]
    # Also those of a member whose hold has ended, which are worked out by themselves.
    desk.do("hold", hold_id="h", member_id=BEA, points=10, ttl_seconds=60)
    assert lapsing(environment, "--days", "600") != rows
    desk.later(60)
    assert lapsing(environment, "--days", "600") == rows


def test_other_shops_points_are_theirs(desk: Desk, environment: Mapping[str, str]) -> None:
    desk.settle_in("neighbour")
    desk.do("assign", merchant_id="neighbour", points=10)
    assert lapsing(environment, "--days", "600") == []
    answer = points(environment, "expiring", "neighbour", "--days", "600", "--json").json
    assert [row["member_id"] for row in answer] == [ANN]


def test_many_rows_come_in_parts(
    desk: Desk, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 7)
    members = [f"m{number:03}" for number in range(50)]
    desk.send(*(desk.command("assign", member_id=member, points=1) for member in members))
    rows = lapsing(environment, "--days", "600")
    assert [row["member_id"] for row in rows] == members


def test_people_see_the_first_rows_and_how_to_see_more(
    desk: Desk, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing lapses within 30 days" in points(environment, "expiring", SHOP).out
    monkeypatch.setattr(expiring, "SHOWN", 2)
    for member in ("m1", "m2", "m3"):
        desk.do("assign", member_id=member, points=1_000)
    printed = points(environment, "expiring", SHOP, "--days", "600").out
    assert re.search(r"2027-12-31 23:59 +m1 +1,000 *\n +m2 +1,000 *\nmore: --limit 20", printed)
    assert "m3" not in printed
    assert "more" not in points(environment, "expiring", SHOP, "--days", "600", "--limit", "3").out


def test_people_see_a_member_on_one_panel(desk: Desk, environment: Mapping[str, str]) -> None:
    desk.do("assign", points=1_200)
    desk.do("hold", hold_id="cart-7", points=200, ttl_seconds=1800)
    printed = points(environment, "member", "show", SHOP, ANN, "--days", "600").out
    for line in (
        r"1,000 +available",
        r"held for\W+200 +cart-7, cash, until 2026-05-29 04:56:40",
        r"lapse within 600 days\W+1,000 +until 2027-12-31 23:59",
        r"times of Asia/Taipei",
    ):
        assert re.search(line, printed), line
    assert "planned orders" in points(environment, "member", "show", SHOP, "nobody").out


def test_history_says_what_is_held_and_by_which_hold(
    desk: Desk, environment: Mapping[str, str]
) -> None:
    desk.do("assign", points=100, reason="thanks")
    desk.do("hold", hold_id="h", points=50)
    desk.do("capture", hold_id="h", order_id="o1", points=30)
    entries = points(environment, "member", "history", SHOP, ANN, "--json").json
    told = [
        (e["type"], e["points"], e.get("held_points"), e.get("hold_id"), e["order_id"])
        for e in entries
    ]
    assert told == [
        ("assigned", 100, None, None, None),
        ("held", 0, 50, "h", None),
        ("redeemed", -30, -30, "h", "o1"),
        ("released", 0, -20, "h", None),
    ]
    # Fields that do not apply are not there.
    assert "held_points" not in entries[0]
    assert "hold_id" not in entries[0]
    assert entries == points(environment, "history", SHOP, ANN, "--json").json
    page = ("--after", "1", "--limit", "2", "--json")
    assert points(environment, "member", "history", SHOP, ANN, *page).json == entries[1:3]
    printed = points(environment, "member", "history", SHOP, ANN).out
    assert re.search(r"assigned +\+100 +100 +thanks, by sue", printed)
    assert re.search(r"held +\+50 +100 +hold h", printed)
    assert re.search(r"redeemed +-30 +-30 +70 +o1", printed)


def test_planned_orders_are_a_members_plans(in_process: InProcessEngine) -> None:
    in_process.merchant("shop-a", pending_days=3)
    first, second, member = hex_id("o", 1), hex_id("o", 2), hex_id("member")
    arrived = datetime.now(UTC) - timedelta(hours=1)
    for order_id, amount in ((first, 700), (second, 300)):
        in_process.consume(order("shop-a", order_id, member, amount))
        in_process.consume(delivery("shop-a", order_id, "arrived", at=arrived))
    answer = points(in_process.environment, "member", "show", "shop-a", member, "--json").json
    assert {(plan["order_id"], plan["points"]) for plan in answer["plans"]} == {
        (first, 70),
        (second, 30),
    }
    assert answer["pending"] == 100
    due = explained(in_process, first)["due_at"]
    assert [plan["due_at"] for plan in answer["plans"]] == [due, due]
    printed = points(in_process.environment, "member", "show", "shop-a", member).out
    assert f"{first}, due " in printed


def explained(engine: InProcessEngine, order_id: str) -> Any:
    """`points explain` as JSON."""
    return points(engine.environment, "explain", "shop-a", order_id, "--json").json


def test_unknown_members_have_nothing_and_unknown_merchants_are_not_found(
    environment: Mapping[str, str],
) -> None:
    answer = shown(environment, "nobody")
    assert (answer["available"], answer["sequence"]) == (0, 0)
    assert answer["holds"] == answer["upcoming"] == answer["plans"] == []
    for command in (
        ("member", "show", "x", ANN),
        ("member", "history", "x", ANN),
        ("expiring", "x"),
    ):
        assert points(environment, *command, "--json").code == 6


@pytest.mark.parametrize("days", ["0", "-1", "36501", "1.5", "soon"])
def test_days_are_a_number_that_a_calendar_has(environment: Mapping[str, str], days: str) -> None:
    assert points(environment, "expiring", SHOP, "--days", days).code == 2
    assert points(environment, "member", "show", SHOP, ANN, "--days", days).code == 2
