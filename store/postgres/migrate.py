"""Migrations: bringing a database to the schema that this version works on.

See architecture.md 2.7.
"""

from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg.errors import UndefinedTable

from schemas.errors import Exit, PointsError
from store.postgres.session import SCHEMA, Database

FOLDER = Path(__file__).parent / "migrations"
SESSION: Final = f"SET search_path = {SCHEMA}; SET standard_conforming_strings = on"
"""Of a migration's sessions, whatever its role's or its database's own are: as of all others.

Not as options of the connection, which poolers refuse.
"""
LOCK = 736_002
"""Two `points migrate` at once: the second waits, and finds nothing left to do."""


class SchemaMismatch(PointsError):
    """The database's schema is not the one that this version knows."""

    code = "schema_mismatch"
    exit_code = Exit.SCHEMA


class EncodingRefused(PointsError):
    """The database cannot hold every text."""

    code = "encoding_refused"
    exit_code = Exit.SCHEMA


def known_revisions() -> list[str]:
    """The revisions that this version knows, oldest first.

    They are the names of the files, so that alembic need not be imported to read them.
    """
    return sorted(path.stem for path in (FOLDER / "versions").glob("[0-9]*.py"))


def known_revision() -> str:
    """The newest revision that this version knows."""
    known = known_revisions()
    if not known:
        raise SchemaMismatch("this installation has no migrations", "install it again")
    return known[-1]


class Upgrade(NamedTuple):
    """The database's revision before (None: there was no schema) and after."""

    before: str | None
    after: str


def upgrade(url: str) -> Upgrade:
    """Brings the database to the newest revision, as its owner; another that tries meanwhile waits.

    A newer schema that this version works on is left as it is. Raises SchemaMismatch when it is
    newer and incompatible, and psycopg.Error when PostgreSQL refuses.
    """
    # Imported here: alembic costs a third of a second, and every other command only compares two
    # names.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    with psycopg.connect(
        url, autocommit=True, connect_timeout=10, client_encoding="UTF8"
    ) as connection:
        connection.execute(SESSION)
        check_encoding(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        before = current_revision(connection)
        if before is not None and before not in known_revisions():
            if not _works_with(connection, before, known_revision()):
                raise _newer(before)
            return Upgrade(before, before)
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["url"] = url
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            if error.orig is None:
                raise
            raise error.orig from None  # PostgreSQL's own message, without the statement around it
    return Upgrade(before, known_revision())


def check_encoding(connection: Database) -> None:
    """Raises EncodingRefused unless the database stores UTF-8: ids and names may be any text."""
    row = connection.execute("SHOW server_encoding").fetchone()
    if row is not None and row[0] != "UTF8":
        raise EncodingRefused(
            f"the database's encoding is {row[0]}, and UTF8 is needed",
            "make another one: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'",
        )


def current_revision(connection: Database) -> str | None:
    """The database's revision; None when it was never migrated."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except UndefinedTable:
        return None
    return str(row[0]) if row else None


def check(connection: Database) -> None:
    """Raises SchemaMismatch unless this version works on the database's schema and encoding.

    An older schema lacks what this version needs. A newer one is fine as long as it only added
    things (expand), which its own revision says: old and new workers overlap during an upgrade.
    Raises EncodingRefused as `check_encoding` does.
    """
    check_encoding(connection)
    have, want = current_revision(connection), known_revision()
    if have == want:
        return
    if have is None:
        raise SchemaMismatch("the database has no schema yet", "run `points migrate`")
    if have in known_revisions():
        raise SchemaMismatch(
            f"the database is at revision {have}, this version needs {want}", "run `points migrate`"
        )
    if not _works_with(connection, have, want):
        raise _newer(have)


def _works_with(connection: Database, revision: str, code: str) -> bool:
    """Whether a revision that we do not know says that code of our revision works on it."""
    query = "SELECT oldest_code FROM schema_compatibility WHERE revision = %s"
    row = connection.execute(query, [revision]).fetchone()
    return row is not None and str(row[0]) <= code


def _newer(have: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"the database is at revision {have}, which this version does not know: run a newer version"
    )
