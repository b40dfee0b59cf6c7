"""The tables as SQLAlchemy declares them are those that the migrations make."""

import re
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, create_engine, inspect, make_url, text
from sqlalchemy.pool import NullPool

from store.postgres import migrate
from store.postgres.tables import metadata
from tests.support.servers import Databases


@pytest.fixture
def migrated(postgres: Databases) -> Iterator[Connection]:
    url = postgres.migrated()
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    postgres.drop(url)


def test_alembic_finds_no_difference(migrated: Connection) -> None:
    compared = {
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": _is_ours,
    }
    context = MigrationContext.configure(migrated, opts=compared)
    assert compare_metadata(context, metadata) == []


def test_columns_have_the_order_of_the_migrations(migrated: Connection) -> None:
    found = inspect(migrated)
    for name, table in metadata.tables.items():
        columns = [c["name"] for c in found.get_columns(table.name, table.schema)]
        assert columns == list(table.columns.keys()), name


def test_keys_and_checks_are_the_same(migrated: Connection) -> None:
    # Alembic compares neither.
    found = inspect(migrated)
    for name, table in metadata.tables.items():
        key = found.get_pk_constraint(table.name, table.schema)["constrained_columns"]
        assert key == [column.name for column in table.primary_key], name
        declared = {
            str(constraint.name): _plain(str(constraint.sqltext))
            for constraint in table.constraints
            if isinstance(constraint, CheckConstraint)
        }
        checks = {
            str(c["name"]): _plain(c["sqltext"])
            for c in found.get_check_constraints(table.name, table.schema)
        }
        assert checks == declared, name


def test_partial_indexes_have_the_same_conditions(migrated: Connection) -> None:
    # Alembic compares an index by its columns only.
    found = inspect(migrated)
    for name, table in metadata.tables.items():
        declared = {str(i.name): i.dialect_options["postgresql"]["where"] for i in table.indexes}
        made = {
            str(i["name"]): i["dialect_options"].get("postgresql_where")
            for i in found.get_indexes(table.name, table.schema)
            if "duplicates_constraint" not in i
        }
        assert {k: _plain(str(v)) for k, v in made.items()} == {
            k: _plain(str(v)) for k, v in declared.items()
        }, name


def test_every_revision_says_which_code_works_on_it(migrated: Connection) -> None:
    # Workers of the version before refuse a revision that is not in this table.
    rows = migrated.execute(text("SELECT revision, oldest_code FROM schema_compatibility"))
    oldest_code: dict[str, str] = {row.revision: row.oldest_code for row in rows}
    assert sorted(oldest_code) == migrate.known_revisions()
    assert set(oldest_code.values()) <= set(migrate.known_revisions())


_SCHEMAS = {table.schema for table in metadata.tables.values()}


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    """Not what PostgreSQL or a test has besides, nor the weeks of notices, which come and go."""
    if kind == "schema":
        return name in _SCHEMAS
    return not (kind == "table" and re.fullmatch(r"notice_w\d{5}", name or ""))


def _plain(sql: str) -> str:
    """Without what PostgreSQL adds; it shows a list of texts as an array."""
    plain = re.sub(r"[()\s']|::bigint|::text", "", sql).lower()
    return re.sub(r"=anyarray\[([^]]*)\]", r"in\1", plain)
