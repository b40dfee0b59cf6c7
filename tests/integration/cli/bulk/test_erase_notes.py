"""A member's free text can be erased for ever; ledger, totals and hashes stay (I3)."""

from hashlib import sha256
from typing import Any

import orjson
import psycopg
import pytest

from tests.support.account.desk import ANN, BEA, SHOP
from tests.support.account.jobs import JobDesk
from tests.support.commands import Ran, points

ABOUT_ANN, ABOUT_BEA = "her birthday, says her sister", "thanks"
KEPT = ("ledger", "account", "lot", "command", "outbox", "job", "job_piece", "job_row")


@pytest.fixture
def shop(jobs: JobDesk) -> JobDesk:
    """Two members with a reason each, by hand and by a file."""
    for member, reason in ((ANN, ABOUT_ANN), (BEA, ABOUT_BEA)):
        given = ("--reason", reason, "--by", "sue", "--command-id", f"c-{member}")
        assert points(jobs.environment, "member", "assign", SHOP, member, "10", *given).code == 0
    rows = f'member_id,points,reason\n{ANN},5,"{ABOUT_ANN}"\n{BEA},5,{ABOUT_BEA}\n'
    assert jobs.assign(jobs.file(rows)).code == 0
    return jobs


def erase(shop: JobDesk, member: str = ANN, **environment: str) -> Ran:
    arguments = ("member", "erase-notes", SHOP, member, "--json")
    return points({**shop.environment, **environment}, *arguments)


def history(shop: JobDesk, member: str) -> list[Any]:
    found: list[Any] = points(shop.environment, "history", SHOP, member, "--json").json
    return found


def balance(shop: JobDesk) -> Any:
    return points(shop.environment, "balance", SHOP, ANN, "--json").json


def kept(shop: JobDesk) -> dict[str, Any]:
    """All rows that must stay as they are, byte for byte."""
    with psycopg.connect(shop.desk.url) as connection:
        return {
            table: connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode())
            .fetchall()
            for table in KEPT
        }  # fmt: skip


def columns_with(shop: JobDesk, text: str) -> set[str]:
    """The tables, but for events on their way, that hold the text."""
    with psycopg.connect(shop.desk.url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace AND relname <> 'outbox'"
        ).fetchall()
        found = set()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
            forms = (text, text.encode().hex())
            if any(form in row for (row,) in rows for form in forms):
                found.add(table)
    return found


def test_the_text_is_gone_and_all_else_is_as_it_was(shop: JobDesk) -> None:
    before, totals = kept(shop), balance(shop)
    assert columns_with(shop, ABOUT_ANN) == {"entry_note", "job_line"}
    assert erase(shop).json == {
        "merchant_id": SHOP,
        "member_id": ANN,
        "entries": 2,
        "job_rows": 1,
    }
    assert columns_with(shop, ABOUT_ANN) == set()
    assert kept(shop) == before
    assert balance(shop) == totals
    assert [(e["points"], e["reason"], e["performer"]) for e in history(shop, ANN)] == [
        (10, None, "sue"),
        (5, None, "sue"),
    ]
    assert [e["reason"] for e in history(shop, BEA)] == [ABOUT_BEA, ABOUT_BEA]


def test_the_hash_still_proves_what_was_written(shop: JobDesk) -> None:
    erase(shop)
    (digest,) = shop.desk.rows(
        "SELECT note_hash FROM ledger l JOIN account USING (account_no) "
        "WHERE l.points = 10 ORDER BY l.account_no LIMIT 1"
    )[0]
    note = {"reason": ABOUT_ANN, "performer": {"kind": "staff", "id": "sue"}}
    other = note | {"reason": "another"}

    def hashed(each: Any) -> bytes:
        return sha256(orjson.dumps(each, option=orjson.OPT_SORT_KEYS)).digest()

    assert bytes(digest) == hashed(note) != hashed(other)


def test_what_is_erased_does_not_come_back_with_a_repeat(shop: JobDesk) -> None:
    erase(shop)
    again = ("--reason", ABOUT_ANN, "--by", "sue", "--command-id", f"c-{ANN}", "--json")
    answer = points(shop.environment, "member", "assign", SHOP, ANN, "10", *again).json
    assert answer["repeated"] is True
    assert columns_with(shop, ABOUT_ANN) == set()
    assert erase(shop).json["entries"] == 0


def test_a_row_that_is_not_applied_yet_keeps_its_reason(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"approval_above": 1})
    rows = f'member_id,points,reason\n{ANN},5,"{ABOUT_ANN}"\n'
    assert jobs.assign(jobs.file(rows), job="waits").code == 0
    assert jobs.show("waits")["state"] == "waiting_approval"
    assert erase(jobs).json["job_rows"] == 0
    assert columns_with(jobs, ABOUT_ANN) == {"job_line"}


def test_an_unknown_merchant_is_not_found(jobs: JobDesk) -> None:
    assert points(jobs.environment, "member", "erase-notes", "nowhere", ANN).code == 6
