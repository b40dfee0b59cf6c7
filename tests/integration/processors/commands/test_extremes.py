"""Commands at their edges: odd ids, a thousand lots, many holds, a clock that steps back."""

import pytest

from schemas.printable import is_printable
from tests.support.account.desk import ANN, Desk

ODD = [
    "\u00e9" * 100, "a b", "a\u00a0b", "\u200b", "\ufeff", "\U0001f381" * 100, "%s';--", "\\x00",
    "\u00ff", "0" * 24, "a/b:c",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_ids_of_every_kind_may_have_any_characters(desk: Desk, name: str) -> None:
    assert desk.code("assign", command_id=name) == "ok"
    assert desk.code("hold", hold_id=name) == "ok"
    captured = desk.do("capture", hold_id=name, order_id=name, points=20)
    assert (captured["code"], captured["order_id"]) == ("ok", name)
    again = desk.do("capture", hold_id=name, order_id="another")
    assert (again["code"], again["order_id"]) == ("already_captured", name)
    assert desk.code("return_redeemed", order_id=name) == "ok"
    assert desk.code("bulk_assign", job_id=name, members=[name, ANN]) == "ok"
    assert desk.code("hold", hold_id=name, member_id=name) == "hold_exists"


def test_a_thousand_lots_are_held_timed_out_and_taken_as_one_balance(desk: Desk) -> None:
    for _ in range(50):
        desk.send(*[desk.command("assign", points=3) for _ in range(20)])
    assert desk.code("hold", points=2990) == "ok"
    assert desk.code("hold", hold_id="h2", points=20) == "insufficient_points"
    assert desk.code("hold", hold_id="h2", points=1_000_000_000) == "insufficient_points"
    assert desk.code("hold", hold_id="h2", points=10) == "ok"
    desk.later(1801)
    assert desk.do("assign", points=-3000)["balance"] == {"available": 0, "held": 0, "debt": 0}
    assert desk.rows("SELECT count(*) FROM ledger WHERE type = 8") == [(2,)]


def test_what_ends_next_is_known_whichever_holds_were_captured(desk: Desk) -> None:
    desk.do("assign")
    for number in range(10):
        desk.do("hold", hold_id=f"h{number}", points=10, ttl_seconds=60 + number)
    first = [desk.command("capture", hold_id=f"h{number}") for number in range(5)]
    last = [desk.command("release", hold_id=f"h{number}") for number in (9, 8)]
    assert {answer["code"] for answer in desk.send(*first, *last)} == {"ok"}
    desk.later(64.9)
    assert desk.post_overdue() == 0
    desk.later(0.1)
    assert desk.post_overdue() == 1
    assert desk.rows("SELECT count(*) FROM hold WHERE state = 4") == [(1,)]


def test_a_hold_that_timed_out_stays_so_when_the_clock_steps_back(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold", ttl_seconds=60)
    desk.later(61)
    desk.post_overdue()
    desk.later(-31)
    assert desk.code("capture") == desk.code("release") == "hold_expired"
    assert desk.code("hold", hold_id="h2") == "ok"
    assert desk.code("capture", hold_id="h2") == "ok"
    recorded = desk.rows("SELECT recorded_us FROM ledger ORDER BY sequence")
    assert recorded == sorted(recorded)


@pytest.mark.parametrize("name", ["a\x00b", "\x1b]0;x", "\u2028", "\U0001f381" * 200])
def test_a_field_of_any_name_is_answered_and_acts_on_no_terminal(desk: Desk, name: str) -> None:
    answer = desk.do("assign", command_id="odd", **{name: 1})
    assert answer["code"] == "invalid_command"
    assert is_printable(answer["message"])
    again = desk.do("assign", command_id="odd", **{name: 1})
    assert again == answer | {"repeated": True}
