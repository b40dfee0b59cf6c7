"""`points migrate`: the database's schema, made or brought up to date."""

from typing import Any

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import check_server, database_configuration


def migrate_command(json_: JsonOption = False) -> None:
    """Bring the database to the schema of this version, as its owner."""
    from psycopg import errors, sql

    from schemas.answers.operations import MigrateResult
    from store.postgres import migrate, session

    database = database_configuration().database
    url = (database.owner_url or database.url).get_secret_value()
    with session.connect(url, role=None, name="points-migrate", tuned=False) as connection:
        check_server(connection)
        owner = sql.Identifier(connection.info.user).as_string(connection)
    try:
        before, after = migrate.upgrade(url)
    except errors.InsufficientPrivilege as error:
        raise _not_allowed(error, owner) from None
    known = migrate.known_revision()
    if json_:
        emit(MigrateResult(before=before, after=after, changed=before != after))
    elif after != known:
        out().print(
            f"nothing to do: the database is at revision {after}, newer than this version's "
            f"{known}, and this version works on it"
        )
    elif before == after:
        out().print(f"nothing to do: the database is at revision {after}")
    else:
        out().print(f"migrated from {before or 'an empty database'} to revision [bold]{after}[/]")


def _not_allowed(error: Any, owner: str) -> Failure:
    wrong = f"PostgreSQL refuses the migration: {error.diag.message_primary}"
    if "create role" in str(error) or "grant role" in str(error):
        return _lacks_roles(wrong, owner)
    return Failure(
        Exit.REFUSED,
        wrong,
        "migrate as the owner of the database and its schema: POINTS_DATABASE__OWNER_URL",
        code="missing_rights",
    )


def _lacks_roles(wrong: str, owner: str) -> Failure:
    from store.postgres.session import ROLES

    making = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in ROLES)
    return Failure(
        Exit.REFUSED,
        [wrong, f"the migration makes roles that are not there yet, of {', '.join(ROLES)}"],
        f"let an administrator run {making} GRANT {', '.join(ROLES)} TO {owner}; and migrate again",
        code="missing_rights",
    )
