"""Commands of somebody who waits: one transaction, once more when another one was faster."""

from collections.abc import Sequence

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from processors.commands.at_once import apply_at_once
from schemas.ids import Micros
from store.settings.merchants import Merchants
from tests.support.account.desk import BEA, Desk
from tests.support.account.meanwhile import once_meanwhile
from tests.support.upstream import Json


def at_once(desk: Desk, *contents: Json) -> list[Json]:
    """The answers; the connection is free again, whatever became of them."""

    def issued(now: Micros) -> Sequence[Json]:
        assert now == desk.now
        return contents

    try:
        return apply_at_once(desk.connection, Merchants(desk.connection), issued).results
    finally:
        assert desk.connection.info.transaction_status is TransactionStatus.IDLE
        assert desk.connection.info.pipeline_status.name == "OFF"


def test_a_command_is_applied_and_published_with_its_answer(desk: Desk) -> None:
    assert at_once(desk, desk.command("assign"))[0]["code"] == "ok"
    assert at_once(desk, desk.command("hold"))[0]["balance"]["held"] == 50
    assert desk.rows("SELECT available, held FROM account") == [(50, 50)]
    sent = desk.rows("SELECT kind, count(*) FROM outbox WHERE kind <> 2 GROUP BY 1 ORDER BY 1")
    assert sent == [(1, 2), (8, 2), (9, 2)]  # besides the shop's settings


def test_who_was_slower_hears_what_the_faster_one_did(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Desk(desk.url, "other")
    other.now = desk.now
    for member in ("ann", BEA):
        desk.do("assign", member_id=member)
    mine, theirs = desk.command("hold"), desk.command("hold", member_id=BEA)
    once_meanwhile(monkeypatch, lambda: other.send(theirs))
    assert at_once(desk, mine)[0]["code"] == "hold_exists"
    same = desk.command("assign")
    once_meanwhile(monkeypatch, lambda: other.send(same))
    assert at_once(desk, same)[0]["repeated"]
    assert desk.rows("SELECT sum(held), sum(available) FROM account") == [(50, 250)]
    other.close()


def test_settings_that_changed_are_met_with_the_next_command(desk: Desk) -> None:
    merchants = Merchants(desk.connection)
    give = [desk.command("assign")]
    assert apply_at_once(desk.connection, merchants, lambda _: give).results[0]["code"] == "ok"
    desk.later(1)
    desk.settle_in("shop", enabled=False)
    desk.later(1)
    again = [desk.command("assign")]
    assert apply_at_once(desk.connection, merchants, lambda _: again).results[0]["code"] == (
        "feature_off"
    )


def test_what_fails_with_the_commit_leaves_nothing(desk: Desk) -> None:
    desk.looking.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_disk BEFORE INSERT ON command EXECUTE FUNCTION fail()"
    )
    give = desk.command("assign")
    with pytest.raises(psycopg.errors.DiskFull):
        at_once(desk, give)
    desk.looking.execute("DROP TRIGGER full_disk ON command")
    assert desk.rows("SELECT count(*) FROM ledger") == [(0,)]
    assert at_once(desk, give)[0]["repeated"] is False
