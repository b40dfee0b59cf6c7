"""What decides points besides the records goes to the settings topic, and stays there."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from schemas.carriers.meaning import Meaning
from schemas.events import CarrierCodeChanged, CursorAdopted, SettingsChanged
from schemas.settings import load_settings
from store.carriers import codes
from store.postgres import session
from store.postgres.session import Database
from store.settings import versions
from store.streams import adoption, outbox
from store.streams.adoption import Adoption
from store.streams.cursors import PartitionId
from store.streams.outbox import SHARD_OF_KIND, OutboxKind
from tests.support.servers import Databases

DOCUMENT: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "enabled": True,
    "entitlement": {"plan": "enterprise", "app_installed": True},
    "earn": {
        "rules": [{"unit_price": 10, "points_per_unit": 1}],
        "pending_days": 0,
        "expiry": {"kind": "never"},
    },
}


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    """A connection to a migrated database of the test's own."""
    url = postgres.migrated()
    with session.connect(url) as made:
        yield made
    postgres.drop(url)


def published(connection: Database) -> dict[bytes, Any]:
    """The settings topic's records by key; a compacted topic keeps one for each."""
    rows = outbox.head(session.raw(connection), [SHARD_OF_KIND[OutboxKind.SETTINGS]])
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys)
    return {row.key or b"": orjson.loads(row.value or b"") for row in rows}


def apply(connection: Database, merchant: str, year: int, pending_days: int) -> None:
    document = {
        **DOCUMENT,
        "earn": {**DOCUMENT["earn"], "pending_days": pending_days},
        "effective_at": f"{year}-01-01T00:00:00Z",
    }
    versions.apply(connection, merchant, load_settings(orjson.dumps(document), name="test"), "mei")


def test_compaction_forgets_no_version_of_any_merchant(connection: Database) -> None:
    for year in (2023, 2024):
        apply(connection, "a", year, year - 2020)
        apply(connection, "a:1", year, year - 2020)
    found = published(connection)
    assert found.keys() == {b"a:1", b"a:2", b"a%3A1:1", b"a%3A1:2"}
    assert {SettingsChanged.model_validate(value).type for value in found.values()} == {
        "settings_changed"
    }


def test_changes_of_carriers_codes_go_out(connection: Database) -> None:
    code = ("hct", "home", "99")
    codes.set_code(connection, code, Meaning.RETURN_REVERSED, "their mail of 3 May", "mei")
    codes.set_code(connection, code, Meaning.RETURN_REVERSED, "again", "mei")
    codes.set_code(connection, code, None, "was wrong", "mei")
    found = published(connection)
    changes = [CarrierCodeChanged.model_validate(value) for value in found.values()]
    assert [(c.word, c.effect, c.note) for c in changes] == [
        ("reversed", "return", "their mail of 3 May"),
        (None, None, "was wrong"),
    ]
    assert list(found) == [f":carrier-code:{c.version}".encode() for c in changes]


def test_adoptions_of_cursors_go_out_each_with_a_key_of_its_own(connection: Database) -> None:
    place = PartitionId("commerce.orders.v1", "uuid", 2)
    for start in (0, 40):
        adoption.adopt(connection, "cluster", [Adoption("intake", place, start, "records lost")])
    found = published(connection)
    adopted = [CursorAdopted.model_validate(value) for value in found.values()]
    assert [(a.partition, a.start, a.why) for a in adopted] == [
        (2, 0, "records lost"),
        (2, 40, "records lost"),
    ]
    assert list(found) == [b":cursor:intake:cluster:uuid:2:0", b":cursor:intake:cluster:uuid:2:1"]
