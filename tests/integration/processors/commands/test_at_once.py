"""Commands of somebody who waits: one transaction, once more when another one was faster."""

import threading
from collections.abc import Iterator, Sequence
from functools import partial

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from processors.commands.at_once import apply_at_once
from schemas.campaigns import CampaignDocument
from schemas.ids import SECOND, Micros, iso
from store.campaigns import reading, saving
from store.postgres import session
from store.settings.merchants import Merchants
from tests.support.account.desk import BEA, SHOP, Desk
from tests.support.account.meanwhile import once_meanwhile
from tests.support.engine import (
    PATIENCE,
    wait_for,
)
from tests.support.upstream import Json


@pytest.fixture
def other(desk: Desk) -> Iterator[Desk]:
    """Another desk on the same database."""
    with desk.another("other") as opened:
        yield opened


def at_once(desk: Desk, *contents: Json) -> list[Json]:
    """The answers; the connection is free again, whatever became of them."""

    def issued(now: Micros) -> Sequence[Json]:
        assert now == desk.now
        return contents

    try:
        merchants, merchant_id = Merchants(desk.connection), contents[0]["merchant_id"]
        return apply_at_once(desk.connection, merchants, merchant_id, issued).results
    finally:
        assert desk.connection.info.transaction_status is TransactionStatus.IDLE
        assert desk.connection.info.pipeline_status.name == "OFF"


def test_a_command_is_applied_and_published_with_its_answer(desk: Desk) -> None:
    assert at_once(desk, desk.command("assign"))[0]["code"] == "ok"
    assert at_once(desk, desk.command("hold"))[0]["balance"]["held"] == 50
    assert desk.rows("SELECT available, held FROM account") == [(50, 50)]
    sent = desk.rows("SELECT kind, count(*) FROM outbox WHERE kind <> 2 GROUP BY 1 ORDER BY 1")
    assert sent == [(1, 2), (8, 2), (9, 2)]  # besides the shop's settings


@pytest.fixture
def mine(desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch) -> Json:
    """A hold whose id somebody else's gets once it was looked up."""
    for member in ("ann", BEA):
        desk.do("assign", member_id=member)
    mine, theirs = desk.command("hold"), desk.command("hold", member_id=BEA)
    once_meanwhile(monkeypatch, lambda: other.send(theirs))
    return mine


def test_who_was_slower_hears_what_the_faster_one_did(
    desk: Desk, other: Desk, mine: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at_once(desk, mine)[0]["code"] == "hold_exists"
    same = desk.command("assign")
    once_meanwhile(monkeypatch, lambda: other.send(same))
    assert at_once(desk, same)[0]["repeated"]
    assert desk.rows("SELECT sum(held), sum(available) FROM account") == [(50, 250)]


def test_a_hold_that_was_asked_for_ahead_is_answered_as_any_other(desk: Desk) -> None:
    """Its account is locked before it is known whether it is a repeat, or refused."""
    for member in ("ann", BEA):
        desk.do("assign", member_id=member)
    merchants = Merchants(desk.connection)
    hold = desk.command("hold", points=40)
    used = {**hold, "points": 50}
    table = [
        (hold, "ok", False, 60),
        (hold, "ok", True, 60),
        (used, "key_reused", False, 60),
        (desk.command("hold", points=10), "hold_exists", False, 60),
        (desk.command("hold", member_id=BEA, points=10), "hold_exists", False, 100),
        (desk.command("hold", hold_id="more", points=70), "insufficient_points", False, 60),
        (desk.command("hold", hold_id="h2", member_id="nobody"), "insufficient_points", False, 0),
        (desk.command("hold", hold_id="h3", merchant_id="none"), "unknown_merchant", False, 0),
        (desk.command("hold", hold_id="h4", points=60), "ok", False, 0),
    ]
    for content, code, repeated, available in table:
        shop = content["merchant_id"]
        (answer,) = apply_at_once(desk.connection, merchants, shop, [content]).results
        assert (answer["code"], answer["repeated"]) == (code, repeated), content
        if code != "unknown_merchant":
            assert answer["balance"]["available"] == available, content
    assert desk.rows("SELECT available, held FROM account ORDER BY 1") == [(0, 100), (100, 0)]


def test_a_hold_that_was_asked_for_ahead_sees_what_became_of_its_account(desk: Desk) -> None:
    """Lots that lapsed and holds that ended are posted before anything is taken."""
    desk.do("assign", points=100, expires_at=iso(desk.now + 3600 * SECOND))
    desk.do("assign", points=10)
    desk.do("hold", hold_id="short", points=5, ttl_seconds=60)
    desk.later(3600)
    merchants = Merchants(desk.connection)
    hold = desk.command("hold", hold_id="all", points=10)
    (answer,) = apply_at_once(desk.connection, merchants, "shop", [hold]).results
    assert (answer["code"], answer["balance"]["available"]) == ("ok", 0)
    assert desk.rows("SELECT available, held FROM account") == [(0, 10)]


def test_who_was_slower_asks_ahead_once_more(desk: Desk, mine: Json) -> None:
    merchants = Merchants(desk.connection)
    (answer,) = apply_at_once(desk.connection, merchants, "shop", [mine]).results
    assert answer["code"] == "hold_exists"
    assert desk.rows("SELECT sum(held) FROM account") == [(50,)]


def test_settings_that_changed_are_met_with_the_next_command(desk: Desk) -> None:
    merchants = Merchants(desk.connection)
    give = [desk.command("assign")]
    assert (
        apply_at_once(desk.connection, merchants, SHOP, lambda _: give).results[0]["code"] == "ok"
    )
    desk.later(1)
    desk.settle_in("shop", enabled=False)
    desk.later(1)
    again = [desk.command("assign")]
    assert apply_at_once(desk.connection, merchants, SHOP, lambda _: again).results[0]["code"] == (
        "feature_off"
    )


def test_a_command_waits_for_settings_that_are_being_applied(desk: Desk, other: Desk) -> None:
    """It is decided later than they were applied, and so by them, as in a replay."""
    answers: list[Json] = []
    give = desk.command("assign")
    deciding = threading.Thread(target=lambda: answers.extend(at_once(desk, give)), daemon=True)
    with session.transaction(other.connection):
        other.settle_in("shop", enabled=False)
        deciding.start()
        wait_for("the command to wait", partial(desk.waits, "desk"))
    deciding.join(PATIENCE)
    assert [answer["code"] for answer in answers] == ["feature_off"]


def test_settings_wait_for_a_command_that_is_being_decided(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are applied later than it was decided."""
    applying = threading.Thread(target=lambda: other.settle_in("shop", enabled=False), daemon=True)

    def applies() -> None:
        applying.start()
        wait_for("the settings to wait", partial(desk.waits, "other"))

    once_meanwhile(monkeypatch, applies)
    assert at_once(desk, desk.command("assign"))[0]["code"] == "ok"
    applying.join(PATIENCE)
    assert desk.rows("SELECT count(*) FROM settings") == [(2,)]


def test_a_hold_of_gifts_waits_for_a_campaign_that_is_being_saved(desk: Desk, other: Desk) -> None:
    desk.do("assign", points=1000)
    answers: list[Json] = []
    hold = desk.command(
        "hold", purpose="gift", campaign_id="summer", gifts=[{"gift_id": "mug"}], points=500
    )
    deciding = threading.Thread(target=lambda: answers.extend(at_once(desk, hold)), daemon=True)
    document = CampaignDocument.model_validate(
        {
            "campaign_id": "summer",
            "names": {"en": "Summer"},
            "starts_at": "2020-01-01T00:00Z",
            "gifts": [{"gift_id": "mug", "product_id": "p", "points": 500}],
        }
    )
    with session.transaction(other.connection) as cursor:
        shop = reading.shop_of(cursor, "shop")
        saving.apply(other.connection, shop, document, "mei", name="test")
        deciding.start()
        wait_for("the hold to wait", partial(desk.waits, "desk"))
    deciding.join(PATIENCE)
    assert [answer["code"] for answer in answers] == ["ok"]


def test_a_command_before_the_first_settings_were_applied_has_no_merchant(desk: Desk) -> None:
    """Not even where the clock has stepped back: what is decided at an instant knows that alone."""
    desk.settle_in("new")
    desk.later(-1)
    refused = at_once(desk, desk.command("assign", merchant_id="new", command_id="first"))[0]
    assert refused["code"] == "unknown_merchant"
    desk.later(1)
    again = at_once(desk, desk.command("assign", merchant_id="new", command_id="first"))[0]
    assert (again["code"], again["repeated"]) == ("ok", False)


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
