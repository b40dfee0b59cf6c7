"""Migrations: bringing a database to the schema that this version knows, and refusing any other (DESIGN 2.7)."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import Connection
from psycopg.errors import UndefinedTable

FOLDER = Path(__file__).parent / "migrations"


class SchemaMismatch(Exception):
    """The database's schema is not the one that this version knows."""


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = url
    return config


def known_revision() -> str:
    """The newest revision that this version knows."""
    head = ScriptDirectory.from_config(_config("")).get_current_head()
    if head is None:
        raise SchemaMismatch("this installation has no migrations: install it again")
    return head


def upgrade(url: str) -> None:
    """Brings the database to the newest revision, as its owner."""
    command.upgrade(_config(url), "head")


def current_revision(connection: Connection[tuple[Any, ...]]) -> str | None:
    """The database's revision; None when it was never migrated."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except UndefinedTable:
        return None
    return str(row[0]) if row else None


def check(connection: Connection[tuple[Any, ...]]) -> None:
    """Raises SchemaMismatch unless the database is at the revision that this version knows."""
    have, want = current_revision(connection), known_revision()
    if have == want:
        return
    if have is None:
        raise SchemaMismatch("the database has no schema yet: run `points migrate`")
    known = {s.revision for s in ScriptDirectory.from_config(_config("")).walk_revisions()}
    if have in known:
        raise SchemaMismatch(f"the database is at revision {have}, this version needs {want}: run `points migrate`")
    raise SchemaMismatch(f"the database is at revision {have}, which this version does not know: run a newer version")
