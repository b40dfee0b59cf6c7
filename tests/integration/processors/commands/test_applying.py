"""What each command does, and every refusal in the order of the list (account.md 3)."""

from typing import Any

import pytest

from tests.support.account.desk import ANN, BEA, NEXT_YEAR, SHOP, Desk, settings
from tests.support.upstream import Json

NOTHING: Json = {"available": 0, "held": 0, "debt": 0}


def balance(available: int, held: int = 0, debt: int = 0) -> Json:
    return {"available": available, "held": held, "debt": debt}


def events(desk: Desk) -> list[tuple[Any, ...]]:
    query = """SELECT sequence, type, points, held_points FROM ledger
               ORDER BY account_no, sequence"""
    return desk.rows(query)


def test_an_assignment_is_a_lot_of_its_own_and_its_answer_says_so(desk: Desk) -> None:
    answer = desk.do("assign", command_id="give")
    assert answer == {
        "command_id": "give",
        "type": "assign",
        "merchant_id": SHOP,
        "member_id": ANN,
        "outcome": "applied",
        "repeated": False,
        "code": "ok",
        "message": None,
        "entries": [1],
        "balance": balance(100),
        "decided_at": "2026-05-28T20:26:40Z",
    }
    query = "SELECT to_timestamp(expires_us / 1000000) AT TIME ZONE 'UTC', remaining FROM lot"
    assert [(f"{at:%Y-%m-%dT%H:%M:%SZ}", left) for at, left in desk.rows(query)] == [
        (NEXT_YEAR, 100)
    ]


def test_a_deduction_takes_all_there_is_and_no_more(desk: Desk) -> None:
    desk.do("assign")
    refused = desk.do("assign", points=-101)
    assert (refused["code"], refused["balance"]) == ("insufficient_points", balance(100))
    assert desk.do("assign", points=-100)["balance"] == NOTHING


def test_a_hold_is_captured_in_part_and_the_rest_is_released(desk: Desk) -> None:
    desk.do("assign")
    held = desk.do("hold")
    assert held["balance"] == balance(50, 50)
    assert (held["hold_id"], held["expires_at"]) == ("h1", "2026-05-28T20:56:40Z")
    captured = desk.do("capture", points=20)
    assert captured["entries"] == [3, 4]
    assert captured["balance"] == balance(80)
    assert (captured["hold_id"], captured["order_id"]) == ("h1", "o1")


def test_what_a_hold_had_is_free_again_when_it_is_released(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold", points=100)
    assert desk.code("hold", hold_id="h2", points=10) == "insufficient_points"
    assert desk.do("release")["balance"] == balance(100)


def test_redeemed_points_come_back_by_command(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold")
    desk.do("capture")
    assert desk.code("return_redeemed", points=51) == "exceeds_redeemed"
    assert desk.do("return_redeemed", points=20)["balance"] == balance(70)
    assert desk.do("return_redeemed")["balance"] == balance(100)
    assert desk.code("return_redeemed") == "nothing_to_return"
    assert desk.code("return_redeemed", order_id="o2") == "nothing_to_return"


def test_a_return_without_number_takes_all_captures_the_latest_first(desk: Desk) -> None:
    desk.do("assign")
    for hold_id, points in (("h1", 30), ("h2", 40)):
        desk.do("hold", hold_id=hold_id, points=points)
        desk.do("capture", hold_id=hold_id)
    answer = desk.do("return_redeemed")
    assert answer["entries"] == [6, 7]
    query = "SELECT points FROM ledger WHERE sequence > 5 ORDER BY sequence"
    assert desk.rows(query) == [(40,), (30,)]


def test_all_of_one_account_may_come_in_one_batch(desk: Desk) -> None:
    answers = desk.send(
        desk.command("assign"),
        desk.command("hold", points=60),
        desk.command("hold", hold_id="h2", points=50),
        desk.command("capture", points=10),
        desk.command("assign", points=-90),
        desk.command("return_redeemed"),
        desk.command("release"),
    )
    assert [(a["code"], a["balance"]["available"]) for a in answers] == [
        ("ok", 100),
        ("ok", 40),
        ("insufficient_points", 40),
        ("ok", 90),
        ("ok", 0),
        ("ok", 10),
        ("already_captured", 10),
    ]
    assert [a["entries"] for a in answers] == [[1], [2], [], [3, 4], [5], [6], []]


# Idempotency.


def test_the_same_command_is_answered_with_the_same_answer(desk: Desk) -> None:
    give = desk.command("assign", notify={"email": True})
    first, again = desk.send(give, give | {"x_note": 1, "issued_at": "2020-01-01T00:00:00Z"})
    desk.do("assign", points=7)
    later = desk.send(give | {"notify": {"email": True, "sms": False}})[0]
    assert first | {"repeated": True} == again == later
    assert desk.rows("SELECT available FROM account") == [(107,)]


def test_a_refusal_is_kept_like_an_effect(desk: Desk) -> None:
    hold = desk.command("hold")
    first = desk.send(hold)[0]
    assert first["code"] == "insufficient_points"
    desk.do("assign")
    assert desk.send(hold) == [first | {"repeated": True}]


def test_an_id_used_twice_for_different_things_is_refused_and_the_first_stays(desk: Desk) -> None:
    give = desk.command("assign")
    first, other = desk.send(give, give | {"points": 1})
    assert (other["code"], other["balance"], other["repeated"]) == (
        "key_reused",
        balance(100),
        False,
    )
    assert desk.send(give | {"points": 2})[0]["code"] == "key_reused"
    assert desk.send(give)[0] == first | {"repeated": True}


def test_an_id_belongs_to_its_merchant(desk: Desk) -> None:
    desk.settle_in("another")
    ours = desk.command("assign")
    theirs = ours | {"merchant_id": "another", "points": 3}
    assert [a["code"] for a in desk.send(ours, theirs)] == ["ok", "ok"]


def test_an_unknown_merchant_is_not_kept(desk: Desk) -> None:
    give = desk.command("assign", merchant_id="new")
    refused = desk.send(give)[0]
    assert (refused["code"], refused["balance"]) == ("unknown_merchant", NOTHING)
    desk.settle_in("new")
    assert desk.send(give)[0]["code"] == "ok"


@pytest.mark.parametrize("type_", ["capture", "release"])
def test_a_repeat_of_a_refused_capture_names_the_order_again(desk: Desk, type_: str) -> None:
    desk.do("assign")
    desk.do("hold")
    desk.do("capture", order_id="mine")
    again = desk.command(type_)
    first = desk.send(again)[0]
    assert (first["code"], first["order_id"]) == ("already_captured", "mine")
    assert desk.send(again) == [first | {"repeated": True}]


# Refusals that need no account, each before what would be refused later.

ABSENT = {"points": None}


@pytest.mark.parametrize(
    ("type_", "fields", "code"),
    [
        ("give", {"points": 0}, "unknown_type"),
        ("assign", {"point": 1, "points": 0, "reason": ""}, "invalid_command"),
        ("assign", {"issued_at": "2026-05-29T20:26:42Z", "points": 0}, "invalid_command"),
        ("assign", {"points": 0, "reason": ""}, "invalid_points"),
        ("assign", {"points": 10**6, "reason": ""}, "over_limit"),
        ("assign", {"reason": " ", "performer": {"kind": "member", "id": ANN}}, "invalid_reason"),
        ("assign", {"performer": {"kind": "member", "id": ANN}}, "not_allowed"),
        ("assign", {}, "feature_off"),
        ("bulk_assign", {}, "feature_off"),
        ("hold", {"issued_at": "2020-01-01T00:00:00Z"}, "feature_off"),
        ("capture", {}, "unknown_hold"),
        ("release", {}, "unknown_hold"),
        ("return_redeemed", {}, "nothing_to_return"),
    ],
)
def test_refusals_come_in_the_order_of_the_list(
    desk: Desk, type_: str, fields: Json, code: str
) -> None:
    desk.later(1)
    desk.settle_in(SHOP, enabled=False)
    answer = desk.do(type_, **fields)
    assert (answer["outcome"], answer["code"], answer["entries"]) == ("refused", code, [])
    assert desk.rows("SELECT count(*) FROM account") == [(0,)]


def test_a_command_may_be_issued_24_hours_ahead_and_no_more(desk: Desk) -> None:
    desk.at("2026-05-28T20:26:40+00:00")
    assert desk.code("assign", issued_at="2026-05-29T20:26:40Z") == "ok"
    assert desk.code("assign", issued_at="2026-05-29T20:26:40.000001Z") == "invalid_command"


@pytest.mark.parametrize("type_", ["assign", "bulk_assign", "return_redeemed"])
def test_a_member_may_not_do_what_is_for_staff(desk: Desk, type_: str) -> None:
    assert desk.code(type_, performer={"kind": "member", "id": ANN}) == "not_allowed"


def test_a_member_may_hold_and_capture(desk: Desk) -> None:
    desk.do("assign")
    by = {"kind": "member", "id": ANN}
    assert [desk.code(t, performer=by) for t in ("hold", "capture")] == ["ok", "ok"]


# Holds.


def test_a_hold_that_comes_after_its_time_is_too_late(desk: Desk) -> None:
    desk.do("assign")
    desk.later(60)
    issued = "2026-05-28T20:26:40Z"
    assert desk.code("hold", issued_at=issued, ttl_seconds=60) == "too_late"
    assert desk.code("hold", issued_at=issued, ttl_seconds=61) == "ok"


def test_a_hold_id_is_the_merchants_and_a_refused_hold_leaves_it_free(desk: Desk) -> None:
    assert desk.code("hold") == "insufficient_points"
    desk.do("assign")
    assert desk.code("hold") == "ok"
    assert desk.code("hold", points=1) == "hold_exists"
    assert desk.code("hold", member_id=BEA) == "hold_exists"
    assert desk.code("capture", member_id=BEA) == "unknown_hold"
    desk.do("release")
    assert desk.code("hold") == "hold_exists"


def test_two_strangers_holds_of_one_id_in_a_batch_are_both_short_of_points(desk: Desk) -> None:
    holds = [desk.command("hold", member_id=member) for member in (ANN, BEA)]
    assert {a["code"] for a in desk.send(*holds)} == {"insufficient_points"}
    assert desk.rows("SELECT count(*) FROM account") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"channel": "retail", "points": 5}, "not_offered", None),
        ({"points": 9}, "below_minimum", "At least 10 points must be entered"),
        ({"points": 15, "quote": "x"}, "not_a_unit", None),
        ({"points": 500, "quote": "x"}, "quote_invalid", None),
        ({"points": 500}, "insufficient_points", None),
    ],
)
def test_a_hold_for_cash_keeps_to_the_unit(
    desk: Desk, fields: Json, code: str, message: str | None
) -> None:
    desk.do("assign")
    answer = desk.do("hold", **fields)
    assert answer["code"] == code
    assert message is None or answer["message"] == message


def test_a_hold_ends_at_its_instant(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold", ttl_seconds=60)
    desk.later(60)
    answer = desk.do("capture")
    # What fell due is posted before, so that a refusal can go with an entry that is not its own.
    assert (answer["code"], answer["balance"], answer["entries"]) == (
        "hold_expired",
        balance(100),
        [],
    )
    assert desk.rows("SELECT count(*) FROM ledger") == [(3,)]


def test_a_hold_lives_until_its_instant(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold", ttl_seconds=60)
    desk.later(59.999999)
    assert desk.code("capture", points=51) == "exceeds_hold"
    assert desk.code("capture", points=50) == "ok"


def test_what_has_lapsed_is_no_longer_told(desk: Desk) -> None:
    desk.do("assign")
    desk.at(NEXT_YEAR)
    assert desk.do("assign", points=0)["balance"] == NOTHING
    assert desk.code("assign", points=-1) == "insufficient_points"


def test_a_hold_goes_on_when_the_feature_is_switched_off(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold")
    desk.later(1)
    desk.settle_in(SHOP, enabled=False)
    assert desk.code("capture") == "ok"
    assert desk.code("return_redeemed") == "ok"


# Jobs.


def test_a_job_gives_each_member_once_for_ever(desk: Desk) -> None:
    first = desk.do("bulk_assign", members=[ANN, BEA, ANN])
    assert (first["code"], first["entries"], first["balance"], first["job_id"]) == (
        "ok",
        [],
        None,
        "j1",
    )
    assert [(r["member_id"], r["outcome"], r["code"], r["sequence"]) for r in first["rows"]] == [
        (ANN, "applied", "ok", 1),
        (BEA, "applied", "ok", 1),
        (ANN, "applied", "already_done", 1),
    ]
    desk.do("assign")
    second = desk.do("bulk_assign", members=[ANN, "cat"])
    assert [(r["code"], r["sequence"]) for r in second["rows"]] == [("already_done", 1), ("ok", 1)]


def test_a_job_in_several_commands_of_one_batch(desk: Desk) -> None:
    parts = [desk.command("bulk_assign"), desk.command("bulk_assign", members=[BEA, "cat"])]
    first, second = desk.send(*parts)
    assert [r["code"] for r in first["rows"] + second["rows"]] == [
        "ok",
        "ok",
        "already_done",
        "ok",
    ]
    assert desk.send(*parts) == [first | {"repeated": True}, second | {"repeated": True}]


@pytest.mark.parametrize("fields", [{"points": 11}, {"reason": "july"}, {"notify": {"sms": True}}])
def test_a_job_keeps_what_it_gives(desk: Desk, fields: Json) -> None:
    desk.do("bulk_assign")
    assert desk.code("bulk_assign", **fields) == "job_changed"


def test_a_large_job_needs_a_second_person(desk: Desk) -> None:
    desk.later(1)
    desk.settle_in(SHOP, assign={"approval_above": 20})
    assert desk.code("bulk_assign", members=[ANN, BEA, "cat"]) == "approval_required"
    assert desk.code("bulk_assign", members=[ANN, BEA]) == "ok"


def test_who_left_is_given_nothing(desk: Desk) -> None:
    desk.leave(BEA)
    assert desk.code("assign", member_id=BEA) == "not_a_member"
    assert desk.code("assign", member_id=BEA, points=-1) == "insufficient_points"
    answer = desk.do("bulk_assign")
    assert (answer["outcome"], answer["code"]) == ("applied", "partial")
    assert [(r["outcome"], r["code"], r["sequence"]) for r in answer["rows"]] == [
        ("applied", "ok", 1),
        ("refused", "not_a_member", None),
    ]


def test_settings_are_those_of_a_shop() -> None:
    assert settings()["currency"] == "TWD"
