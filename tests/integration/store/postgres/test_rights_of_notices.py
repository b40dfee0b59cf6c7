"""Every right of the notices lane is one that a statement of its code needs, and no one is missing.

The server says so itself: planning a statement for a role checks what the role may do.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import RawCursor, errors

from store.postgres import session
from tests.support.database.distribution import named_statements
from tests.support.database.rights import NOTICES
from tests.support.servers import Databases

ROOT: Final = Path(__file__).parents[4]
THE_LANES: Final = ("store/notices", "processors/notices", "cli/commands/notices")
SHARED: Final = "processors/relay"
"""Code of the engine that sends the lane's outbox too."""
FUNCTIONS: Final = ("notices.ensure_partition(bigint)", "notices.drop_partitions(int)")
VERSIONS: Final = "public.alembic_version", "public.schema_compatibility"
"""What the lane reads of the engine beside the view: whether the schema is one that it knows."""

Connection = psycopg.Connection[Any]
Statements = dict[str, bytes]


def shared_files() -> set[str]:
    """The files of the engine's store whose functions the lane calls: `streams/quarantine`."""
    found = set()
    for folder in (*THE_LANES, SHARED):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("store."):
                    module = node.module or ""
                    names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
                    found |= {name.removeprefix("store.").replace(".", "/") for name in names}
    return {name for name in found if not name.startswith("notices")}


def of_the_lane() -> Statements:
    """Its own statements, by name."""
    return {k: v for k, v in named_statements().items() if k.startswith("notices/")}


def of_both() -> Statements:
    """Statements of the engine's store that the lane may call on its own tables."""
    files = shared_files()
    assert {"streams/cursors", "streams/quarantine", "postgres/worker_beats"} <= files
    return {k: v for k, v in named_statements().items() if k.partition(":")[0] in files}


def refused(connection: Connection, texts: Statements) -> dict[str, str]:
    """The statements that the lane's role may not run, with what PostgreSQL says."""
    found = {}
    for name, text in texts.items():
        try:
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL ROLE points_notices")
                RawCursor(connection).execute(b"EXPLAIN (GENERIC_PLAN) " + text)
        except errors.InsufficientPrivilege as error:
            found[name] = str(error)
    return found


@pytest.fixture(scope="module")
def connection(postgres: Databases) -> Iterator[Connection]:
    url = postgres.migrated()
    with psycopg.connect(url, autocommit=True) as made:
        made.execute(f"SET search_path = {session.NOTICES_SCHEMA}, public")
        yield made
    postgres.drop(url)


@contextmanager
def without(connection: Connection, right: str, thing: str) -> Iterator[None]:
    """The lane's role, for a while without a right on a table or function."""
    with connection.transaction(force_rollback=True):
        words = f"REVOKE {right} ON {thing} FROM points_notices, PUBLIC"
        connection.execute(words.encode())
        yield


def test_every_statement_of_the_lane_is_let(connection: Connection) -> None:
    texts = of_the_lane()
    assert len(texts) > 75
    assert refused(connection, texts) == {}


@pytest.mark.parametrize("table", NOTICES)
def test_each_right_on_a_table_is_needed(connection: Connection, table: str) -> None:
    name = table.partition(".")[2]
    mentions = re.compile(rf"\b{name}\b".encode())
    texts = {k: v for k, v in (of_the_lane() | of_both()).items() if mentions.search(v)}
    let = {k: v for k, v in texts.items() if k not in refused(connection, texts)}
    for right in NOTICES[table]:
        with without(connection, right, table):
            assert refused(connection, let), f"no statement needs {right} on {table}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_is_needed(connection: Connection, function: str) -> None:
    with without(connection, "EXECUTE", f"FUNCTION {function}"):
        assert refused(connection, of_the_lane())


def test_of_the_engine_it_reads_nothing_but_the_view_and_the_version_of_the_schema(
    connection: Connection,
) -> None:
    query = """
        SELECT DISTINCT c.oid::regclass::text FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
          AND has_table_privilege('points_notices', c.oid, v)"""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = ''")
        assert {name for (name,) in connection.execute(query).fetchall()} == set(VERSIONS)
    bases = """
        SELECT DISTINCT d.refobjid::regclass::text FROM pg_depend d
        JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
        JOIN pg_namespace n ON n.oid = v.relnamespace
        WHERE n.nspname = 'notices' AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid <> v.oid"""
    found = {name for (name,) in connection.execute(bases).fetchall()}
    assert found == {"merchant", "account", "lot", "hold"}
