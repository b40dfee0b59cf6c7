"""What the server does and lets us do: settings, poolers, logins, writes, who holds what up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.commands.doctor.finding import Finding, some_of
from cli.support.errors import Exit

if TYPE_CHECKING:
    from store.postgres.session import Database
    from store.reads.doctor.server import Holder

CONNECTIONS_LEFT = 10
"""A worker that is replaced needs its own beside the old one's, and a bulk job two."""
OPEN_SECONDS = 5.0
"""Ours last a tenth of a second: an older transaction is worth its name while something waits."""


def settings(connection: "Database") -> Iterator[Finding]:
    """Encoding and isolation (which every session sets), and whether a commit is on disk."""
    from store.reads.doctor import server

    have = server.settings(connection)
    yield Finding(
        "ok",
        f"server: encoding {have['server_encoding']}, sessions in {have['client_encoding']}, "
        f"isolation {have['transaction_isolation']}",
    )
    unsafe = [name for name in ("fsync", "synchronous_commit") if have[name] == "off"]
    for name in unsafe:
        yield Finding(
            "warning",
            f"server: {name} is off: a crash of the server may lose points already announced",
            f"set {name} = on for this database",
        )
    if not unsafe:
        yield Finding("ok", "server: commits are on disk (fsync, synchronous_commit)")


def connections(connection: "Database") -> Iterator[Finding]:
    """Whether workers that are started again, and operators, find a connection."""
    from store.reads.doctor import server

    taken, allowed = server.connections(connection)
    what = f"connections: {taken:,} of {allowed:,} are taken"
    if allowed - taken < CONNECTIONS_LEFT:
        yield Finding(
            "warning",
            f"{what}: workers that are started again, or operators, may find none",
            "raise max_connections, or end what is not needed",
        )
    else:
        yield Finding("ok", what)


def whole(connection: "Database") -> Iterator[Finding]:
    """Whether the schema has all that its revision made, and numbers rows beyond those there."""
    from store.reads.doctor import damage

    found = 0
    for what, names in (
        ("columns", damage.missing_columns(connection)),
        ("indexes, or they cannot be used", damage.unusable_indexes(connection)),
    ):
        if names:
            found += 1
            yield Finding(
                "wrong",
                f"schema: it lacks {what}: {some_of(names)}",
                "restore them from a backup; REINDEX INDEX mends an index that is there",
                Exit.REFUSED,
            )
    if not found:
        yield Finding("ok", "schema: all columns and indexes are there")


def sequences(connection: "Database") -> Iterator[Finding]:
    """Sequences stay behind where a copy was made by logical replication: rows would collide."""
    from store.reads.doctor import damage

    behind = list(damage.sequences_behind(connection))
    for each in behind:
        yield Finding(
            "wrong",
            f"sequence {each.sequence}: is at {each.last:,}, and {each.column} has {each.taken:,}",
            f"as the owner: SELECT setval('{each.sequence}', {each.taken})",
            Exit.REFUSED,
        )
    if not behind:
        yield Finding("ok", "sequences: all are ahead of what they number")


def login(connection: "Database") -> Iterator[Finding]:
    """Whether who takes the workers' password could change the ledger all the same (I3)."""
    from store.reads.doctor import server

    user = connection.info.user
    if server.login_owns_schema(connection):
        yield Finding(
            "warning",
            f"login {user}: owns the tables, so workers could act as the owner",
            "give workers a login of their own: CREATE ROLE … LOGIN IN ROLE points_app, in "
            "POINTS_DATABASE__URL; the owner's belongs in POINTS_DATABASE__OWNER_URL",
        )
    else:
        yield Finding("ok", f"login {user}: does not own the tables")


def writes(connection: "Database") -> Iterator[Finding]:
    """Writes a row and takes it away, as workers do."""
    from store.postgres import worker_beats

    worker_beats.beat(connection, "doctor", "doctor", None)
    worker_beats.leave(connection, "doctor", "doctor")
    yield Finding("ok", "writes: tried one, and it was committed")


def holders(connection: "Database") -> Iterator[Finding]:
    """Sessions that hold up ours: by a lock on a table, or by a transaction left open."""
    from store.reads.doctor import server

    locks = server.table_locks(connection)
    for lock in locks:
        yield Finding(
            "wrong",
            f"locks: {lock.what} is held by {described(lock)}",
            _remedy(lock),
        )
    if not locks:
        yield Finding("ok", "locks: no other session holds one of our tables")
    for holder in server.open_transactions(connection, OPEN_SECONDS):
        yield Finding(
            "warning",
            f"transactions: {holder.what} is open in {described(holder)}; "
            "rechecks wait until it ends",
            _remedy(holder),
        )


def is_held_up(error: Exception) -> bool:
    """Whether it is somebody's lock that a statement waited for in vain."""
    import psycopg

    return isinstance(error, psycopg.errors.LockNotAvailable)


def open_now(connection: "Database") -> "list[Holder]":
    """Transactions open for longer than a batch of ours lasts; none where it cannot be seen."""
    import psycopg

    from store.reads.doctor import server

    try:
        return server.open_transactions(connection, 1.0)
    except psycopg.Error:
        return []


def described(holder: "Holder") -> str:
    """Who it is, for a person who has to find them."""
    who = f"pid {holder.pid}" if holder.pid else f"prepared transaction {holder.name}"
    named = f" ({holder.name})" if holder.pid and holder.name else ""
    since = f"since {holder.since}" if holder.since else "since when it does not say"
    return f"{who}{named}, database {holder.database}, user {holder.user}, {since}"


def _remedy(holder: "Holder") -> str:
    if holder.pid:
        return f"let it end, or SELECT pg_terminate_backend({holder.pid})"
    return f"COMMIT PREPARED or ROLLBACK PREPARED '{holder.name}'"


def refusal(error: Exception) -> Finding | None:
    """A finding of its own for what PostgreSQL says when it writes nothing."""
    import psycopg

    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return None
    return Finding(
        "wrong",
        f"writes: refused: {error.diag.message_primary}",
        "make the database writable: workers wait for it",
        Exit.UNREACHABLE,
    )
