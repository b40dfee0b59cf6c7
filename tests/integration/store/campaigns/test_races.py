"""Two saves at once: one stands, and its window is the merchant's alone (account.md 6)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from schemas.campaigns import CampaignDocument
from schemas.ids import NEVER
from store.campaigns import reading, saving
from store.campaigns.reading import Shop
from store.campaigns.saving import CampaignOverlaps
from store.postgres import session
from store.postgres.session import Database
from tests.support.engine import (
    PATIENCE,
    wait_for,
)
from tests.support.servers import Databases

LOCKED = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'second' AND wait_event_type = 'Lock')"""
INSERT = """
INSERT INTO campaign (merchant_no, campaign_id, version, starts_us, ends_us, names, terms)
VALUES (%s, %s, 1, %s, %s, '{}', '{}')"""


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.migrated()
    with psycopg.connect(made) as connection:
        connection.execute("INSERT INTO merchant (merchant_id) VALUES ('shop-a'), ('shop-b')")
    yield made
    postgres.drop(made)


def shop_of(connection: Database, merchant_id: str = "shop-a") -> Shop:
    row = connection.execute(
        "SELECT merchant_no FROM merchant WHERE merchant_id = %s", [merchant_id]
    ).fetchone()
    assert row is not None
    return Shop(row[0], merchant_id, "UTC", ("en",))


def document(campaign_id: str, starts_at: str, ends_at: str | None) -> CampaignDocument:
    fields = {"campaign_id": campaign_id, "names": {"en": campaign_id}}
    gift = {"gift_id": "mug", "product_id": "p", "points": 5}
    return CampaignDocument.model_validate(
        fields | {"starts_at": starts_at, "ends_at": ends_at, "gifts": [gift]}
    )


def save(connection: Database, campaign: CampaignDocument) -> object:
    """What `apply` answers, or the refusal."""
    try:
        return saving.apply(connection, shop_of(connection), campaign, "mei", name="test")
    except CampaignOverlaps as refused:
        return refused


def beside(url: str, first: Callable[[Database], Any], second: Callable[[Database], Any]) -> Any:
    """What `second` answers in a session that finds `first` not committed yet."""
    answers: list[Any] = []

    def run() -> None:
        with session.connect(url, name="second") as connection:
            answers.append(second(connection))

    with session.connect(url, name="first") as connection, psycopg.connect(url) as watcher:
        watcher.autocommit = True
        with connection.transaction():
            first(connection)
            thread = threading.Thread(target=run)
            thread.start()
            wait_for("the second to wait", lambda: watcher.execute(LOCKED).fetchone() == (True,))
        thread.join(PATIENCE)
    assert len(answers) == 1
    return answers[0]


JUNE = document("june", "2026-06-01T00:00", "2026-07-01T00:00")
LATE = document("late", "2026-06-30T00:00", None)


def test_of_two_saves_at_once_that_overlap_one_stands(url: str) -> None:
    refused = beside(url, lambda one: save(one, JUNE), lambda two: save(two, LATE))
    assert isinstance(refused, CampaignOverlaps)
    assert "campaign june" in refused.lines[0]
    with session.connect(url) as connection:
        stored = reading.campaigns(session.raw(connection), shop_of(connection))
    assert [each.campaign.campaign_id for each in stored] == ["june"]


def test_two_first_saves_of_one_campaign_at_once_are_two_versions(url: str) -> None:
    longer = document("june", "2026-06-01T00:00", None)
    second = beside(url, lambda one: save(one, JUNE), lambda two: save(two, longer))
    assert (second.version, second.changed) == (2, True)


def test_the_database_itself_refuses_an_overlap_under_two_writers(url: str) -> None:
    """Whatever code writes: no lock of ours is taken here."""

    def insert(connection: Database, campaign_id: str, window: tuple[int, int]) -> object:
        merchant_no = shop_of(connection).merchant_no
        try:
            return connection.execute(INSERT, [merchant_no, campaign_id, *window]).rowcount
        except errors.ExclusionViolation as refused:
            return refused

    refused = beside(
        url, lambda one: insert(one, "a", (10, 20)), lambda two: insert(two, "b", (19, NEVER))
    )
    assert isinstance(refused, errors.ExclusionViolation)
    assert refused.diag.constraint_name == "campaign_overlaps"
    with session.connect(url) as connection:
        for campaign_id, window in (("c", (0, 10)), ("d", (20, NEVER))):
            assert insert(connection, campaign_id, window) == 1
        assert isinstance(insert(connection, "e", (NEVER - 1, NEVER)), errors.ExclusionViolation)
        other = shop_of(connection, "shop-b").merchant_no
        assert connection.execute(INSERT, [other, "a", 10, 20]).rowcount == 1
        connection.execute("UPDATE campaign SET removed = true WHERE campaign_id = 'd'")
        assert insert(connection, "f", (30, 40)) == 1
        with pytest.raises(errors.ExclusionViolation):
            connection.execute("UPDATE campaign SET removed = false WHERE campaign_id = 'd'")


def test_what_holds_need_is_read_for_many_campaigns_at_once(url: str) -> None:
    with session.connect(url) as connection:
        shop, other = shop_of(connection), shop_of(connection, "shop-b")
        saving.apply(connection, shop, JUNE, "mei", name="test")
        saving.apply(connection, other, LATE, "mei", name="test")
        empty = document("empty", "2027-01-01T00:00", "2027-02-01T00:00")
        emptied = empty.model_copy(update={"gifts": ()})
        for version in (empty, emptied):
            saving.apply(connection, shop, version, "mei", name="test")
        saving.remove(connection, other, "late", "mei")
        keys = {
            (shop.merchant_no, "june"),
            (shop.merchant_no, "empty"),
            (other.merchant_no, "late"),
            (other.merchant_no, "june"),
            (shop.merchant_no, "no such"),
        }
        offers = reading.offers(session.raw(connection), keys)
        assert reading.offers(session.raw(connection), set()) == {}
    assert offers.keys() == {
        (shop.merchant_no, "june"),
        (shop.merchant_no, "empty"),
        (other.merchant_no, "late"),
    }
    assert offers[shop.merchant_no, "june"].prices == {"mug": 5}
    assert offers[shop.merchant_no, "empty"].prices == {}
    assert offers[other.merchant_no, "late"].removed
    assert offers[other.merchant_no, "late"].ends_at == NEVER
