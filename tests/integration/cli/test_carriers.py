"""`points carriers`: unknown codes get a meaning, and reports without an order are shown."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from schemas.carriers import Meaning
from store.carriers import codes
from store.postgres import session
from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.upstream import CREATED, STORE, Record, hex_id, order

SHOP, OTHER, MEMBER = "shop-a", "shop-b", hex_id("member")
STRANGE = "77777"
FETCHED = CREATED + timedelta(days=2)


def report(
    number: str, code: str | None = "2067", *, at: datetime = FETCHED, **fields: object
) -> Record:
    told = {
        "carrier": "ecpay",
        "service": "unimartc2c",
        "code": code,
        "tracking_number": number,
        "occurred_at": at.isoformat(),
        **fields,
    }
    return Record("deliveries", None, orjson.dumps(told))


def numbered(
    merchant: str, order_id: str, number: str | None, *, member: str = MEMBER, **fields: Any
) -> Record:
    """An order whose parcel is on its way to a store, with its tracking number."""
    parcel = {
        "id": hex_id("delivery", order_id),
        "status": "shipped",
        "platform": STORE,
        "tracking_number": number,
    }
    return order(merchant, order_id, member, 1000, delivery=None, order_delivery=parcel, **fields)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Two merchants, and the workers that take in and look again."""
    engine.merchant(SHOP)
    engine.merchant(OTHER)
    engine.run("intake").wait_ready()
    engine.run("recheck")
    return engine


def settled(engine: Engine) -> None:
    wait_for(
        "an empty recheck queue", lambda: engine.value("SELECT NOT EXISTS (SELECT FROM recheck)")
    )


def carriers(engine: Engine, *arguments: str) -> Any:
    return points(engine.environment, "carriers", *arguments, "--json").json


def state(engine: Engine, order_id: str, merchant: str = SHOP) -> str:
    return str(points(engine.environment, "explain", merchant, order_id, "--json").json["state"])


def test_a_code_that_gets_a_meaning_reaches_back_to_reports_that_carried_it(shop: Engine) -> None:
    by_number, by_name, later = hex_id("by number"), hex_id("by name"), hex_id("later")
    signed = "已簽收:王小明 0912345678"
    shop.produce(
        [
            numbered(SHOP, by_number, "N 1"),
            numbered(SHOP, by_name, None),
            numbered(SHOP, later, "N3"),
            report("n-1", STRANGE, text=signed),
            report("X9", STRANGE, at=FETCHED + timedelta(hours=1)),
            report("N2", STRANGE, text=signed, merchant_id=SHOP, order_id=by_name),
        ]
    )
    shop.wait_consumed(6)
    (unknown,) = carriers(shop, "unknown")
    assert (unknown["carrier"], unknown["service"], unknown["code"], unknown["reports"]) == (
        "ecpay",
        "unimartc2c",
        STRANGE,
        3,
    )
    shown = points(shop.environment, "carriers", "unknown").out
    assert STRANGE in shown
    assert "王" not in shown + unknown["text"]
    assert "0912" not in shown + unknown["text"]
    assert {state(shop, order) for order in (by_number, by_name, later)} == {"waiting"}
    assert any(
        "no table has this code" in step
        for step in points(shop.environment, "explain", SHOP, by_number, "--json").json["steps"]
    )

    done = carriers(
        shop,
        "set",
        "ecpay",
        "unimartc2c",
        STRANGE,
        "collected",
        "--note",
        "their notice of May",
        "--by",
        "mei",
    )
    assert (done["word"], done["before"]["word"], done["changed"], done["rechecked"]) == (
        "collected",
        "unknown",
        True,
        3,
    )
    settled(shop)
    assert [state(shop, order) for order in (by_number, by_name, later)] == [
        "granted",
        "granted",
        "waiting",
    ]
    assert carriers(shop, "unknown") == []

    shop.produce([report("N3", STRANGE)])
    shop.wait_consumed(7)
    assert state(shop, later) == "granted"
    assert carriers(shop, "unknown") == []
    assert shop.balances() == {(SHOP, MEMBER): 300}


def test_what_is_set_is_shown_logged_and_reset_and_known_codes_change_from_then_on(
    shop: Engine,
) -> None:
    before, after = hex_id("before"), hex_id("after")
    shop.produce([numbered(SHOP, before, "N1"), numbered(SHOP, after, "N2"), report("N1")])
    shop.wait_consumed(3)
    wrong = carriers(shop, "set", "ecpay", "unimartc2c", "2067", "in_transit", "--note", "tried")
    assert (wrong["version"], wrong["before"], wrong["rechecked"]) == (
        1,
        {"word": "collected", "effect": None},
        0,
    )
    again = carriers(shop, "set", "ecpay", "unimartc2c", "2067", "in transit", "--note", "again")
    assert (again["version"], again["changed"]) == (1, False)
    shop.produce([report("N2")])
    shop.wait_consumed(4)
    assert [state(shop, before), state(shop, after)] == ["granted", "waiting"]
    rows = {row["code"]: row for row in carriers(shop, "show", "ecpay", "unimartc2c")}
    assert (rows["2067"]["word"], rows["2067"]["shipped"]["word"], rows["2067"]["version"]) == (
        "in transit",
        "collected",
        1,
    )
    assert (rows["2073"]["word"], rows["2073"]["version"]) == ("at the pick-up point", None)
    assert {row["service"] for row in carriers(shop, "show", "ecpay")} > {"unimartc2c", "tcat"}
    assert "set by" in points(shop.environment, "carriers", "show", "ecpay", "unimartc2c").out

    assert (
        carriers(
            shop,
            "set",
            "ecpay",
            "tcat",
            "3003",
            "reversed",
            "--effect",
            "return",
            "--note",
            "tried",
        )["effect"]
        == "return"
    )
    back = carriers(
        shop, "reset", "ecpay", "unimartc2c", "2067", "--note", "it was right", "--by", "kai"
    )
    assert (back["word"], back["version"]) == ("collected", 3)
    log = carriers(shop, "log")
    assert [(row["version"], row["word"], row["note"], row["applied_by"]) for row in log[::2]] == [
        (1, "in transit", "tried", log[0]["applied_by"]),
        (3, None, "it was right", "kai"),
    ]
    assert log[2]["before"] == {"word": "in transit", "effect": None}
    assert "back to the shipped table" in points(shop.environment, "carriers", "log").out
    assert (
        points(
            shop.environment, "carriers", "reset", "ecpay", "unimartc2c", "2067", "--note", "x"
        ).code
        == 6
    )
    rows = {row["code"]: row for row in carriers(shop, "show", "ecpay", "unimartc2c")}
    assert (rows["2067"]["word"], rows["2067"]["version"]) == ("collected", None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["set", "ecpay", "unimart", "1", "arrived", "--note", "x"], 2, "is no word for a code"),
        (
            ["set", "ecpay", "unimart", "1", "arrived", "--note", "x"],
            2,
            "at-the-pick-up-point, del",
        ),
        (
            ["set", "ecpay", "unimart", "1", "lost", "--effect", "return", "--note", "x"],
            2,
            "only for the word reversed",
        ),
        (
            ["set", "ecpay", "unimart", "1", "reversed", "--effect", "back", "--note", "x"],
            2,
            "--effect is returning or return",
        ),
        (["set", "ecpay", "unimart", "1", "lost", "--note", " "], 2, "must say why"),
        (["set", "ecpay", "unimart", "1", "lost", "--note", "x" * 501], 2, "500 characters"),
        (["set", "ecpay", "unimart", " ", "lost", "--note", "x"], 2, "must not be empty"),
        (["set", "ECPay", "unimart", "1", "lost", "--note", "x"], 2, "lower case"),
        (["set", "ecpay", "unimrat", "1", "lost", "--note", "x"], 6, "no table has ecpay unimrat"),
        (["show", "fedex"], 6, "no table has fedex"),
        (["reset", "ecpay", "unimart", "300", "--note", "x"], 6, "nothing was set"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    engine: Engine, arguments: list[str], code: int, message: str
) -> None:
    ran = points(engine.environment, "carriers", *arguments)
    assert (ran.code, message in ran.err, "Traceback" in ran.err) == (code, True, False)
    assert carriers(engine, "log") == []


def test_texts_are_codes_where_carriers_send_no_code(shop: Engine) -> None:
    text = "放在管理室"
    shop.produce(
        [
            report("T1", None, carrier="hct", service="home", text=f"{text} "),
            report("T1", None, carrier="pigeon", service="post", text="coo"),
        ]
    )
    shop.wait_consumed(2)
    assert {(row["carrier"], row["code"]) for row in carriers(shop, "unknown")} == {
        ("hct", text),
        ("pigeon", "coo"),
    }
    assert carriers(shop, "set", "hct", "home", text, "delivered", "--note", "x")["rechecked"] == 1
    assert carriers(
        shop, "set", "pigeon", "post", "coo", "delivered", "--note", "a service of our own"
    )["changed"]
    settled(shop)
    assert carriers(shop, "unknown") == []
    assert [row["code"] for row in carriers(shop, "show", "pigeon")] == ["coo"]


def test_setting_a_code_waits_for_a_batch_that_is_noting_it(engine: Engine) -> None:
    """Otherwise the batch would note its report unseen, and no worker would look at it again."""
    key = ("ecpay", "unimart", STRANGE)
    with (
        session.connect(engine.database_url) as batch,
        session.connect(engine.database_url) as operator,
    ):
        operator.execute("SET lock_timeout = '300ms'")
        with batch.transaction():
            batch.execute("SELECT epoch FROM settings_epoch FOR SHARE")
            batch.execute(
                "INSERT INTO unknown_report VALUES ('ecpay', 'unimart', %s, 5, 0, 'N1')", [STRANGE]
            )
            with pytest.raises(Exception, match="lock timeout"):
                codes.set_code(operator, key, Meaning.LOST, "x", "mei")
        assert codes.set_code(operator, key, Meaning.LOST, "x", "mei").rechecked == 1
        assert codes.overlay(session.raw(operator)) == {key: Meaning.LOST}
    assert engine.rows("SELECT kind, merchant_no, key FROM recheck") == [(5, 0, b"N1")]


def test_parked_reports_are_counted_and_the_ambiguous_ones_listed(shop: Engine) -> None:
    first, second, twin = hex_id("first"), hex_id("second"), hex_id("twin")
    shop.produce(
        [
            numbered(SHOP, first, "N1"),
            numbered(SHOP, second, "N1", member=hex_id("another member")),
            numbered(SHOP, twin, None),
            numbered(OTHER, twin, None),
            report("N1"),
            report("NOBODY"),
            report("", order_id=hex_id("unknown")),
            report("", order_id=twin),
        ]
    )
    shop.wait_consumed(8)
    settled(shop)
    parked = carriers(shop, "parked", "--ambiguous")
    assert (
        parked["unmatched"]["numbers"],
        parked["ambiguous"]["numbers"],
        parked["awaiting_order"]["reports"],
    ) == (1, 1, 1)
    assert parked["reasons"] == {"ambiguous": 1, "awaiting_order": 1, "unmatched": 1}
    assert parked["unmatched"]["oldest"] is not None
    (number,) = parked["numbers"]
    assert (number["tracking_number"], number["crowded"]) == ("N1", False)
    assert {(one["merchant_id"], one["order_id"], one["names_it"]) for one in number["orders"]} == {
        (SHOP, first, True),
        (SHOP, second, True),
    }
    assert [(one["code"], one["word"]) for one in number["reports"]] == [("2067", "collected")]
    (awaited,) = parked["orders"]
    assert (awaited["order_id"], awaited["reports"]) == (hex_id("unknown"), 1)
    records = carriers(shop, "parked", "--records")["records"]
    assert {(each["reason"], each["waits_for"]) for each in records} == {
        ("ambiguous", "N1"),
        ("unmatched", "NOBODY"),
        ("awaiting_order", hex_id("unknown")),
    }
    assert "NOBODY" in points(shop.environment, "carriers", "parked", "--records").out
    shown = points(shop.environment, "carriers", "parked", "--ambiguous").out
    assert first in shown
    assert second in shown
    steps = points(shop.environment, "explain", SHOP, first, "--json").json["steps"]
    assert any("ambiguous: 2 orders named the number N1" in step for step in steps)
    assert any("ecpay unimartc2c 2067" in step and "ambiguous" in step for step in steps)
    assert [state(shop, twin), state(shop, twin, OTHER)] == ["granted", "granted"]

    status = points(shop.environment, "status", "--json").json
    assert status["parked"] == {k: v for k, v in parked.items() if k not in ("numbers", "orders")}
    assert status["recheck"] == {}
    assert "parked reports" in points(shop.environment, "status").out
    findings = {
        f["what"].split(":")[0]: f for f in points(shop.environment, "doctor", "--json").json
    }
    assert findings["carriers' reports"]["verdict"] == "warning"
    assert findings["carriers' codes"]["verdict"] == "ok"

    shop.produce(
        [
            numbered(
                SHOP, second, "N2", member=hex_id("another member"), at=CREATED + timedelta(days=3)
            )
        ]
    )
    shop.wait_consumed(9)
    settled(shop)
    assert carriers(shop, "parked", "--ambiguous")["numbers"] == []
    assert [state(shop, first), state(shop, second)] == ["granted", "waiting"]


def test_unknown_codes_need_an_operator(shop: Engine) -> None:
    shop.produce([report("N1", STRANGE)])
    shop.wait_consumed(1)
    assert points(shop.environment, "status", "--json").json["unknown_codes"] == {
        "codes": 1,
        "reports": 1,
    }
    assert "points carriers unknown" in points(shop.environment, "status").out
    findings = {
        f["what"].split(":")[0]: f for f in points(shop.environment, "doctor", "--json").json
    }
    assert findings["carriers' codes"]["verdict"] == "warning"


def test_a_code_that_a_newer_table_has_is_marked_and_can_be_looked_at_again(engine: Engine) -> None:
    """As after an upgrade: the report came while no table had the code."""
    with session.connect(engine.database_url) as connection:
        connection.execute(
            "INSERT INTO unknown_code VALUES ('ecpay', 'unimartc2c', '2067', 0, 'x', 1, 1, 1)"
        )
        connection.execute(
            "INSERT INTO unknown_report VALUES ('ecpay', 'unimartc2c', '2067', 5, 0, 'N1')"
        )
    (row,) = carriers(engine, "unknown")
    assert row["shipped"] == {"word": "collected", "effect": None}
    assert "now in the shipped table" in " ".join(
        points(engine.environment, "carriers", "unknown").out.split()
    )
    done = carriers(
        engine, "set", "ecpay", "unimartc2c", "2067", "collected", "--note", "as shipped"
    )
    assert (done["changed"], done["rechecked"]) == (True, 1)


def test_nothing_is_told_when_there_is_nothing(engine: Engine) -> None:
    shown = points(engine.environment, "carriers", "unknown").out
    assert "No unknown codes: every code received is in a table" in shown
    assert "the shipped tables apply" in points(engine.environment, "carriers", "log").out
    empty = carriers(engine, "parked")
    assert empty == {
        "unmatched": {"numbers": 0, "oldest": None},
        "ambiguous": {"numbers": 0, "oldest": None},
        "awaiting_order": {"reports": 0, "oldest": None},
        "reasons": {},
        "purged": {},
    }
    assert "no order carries a figure" in points(engine.environment, "compare-upstream").out
