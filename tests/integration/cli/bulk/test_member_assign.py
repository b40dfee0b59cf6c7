"""`points member assign`: the same way as the command, and the same answer (account.md 7)."""

from typing import Any

import orjson
import pytest

from schemas.ids import iso
from store.streams.outbox import OutboxKind
from tests.support.account.desk import BEGIN, SHOP
from tests.support.account.jobs import JobDesk
from tests.support.commands import Ran, points


def assign(jobs: JobDesk, amount: str, *options: str, member: str = "ann") -> Ran:
    """Sue's assignment."""
    arguments = ["member", "assign", SHOP, member, amount, "--by", "sue"]
    reason = () if "--reason" in options else ("--reason", "thanks")
    return points(jobs.environment, *arguments, *reason, *options)


def test_the_answer_is_that_of_the_command(jobs: JobDesk) -> None:
    answer = assign(jobs, "100", "--command-id", "c", "--email", "--json").json
    assert answer == {
        "command_id": "c",
        "type": "assign",
        "merchant_id": SHOP,
        "member_id": "ann",
        "outcome": "applied",
        "repeated": False,
        "code": "ok",
        "message": None,
        "entries": [1],
        "balance": {"available": 100, "held": 0, "debt": 0},
        "decided_at": iso(BEGIN),
    }
    (published,) = jobs.topic(OutboxKind.COMMAND)
    assert published["x_origin"] == "cli"
    assert published["notify"] == {"email": True, "sms": False}
    assert jobs.desk.published(orjson.dumps(published)) == answer | {"repeated": True}
    assert jobs.topic(OutboxKind.COMMAND_RESULT)[0] == answer


def test_the_same_id_again_has_no_second_effect(jobs: JobDesk) -> None:
    for repeated in (False, True):
        answer = assign(jobs, "100", "--command-id", "c", "--json").json
        assert answer["repeated"] is repeated
    ran = assign(jobs, "101", "--command-id", "c")
    assert (ran.code, "key_reused" in ran.err) == (5, True)
    assert jobs.available("ann") == 100


def test_points_below_zero_are_taken(jobs: JobDesk) -> None:
    assign(jobs, "100")
    assert assign(jobs, "-30", "--json").json["balance"]["available"] == 70
    ran = assign(jobs, "-71")
    assert (ran.code, "insufficient_points" in ran.err) == (5, True)
    assert jobs.available("ann") == 70


@pytest.mark.parametrize(
    ("amount", "options", "code"),
    [
        ("0", (), "invalid_points"),
        ("10.5", (), "invalid_points"),
        ("ten", (), "invalid_points"),
        ("1000000", (), "over_limit"),
        ("9" * 40, (), "over_limit"),
        ("5", ("--reason", "x" * 51), "invalid_reason"),
        ("5", ("--reason", "a\x07b"), "invalid_reason"),
        ("9" * 5000, (), "over_limit"),
        ("5", ("--command-id", " c"), "invalid_command"),
        ("5", ("--command-id", ""), "invalid_command"),
        ("5", ("--by", "a\nb"), "invalid_command"),
    ],
)
def test_a_refusal_has_the_code_of_the_command(
    jobs: JobDesk, amount: str, options: tuple[str, ...], code: str
) -> None:
    ran = assign(jobs, amount, *options)
    assert (ran.code, ran.err.startswith(f"error: {code}: ")) == (5, True), ran
    assert jobs.desk.rows("SELECT count(*) FROM ledger") == [(0,)]


def test_a_refusal_is_an_answer_in_json(jobs: JobDesk) -> None:
    ran = assign(jobs, "0", "--json")
    answer: Any = orjson.loads(ran.out)
    assert (ran.code, answer["outcome"], answer["code"]) == (5, "refused", "invalid_points")


def test_an_unknown_merchant_is_not_found_and_nothing_is_published(jobs: JobDesk) -> None:
    ran = points(jobs.environment, "member", "assign", "nowhere", "ann", "5", "--reason", "x")
    assert (ran.code, "unknown_merchant" in ran.err) == (6, True)
    assert jobs.topic(OutboxKind.COMMAND) == []
