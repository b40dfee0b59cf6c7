"""What the server says of itself and of other sessions, for `points doctor`."""

from typing import Final, NamedTuple

from schemas.ids import Micros
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw

_SQL: Final = queries("reads/doctor/server")


class Holder(NamedTuple):
    """A session, or a prepared transaction (no pid, its id is the name), that holds others up.

    What the server does not show to us is None.
    """

    what: str
    pid: int | None
    name: str | None
    database: str | None
    user: str | None
    since: str | None


def settings(connection: Database) -> dict[str, str]:
    """Settings of the server and of this session that durability and texts rest on."""
    return dict(raw(connection).execute(_SQL["settings"]).fetchall())


def connections(connection: Database) -> tuple[int, int]:
    """Connections to the whole server, and how many there may be without a superuser's."""
    row = raw(connection).execute(_SQL["connections"]).fetchone()
    return (row[0], row[1]) if row is not None else (0, 0)


def login_owns_schema(connection: Database) -> bool:
    """Whether the login (not the role taken) may act as the owner of the ledger."""
    row = raw(connection).execute(_SQL["login_owns_schema"]).fetchone()
    return bool(row and row[0])


def table_locks(connection: Database) -> list[Holder]:
    """Locks on our tables that keep others from writing."""
    found = []
    for row in raw(connection).execute(_SQL["table_locks"]).fetchall():
        what, pid, name, database, user, since, gid, owner, prepared = row
        found.append(
            Holder(what, pid, name, database, user, since)
            if pid is not None
            else Holder(what, None, gid, database, owner, prepared)
        )
    return found


def open_transactions(connection: Database, seconds: float) -> list[Holder]:
    """Transactions that wrote and are open for so long, on the whole server, the oldest first."""
    rows = raw(connection).execute(_SQL["open_transactions"], [seconds]).fetchall()
    return [Holder(*row) for row in rows]


def cursors_moved(
    connection: Database,
) -> tuple[dict[tuple[str, str, int], Micros], Micros]:
    """When each (pipeline, topic uuid, partition) moved last, and the clock."""
    cursor = raw(connection)
    moved = {
        (pipeline, uuid, partition): at
        for pipeline, uuid, partition, at in cursor.execute(_SQL["cursors_moved"]).fetchall()
    }
    row = cursor.execute(_SQL["now"]).fetchone()
    return moved, row[0] if row else 0
