"""The application's role may do what the code does, table by table, and nothing else (I3)."""

from collections.abc import Iterator

import psycopg
import pytest

from store.postgres import migrate
from store.postgres.tables import metadata
from tests.support.servers import Databases

READ = ("SELECT",)
ADD = ("SELECT", "INSERT")
KEEP = ("SELECT", "INSERT", "UPDATE")
PASS_ON = ("SELECT", "INSERT", "DELETE")
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
RIGHTS = {
    "account": KEEP,
    "alembic_version": READ,
    "application_event": ADD,
    "awaiting_order": ALL,
    "carrier_code": ADD,
    "cursor": KEEP,
    "customer": KEEP,
    "due": PASS_ON,
    "entry_note": PASS_ON,
    "family": ADD,
    "ignored_reason": KEEP,
    "ledger": ADD,
    "lot": KEEP,
    "merchant": ADD,
    "orders": KEEP,
    "orders_shown": READ,
    "outbox": PASS_ON,
    "outbox_refused": PASS_ON,
    "parcel": ALL,
    "parked_record": PASS_ON,
    "pipeline_state": KEEP,
    "purged_report": KEEP,
    "quarantine": KEEP,
    "recheck": ALL,
    "return_order": ALL,
    "schema_compatibility": READ,
    "settings": ADD,
    "settings_epoch": ("SELECT", "UPDATE"),
    "tracking": ALL,
    "unknown_code": ALL,
    "unknown_report": PASS_ON,
    "word": ADD,
}
KNOWN = (*ALL, "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.database()
    migrate.upgrade(made)
    yield made
    postgres.drop(made)


def test_the_application_may_do_what_its_code_does(url: str) -> None:
    query = "SELECT has_table_privilege('points_app', %s, %s)"
    with psycopg.connect(url) as connection:
        found = {
            table: tuple(
                right
                for right in KNOWN
                if connection.execute(query, [f'"{table}"', right]).fetchone() == (True,)
            )
            for table in RIGHTS
        }
    assert found == RIGHTS


def test_every_table_is_listed(url: str) -> None:
    relations = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'v', 'm', 'p', 'f')"
    )
    with psycopg.connect(url) as connection:
        found = {name for (name,) in connection.execute(relations).fetchall()}
    assert found == set(RIGHTS)
    assert set(metadata.tables) == set(RIGHTS) - {"alembic_version", "orders_shown"}
