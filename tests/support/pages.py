"""What statements cost, in pages of 8 KiB that the server looked at: the same on every machine."""

from collections.abc import Callable

from store.postgres.session import Database, raw

_LOOKED_AT = """SELECT coalesce(sum(hits + reads), 0)::bigint
FROM pg_stat_get_backend_io(pg_backend_pid()) WHERE object = 'relation'"""


def pages_of(connection: Database, work: Callable[[], object], times: int = 3) -> int:
    """Pages that the connection's server process looks at while it does some work so many times.

    The work is done twice before that, so that catalogues are known and statements are planned.
    """
    for _ in range(2):
        work()
        _so_far(connection)
    before = _so_far(connection)
    for _ in range(times):
        work()
    return _so_far(connection) - before


def _so_far(connection: Database) -> int:
    cursor = raw(connection)
    cursor.execute("SELECT pg_stat_force_next_flush()")
    row = cursor.execute(_LOOKED_AT).fetchone()
    assert row is not None
    return int(row[0])
