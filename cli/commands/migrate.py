"""`points migrate`: the database's schema, made or brought up to date."""

from typing import Any

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import check_server, database_configuration


def migrate_command(json_: JsonOption = False) -> None:
    """Bring the database to the schema of this version, as its owner."""
    from psycopg import errors

    from schemas.answers.operations import MigrateResult
    from store.postgres import migrate, session

    database = database_configuration().database
    url = (database.owner_url or database.url).get_secret_value()
    with session.connect(url, role=None, name="points-migrate", tuned=False) as connection:
        check_server(connection)
    try:
        before, after = migrate.upgrade(url)
    except errors.InsufficientPrivilege as error:
        raise _not_allowed(error) from None
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


def _not_allowed(error: Any) -> Failure:
    wrong = f"PostgreSQL refuses the migration: {error.diag.message_primary}"
    if "create role" in str(error) or "grant role" in str(error):
        return Failure(
            Exit.REFUSED,
            [
                wrong,
                "the migration creates points_app, points_ops and points_readonly for the owner",
            ],
            "let an administrator run CREATE ROLE points_app NOLOGIN; "
            "CREATE ROLE points_ops NOLOGIN; CREATE ROLE points_readonly NOLOGIN; "
            "GRANT points_app, points_ops, points_readonly TO the owner, and migrate again",
        )
    return Failure(
        Exit.REFUSED,
        wrong,
        "migrate as the owner of the database and its schema: POINTS_DATABASE__OWNER_URL",
    )
