"""From the environment to the parts: configuration, and connections that are fit for use."""

from typing import TYPE_CHECKING

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from processors.runtime.configuration import (
        Configuration,
        DatabaseOnlyConfiguration,
        LaneConfiguration,
        NoticesOnlyConfiguration,
        QuotingConfiguration,
    )
    from store.postgres.session import Database

OLDEST_SERVER = 180_000
"""PostgreSQL 18: the upserts return the old row with the new one."""


def configuration() -> "Configuration":
    """What the environment says.

    Raises ConfigurationRefused with every problem, by the variable's name and without its value.
    """
    from processors.runtime.configuration import load

    return load()


def database_configuration() -> "DatabaseOnlyConfiguration":
    """What the environment says of the database, for commands that ask nothing of Kafka.

    Raises ConfigurationRefused, as `configuration` does.
    """
    from processors.runtime.configuration import load_database_only

    return load_database_only()


def quoting_configuration() -> "QuotingConfiguration":
    """As `database_configuration`, with the keys of quotes."""
    from processors.runtime.configuration import load_for_quotes

    return load_for_quotes()


def notices_configuration() -> "NoticesOnlyConfiguration":
    """As `database_configuration`, with what the notices lane needs."""
    from processors.runtime.configuration import load_for_notices

    return load_for_notices()


def connect(
    loaded: "Configuration | DatabaseOnlyConfiguration",
    *,
    name: str = "points-cli",
    tuned: bool = False,
    role: str | None = None,
) -> "Database":
    """A connection for people's questions, to a database that this version knows.

    With `tuned`, for what workers do otherwise. `role`: another one than the configuration's.
    Raises Failure, SchemaMismatch.
    """
    from store.postgres import migrate, session

    connection = session.connect(
        loaded.database.url.get_secret_value(), role=None, name=name, tuned=tuned
    )
    try:
        check_server(connection)
        migrate.check(connection)
        take_role(connection, role or loaded.database.role)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_notices(
    loaded: "LaneConfiguration | NoticesOnlyConfiguration", *, name: str = "points-cli"
) -> "Database":
    """As `connect`, to the tables of the notices lane, as its role.

    Raises ConfigurationRefused, Failure, SchemaMismatch.
    """
    from processors.runtime.configuration import refuse_notices_servers
    from store.postgres import migrate, session

    refuse_notices_servers(loaded)
    notices = loaded.notices
    own = notices.database_url is not None
    url = notices.database_url or loaded.database.url
    connection = session.connect(
        url.get_secret_value(), role=None, schema=session.NOTICES_SCHEMA, name=name, tuned=False
    )
    try:
        check_server(connection)
        migrate.check(connection)
        variable = "POINTS_NOTICES__DATABASE_URL" if own else "POINTS_DATABASE__URL"
        take_role(connection, notices.database_role, of=variable)
    except BaseException:
        connection.close()
        raise
    return connection


def check_server(connection: "Database") -> None:
    """Raises Failure when the server is older than PostgreSQL 18."""
    if connection.info.server_version < OLDEST_SERVER:
        have = connection.info.parameter_status("server_version") or str(
            connection.info.server_version
        )
        raise Failure(
            Exit.SCHEMA,
            f"the server is PostgreSQL {have}; 18 or newer is needed",
            "upgrade it, or name another one",
        )


def take_role(
    connection: "Database", role: str | None, *, of: str = "POINTS_DATABASE__URL"
) -> None:
    """Acts as a role from now on. Raises Failure when the user of the variable `of` may not."""
    from psycopg import errors, sql

    if role is None:
        return
    try:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    except (errors.InsufficientPrivilege, errors.InvalidParameterValue) as error:
        raise Failure(
            Exit.REFUSED,
            f"PostgreSQL does not let us act as {role}: {error.diag.message_primary}",
            f"run `points migrate` as the owner, then GRANT {role} TO the user of {of}",
            code="missing_rights",
        ) from None
