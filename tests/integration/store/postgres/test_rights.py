"""The application's role may do what the code does, table by table, and nothing else (I3)."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import store
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
    "answered_ahead": PASS_ON,
    "application_event": ADD,
    "awaiting_order": ALL,
    "banner": ADD,
    "campaign": KEEP,
    "campaign_gift": KEEP,
    "campaign_version": ADD,
    "carrier_code": ADD,
    "command": ADD,
    "cursor": KEEP,
    "customer": KEEP,
    "due": PASS_ON,
    "entry_note": ADD,
    "family": ADD,
    "hold": KEEP,
    "ignored_reason": KEEP,
    "job": KEEP,
    "job_row": ADD,
    "job_line": KEEP,
    "job_piece": KEEP,
    "ledger": ADD,
    "lot": KEEP,
    "merchant": ADD,
    "merchant_poison": ALL,
    "orders": KEEP,
    "orders_shown": READ,
    "outbox": PASS_ON,
    "outbox_refused": PASS_ON,
    "parcel": ALL,
    "parked_record": ALL,
    "pipeline_state": KEEP,
    "purged_report": KEEP,
    "quarantine": KEEP,
    "recheck": ALL,
    "redemption": KEEP,
    "redemption_awaiting": PASS_ON,
    "return_order": ALL,
    "schema_compatibility": READ,
    "settings": ADD,
    "settings_epoch": ("SELECT", "UPDATE"),
    "tracking": ALL,
    "unknown_code": ALL,
    "unknown_report": PASS_ON,
    "word": ADD,
    "worker_beat": ALL,
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


WRITES = re.compile(
    r"\b(?:(?P<add>INSERT INTO)|(?<!DO )(?<!FOR )(?P<change>UPDATE)|(?P<take>DELETE FROM))\s+"
    r"(?:ONLY\s+)?(?P<table>\w+)"
)
LOCKED = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?")
LOCKS = re.compile(r"\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)(?: OF ([\w, ]+))?")


def used_rights() -> dict[str, set[str]]:
    """What the statements of store/ change, table by table; locking rows asks for UPDATE."""
    used: dict[str, set[str]] = {table: set() for table in metadata.tables}
    for file in sorted(Path(store.__file__).parent.rglob("*.sql")):
        if "migrations" in file.parts:
            continue
        for statement in re.sub(r"--.*", "", file.read_text()).split(";"):
            for found in WRITES.finditer(statement):
                if found["table"] in used:
                    right = "INSERT" if found["add"] else "UPDATE" if found["change"] else "DELETE"
                    used[found["table"]].add(right)
                    if found["add"] and "DO UPDATE" in statement[found.end() :]:
                        used[found["table"]].add("UPDATE")
            for lock in LOCKS.finditer(statement):
                wanted = set(re.split(r"[, ]+", lock[1].strip())) if lock[1] else None
                for table, alias in LOCKED.findall(statement):
                    if table in used and (wanted is None or {table, alias} & wanted):
                        used[table].add("UPDATE")
    return used


def test_the_application_has_no_right_that_its_code_does_not_use() -> None:
    """A table that no statement changes yet has none to compare."""
    used = {table: rights for table, rights in used_rights().items() if rights}
    assert used
    granted = {table: set(RIGHTS[table]) - {"SELECT"} for table in used}
    assert used == granted
