"""What a single hold asks of the database: few statements, planned once, and nothing twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import RawCursor

from processors.commands.applying import apply_commands, to_publish
from processors.commands.at_once import CLOCK_AND_EPOCH, apply_at_once
from schemas.commands.results import CommandResult
from store.ledger.holds import HoldRace
from store.postgres import session
from store.postgres.together import joined
from store.settings.merchants import Merchants
from tests.support.account.desk import ANN, BEA, Desk
from tests.support.account.meanwhile import once_meanwhile
from tests.support.database.distribution import named_statements, statements

KNOWN = "ledger/commands: known"
WRITE = joined(
    tuple(
        named_statements()[name]
        for name in (
            "ledger/entries: append_noted",
            "ledger/figures: write",
            "streams/outbox: add_packs",
            "ledger/commands: remember",
        )
    )
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the statements that are carried out."""
    names, noted = statements(), list[str]()
    execute = RawCursor.execute

    def noting(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        noted.append(names.get(query, query.decode() if isinstance(query, bytes) else str(query)))
        return execute(self, query, *arguments, **options)

    monkeypatch.setattr(RawCursor, "execute", noting)
    yield noted
    monkeypatch.setattr(RawCursor, "execute", execute)


def test_a_hold_alone_takes_four_statements(desk: Desk, asked: list[str]) -> None:
    desk.do("assign", points=500)
    merchants = Merchants(desk.connection)
    for number in range(2):  # with another hold on the account, too
        hold = desk.command("hold", hold_id=f"cart {number}")
        with session.transaction(desk.connection) as cursor:
            asked.clear()
            commands, values = to_publish([hold])
            applied = apply_commands(cursor, merchants, commands, desk.now, published=values)
    assert applied.results[0]["code"] == "ok"
    assert asked == [
        KNOWN,
        "ledger/accounts: lock_known",
        "ledger/lots: read_ahead",
        WRITE.decode(),
    ]


def test_all_that_a_hold_reads_is_asked_for_at_once(
    desk: Desk, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.do("assign", points=500)
    merchants = Merchants(desk.connection)
    merchants.look_up(["shop"])
    fetchall = RawCursor.fetchall

    def noting(self: Any) -> Any:
        asked.append("answer")
        return fetchall(self)

    monkeypatch.setattr(RawCursor, "fetchall", noting)
    for number in range(2):  # with another hold on the account, too
        hold = desk.command("hold", hold_id=f"cart {number}")
        asked.clear()
        apply_at_once(desk.connection, merchants, "shop", [hold])
    first = asked.index("answer")
    assert asked[:first] == [
        "settings/turns: decide",
        CLOCK_AND_EPOCH.decode(),
        "ledger/accounts: lock_known",
        "ledger/lots: read_ahead",
        KNOWN,
    ]
    assert [name for name in asked[first:] if name != "answer"] == [WRITE.decode()]


def test_statements_are_not_planned_for_each_hold_anew(desk: Desk) -> None:
    desk.do("assign", points=10_000)
    for number in range(40):
        assert desk.code("hold", hold_id=f"cart {number}", points=10) == "ok"
    plans = desk.connection.execute(
        "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements"
        " WHERE statement LIKE '%unnest%'"
    ).fetchall()
    assert len(plans) >= 4
    # PostgreSQL looks at five before it believes that one plan is good for all.
    assert [text for text, custom, generic in plans if custom > 5 or not generic] == []


@pytest.mark.parametrize("member", [ANN, BEA])
def test_a_hold_made_after_its_id_was_looked_up_is_found_when_it_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    other = Desk(desk.url, "other")
    other.now = desk.now
    for name in (ANN, BEA):
        desk.do("assign", member_id=name)
    mine, theirs = desk.command("hold"), desk.command("hold", member_id=member)
    once_meanwhile(monkeypatch, lambda: other.send(theirs))
    with pytest.raises(HoldRace):
        desk.send(mine)
    assert desk.send(mine)[0]["code"] == "hold_exists"
    assert desk.rows("SELECT sum(held) FROM account") == [(50,)]
    other.close()


def test_a_hold_that_the_batch_finds_after_all_is_not_made_over_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Desk(desk.url, "other")
    other.now = desk.now
    desk.do("assign")
    again, release, theirs = desk.command("hold"), desk.command("release"), desk.command("hold")
    once_meanwhile(monkeypatch, lambda: other.send(theirs))
    results = [CommandResult.model_validate(one) for one in desk.send(again, release)]
    assert [result.code for result in results] == ["hold_exists", "ok"]
    assert desk.rows("SELECT available, held FROM account") == [(100, 0)]
    other.close()


def test_a_hold_is_recorded_after_what_was_before_it_though_the_clock_steps_back(
    desk: Desk,
) -> None:
    desk.later(7200)  # so that the shop has its settings at whatever it steps back to
    desk.do("assign")
    assigned = desk.now
    desk.later(-3600)
    desk.do("hold", ttl_seconds=86_400)
    desk.later(7200)
    desk.do("hold", hold_id="h2", points=10)
    rows = desk.rows("SELECT recorded_us FROM ledger ORDER BY sequence")
    assert [row[0] for row in rows] == [assigned, assigned, desk.now]
    assert desk.rows("SELECT recorded_us FROM account") == [(desk.now,)]
