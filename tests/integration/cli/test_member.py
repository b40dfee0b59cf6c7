"""`balance`, `history` and `explain` on what the workers really did with real records."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.support.commands import points
from tests.support.engine import Engine
from tests.support.upstream import CREATED, STORE, delivery, hex_id, order, returned

SHOP, MEMBER = "shop-a", hex_id("member")
GRANTED, WAITING, PLANNED, CUT = (hex_id("o", n) for n in range(4))
DAY = 86_400
LATER = datetime.now(UTC) - timedelta(hours=1)
FIXED = {"kind": "fixed_date", "month": 12, "day": 31}


@pytest.fixture
def day(engine: Engine) -> Engine:
    """Four orders: granted long ago, waiting at the store, planned, and partly returned."""
    engine.merchant(SHOP, pending_days=3)
    records = [
        order(SHOP, GRANTED, MEMBER, 1000),
        delivery(SHOP, GRANTED, "arrived", at=CREATED + timedelta(days=2)),
        order(SHOP, WAITING, MEMBER, 500, option=STORE, delivery="arrived"),
        order(SHOP, PLANNED, MEMBER, 700),
        delivery(SHOP, PLANNED, "arrived", at=LATER),
        order(SHOP, CUT, MEMBER, 400),
        delivery(SHOP, CUT, "arrived"),
        returned(SHOP, CUT, 150, at=CREATED + timedelta(days=30)),
    ]
    workers = [engine.run(name) for name in ("intake", "grants", "relay")]
    workers[0].wait_ready()
    engine.produce(records)
    engine.wait_consumed(len(records))
    engine.wait_published()
    for worker in workers:
        worker.terminate()
    return engine


def test_balance_history_and_explain_agree(day: Engine) -> None:
    balance = points(day.environment, "balance", SHOP, MEMBER, "--json").json
    assert balance["available"] == balance["never_expire"] == 125
    assert (balance["held"], balance["debt"], balance["pending"], balance["expiring"]) == (
        0,
        0,
        70,
        [],
    )
    history = points(day.environment, "history", SHOP, MEMBER, "--json").json
    assert sum(entry["points"] for entry in history) == 125 == history[-1]["balance_after"]
    assert [entry["sequence"] for entry in history] == list(range(1, balance["sequence"] + 1))
    assert set(history[0]) == {
        "sequence",
        "type",
        "points",
        "balance_after",
        "order_id",
        "reason",
        "performer",
        "expires_at",
        "occurred_at",
        "recorded_at",
    }
    states = {
        o: points(day.environment, "explain", SHOP, o, "--json").json
        for o in (GRANTED, WAITING, PLANNED, CUT)
    }
    assert {o: (s["state"], s["points"], s["granted"]) for o, s in states.items()} == {
        GRANTED: ("granted", 100, 100),
        WAITING: ("waiting", 50, 0),
        PLANNED: ("planned", 70, 0),
        CUT: ("granted", 25, 25),
    }
    for key in (
        "order_id",
        "member_id",
        "settings_version",
        "base",
        "final_at",
        "due_at",
        "expires_at",
        "steps",
    ):
        assert key in states[GRANTED]
    assert (
        states[GRANTED]["member_id"],
        states[GRANTED]["settings_version"],
        states[GRANTED]["base"],
    ) == (
        MEMBER,
        1,
        1000,
    )
    assert states[GRANTED]["due_at"] == "2024-03-05T16:00:00Z"
    at_the_store = "The parcel is at the store and has not been collected."
    assert any(at_the_store in step for step in states[WAITING]["steps"])
    assert any("Completed returns: 1, together TWD 150" in step for step in states[CUT]["steps"])


def test_history_pages(day: Engine) -> None:
    whole = points(day.environment, "history", SHOP, MEMBER, "--json").json
    pages, after = [], 0
    while page := points(
        day.environment, "history", SHOP, MEMBER, "--after", str(after), "--limit", "1", "--json"
    ).json:
        assert len(page) == 1
        pages += page
        after = page[-1]["sequence"]
    assert pages == whole


def test_people_get_a_panel_and_a_table(day: Engine) -> None:
    panel = points(day.environment, "explain", SHOP, WAITING).out.replace("│", " ")
    assert "at the store and has not been collected" in " ".join(panel.split())
    assert "available" in points(day.environment, "balance", SHOP, MEMBER).out
    assert "granted" in points(day.environment, "history", SHOP, MEMBER).out


def test_the_databases_address_is_all_that_reading_needs(day: Engine) -> None:
    environment = {name: value for name, value in day.environment.items() if "POINTS_" not in name}
    environment["POINTS_DATABASE__URL"] = day.database_url
    for command in (
        ("balance", SHOP, MEMBER),
        ("history", SHOP, MEMBER),
        ("explain", SHOP, GRANTED),
        ("settings", "show", SHOP),
        ("settings", "log", SHOP),
        ("compare-upstream",),
        ("carriers", "unknown"),
        ("carriers", "log"),
        ("carriers", "parked"),
        ("dlq", "list"),
        ("cursor", "show"),
    ):
        assert points(environment, *command, "--json").code == 0


def test_unknown_member_has_zeros_and_unknown_merchant_is_not_found(day: Engine) -> None:
    nothing = points(day.environment, "balance", SHOP, "nobody", "--json").json
    assert nothing == {
        "available": 0,
        "held": 0,
        "debt": 0,
        "pending": 0,
        "never_expire": 0,
        "expiring": [],
        "sequence": 0,
    }
    assert points(day.environment, "history", SHOP, "nobody", "--json").json == []
    for command in ("balance", "history", "explain"):
        assert points(day.environment, command, "no-shop", MEMBER).code == 6


def test_unknown_order_is_none_and_says_so(day: Engine) -> None:
    answer = points(day.environment, "explain", SHOP, "f" * 24, "--json").json
    assert (answer["state"], answer["member_id"], answer["points"], answer["granted"]) == (
        "none",
        None,
        0,
        0,
    )
    assert answer["steps"] == ["unknown_order: we have received no record of this order."]


def test_an_order_moved_through_three_members_tells_all_its_entries(day: Engine) -> None:
    second, third = hex_id("second"), hex_id("third")
    day.run("intake")
    for number, member in enumerate((second, third), start=1):
        day.produce(
            [
                order(
                    SHOP,
                    GRANTED,
                    member,
                    1000,
                    delivery=None,
                    at=CREATED + timedelta(days=40 + number),
                )
            ]
        )
        day.wait_consumed(8 + number)
    answer = points(day.environment, "explain", SHOP, GRANTED, "--json").json
    assert (answer["member_id"], answer["state"], answer["granted"]) == (third, "granted", 100)
    posted = [step for step in answer["steps"] if "for member" in step]
    assert len(posted) == 5
    assert sum(second in step for step in posted) == 2


def test_lapsed_points_are_gone_before_anybody_posts_it(engine: Engine) -> None:
    engine.merchant(SHOP, pending_days=0, expiry=FIXED)
    engine.run("intake")
    engine.produce(
        [order(SHOP, GRANTED, MEMBER, 1000, delivery="arrived", at=LATER, order_number="1")]
    )
    engine.wait_consumed(1)
    before = points(engine.environment, "balance", SHOP, MEMBER, "--json").json
    assert before["available"] == 100
    assert [lot["points"] for lot in before["expiring"]] == [100]
    year = datetime.now(UTC).astimezone().year + 2
    engine.move_clock((datetime(year, 1, 2, tzinfo=UTC) - datetime.now(UTC)).total_seconds())
    after = points(engine.environment, "balance", SHOP, MEMBER, "--json").json
    assert (after["available"], after["expiring"], after["sequence"]) == (0, [], before["sequence"])


def test_due_and_not_granted_stays_pending(engine: Engine) -> None:
    engine.merchant(SHOP, pending_days=3)
    engine.run("intake")
    engine.produce([order(SHOP, PLANNED, MEMBER, 700, delivery="arrived", at=LATER)])
    engine.wait_consumed(1)
    engine.move_clock(5 * DAY)
    answer = points(engine.environment, "explain", SHOP, PLANNED, "--json").json
    assert (answer["state"], answer["granted"]) == ("planned", 0)
    assert any("not posted yet" in step for step in answer["steps"])
    assert points(engine.environment, "balance", SHOP, MEMBER, "--json").json["pending"] == 70


def test_looking_waits_for_no_worker(day: Engine) -> None:
    with psycopg.connect(day.database_url) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM orders FOR UPDATE")
        connection.execute("SELECT 1 FROM account FOR UPDATE")
        assert points(day.environment, "explain", SHOP, GRANTED, "--json").json["granted"] == 100
        assert points(day.environment, "balance", SHOP, MEMBER, "--json").json["available"] == 125
