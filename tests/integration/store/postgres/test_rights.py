"""The application's role may do what the code does, table by table, and nothing else (I3)."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import store
from docs import rights
from store.postgres.tables import metadata
from tests.support.database.rights import ALL, ROLES, refused_of
from tests.support.servers import Databases

KNOWN = (*ALL, "TRUNCATE", "REFERENCES", "TRIGGER")
RIGHTS = ROLES["points_app"]


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.migrated()
    yield made
    postgres.drop(made)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_its_commands_do(url: str, role: str) -> None:
    query = "SELECT has_table_privilege(%s, %s, %s)"
    with psycopg.connect(url) as connection:
        found = {
            table: tuple(
                right
                for right in KNOWN
                if connection.execute(query, [role, table, right]).fetchone() == (True,)
            )
            for table in ROLES[role]
        }
    assert found == ROLES[role]


@pytest.mark.parametrize("role", ROLES)
def test_every_other_statement_is_refused(url: str, role: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        assert refused_of(connection, role) == []


def test_the_page_of_roles_is_what_the_catalogue_says(url: str) -> None:
    text = rights.PAGE.read_text("utf-8")
    with psycopg.connect(url) as connection:
        assert rights.filled(text, rights.table(connection)) == text, "run python -m docs.rights"


def test_no_role_is_more_than_it_seems(url: str) -> None:
    """No superuser, no login of its own, in no other role, and the owner of nothing."""
    powers = (
        "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls "
        "OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin)"
    )
    members = "SELECT FROM pg_auth_members m WHERE m.member = ANY (%s::regrole[])"
    owned = "SELECT relname FROM pg_class WHERE relowner = ANY (%s::regrole[])"
    with psycopg.connect(url) as connection:
        for query in (powers, members, owned):
            assert connection.execute(query, [list(ROLES)]).fetchall() == []


def test_every_table_is_listed(url: str) -> None:
    relations = (
        "SELECT CASE WHEN nspname = 'public' THEN '' ELSE nspname || '.' END || relname "
        "FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname IN ('public', 'notices', 'notices_keys') "
        "AND relkind IN ('r', 'v', 'm', 'p', 'f')"
    )
    with psycopg.connect(url) as connection:
        found = {name for (name,) in connection.execute(relations).fetchall()}
    assert found == set(RIGHTS)
    views = {"alembic_version", "notices_cursor", "notices_pause", "orders_shown"} | {
        "notices.expiring_points",
        "notices.ledger_shop",
    }
    assert set(metadata.tables) == set(RIGHTS) - views


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
        if "migrations" in file.parts or file.name == "notes.sql":
            continue  # points_ops erases notes
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
