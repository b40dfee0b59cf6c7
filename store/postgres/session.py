"""Connections to PostgreSQL, as the application's role, with the product's types registered."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import psycopg
from psycopg import Connection, RawCursor, sql
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

from store.postgres import pooling
from store.postgres.arrays import register

APP_ROLE = "points_app"
OPS_ROLE = "points_ops"
"""For what no worker may do; see 7_rights.sql."""
NOTICES_ROLE = "points_notices"
"""For the notices lane, which has a schema of its own; see 9_notices.sql."""
SCHEMA = "public"
"""Where the engine's tables are."""
NOTICES_SCHEMA = "notices"
ROLES = (APP_ROLE, OPS_ROLE, "points_readonly", NOTICES_ROLE)
"""All that the first migration makes, or finds, and gives to the owner."""

LOCK_SECONDS = 3
"""For a lock that another session keeps. Our own batches hold theirs for tens of milliseconds."""
STATEMENT_SECONDS = 15
"""For a worker's statement, the largest of which takes under a second; then batches get smaller."""
QUESTION_SECONDS = 600
"""For a statement of a command: a report over a large database takes minutes."""

_SESSION = (
    # The server's or the role's default may be another, and then a number taken first and read
    # under would not see what was committed before it (ADR 11).
    "SET default_transaction_isolation = 'read committed'",
    # Our statements have backslashes in texts, and they are what they look like.
    "SET standard_conforming_strings = on",
    "SET idle_in_transaction_session_timeout = '60s'",
)
_TUNED = (
    # Batches are small against the tables: nested loops over primary keys are right, and a plan
    # made while the tables were empty must not scan them when they are not.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_seqscan = off",
    "SET jit = off",
)
# An administrator's stricter limit stays.
_LIMIT = """
    SELECT set_config({name}, {limit}, false)
    WHERE NOT extract(epoch FROM current_setting({name})::interval) BETWEEN 0.0001 AND {seconds}"""

# A server that vanished without a word is noticed within half a minute, not after the system's two
# hours.
_ALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

Database = Connection[tuple[Any, ...]]
"""A connection as `connect` makes it."""
Cursor = RawCursor[tuple[Any, ...]]
"""A cursor with PostgreSQL's own placeholders: $1 and so on."""

_Result = TypeVar("_Result")
Answer = Callable[[], _Result]
"""What a statement that was sent answers: called once it is there."""
Waiting = Callable[[Database, float], None]
"""Called about ten times a second while a statement has no answer, with the seconds so far.

What it raises ends the wait; the connection must be closed then.
"""


class WatchedConnection(Connection[tuple[Any, ...]]):
    """A connection whose waits are seen: nothing else runs in a worker while a statement does.

    `waited`: for how many seconds it has waited so far. `meanwhile`: see the function.
    """

    waiting: Waiting | None = None
    waited = 0.0
    meanwhile: Callable[[], None] | None = None

    def wait(
        self,
        gen: Generator[Wait, Ready | int, _Result],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> _Result:
        """Waits for the server as psycopg does, and tells `waiting` of it meanwhile."""
        if self.waiting is not None:
            gen = self._watched(gen, self.waiting)
        if self.meanwhile is not None:
            gen = self._beside(gen)
        began = time.perf_counter()
        try:
            return super().wait(gen, interval, timeout)
        except BaseException:
            self.meanwhile = None
            raise
        finally:
            self.waited += time.perf_counter() - began

    def _watched(
        self, gen: Generator[Wait, Ready | int, _Result], waiting: Waiting
    ) -> Generator[Wait, Ready | int, _Result]:
        try:
            asked = next(gen)
            began = time.monotonic()
            while True:
                ready = yield asked
                if not ready:
                    waiting(self, time.monotonic() - began)
                asked = gen.send(ready)
        except StopIteration as end:
            result: _Result = end.value
            return result

    def _beside(
        self, gen: Generator[Wait, Ready | int, _Result]
    ) -> Generator[Wait, Ready | int, _Result]:
        """Does the work once all that was to be sent is, and nothing is left but to wait.

        What is sent together with others is not waited for: then the work is left for those.
        """
        try:
            asked = next(gen)
            while True:
                if asked == Wait.R and self.meanwhile is not None:
                    work, self.meanwhile = self.meanwhile, None
                    work()
                asked = gen.send((yield asked))
        except StopIteration as end:
            result: _Result = end.value
            return result


def meanwhile(connection: Database, work: Callable[[], None]) -> None:
    """Does some work, once, while an answer is waited for; a failure makes it forgotten.

    That is the next answer, or a later one where that was there already; after a
    `quick_transaction` none of its work is left. It must not raise, and not use the connection.
    """
    if isinstance(connection, WatchedConnection):
        connection.meanwhile = work
    else:
        work()


def connect(
    url: str,
    *,
    role: str | None = APP_ROLE,
    schema: str | None = None,
    name: str = "points",
    tuned: bool = True,
    waiting: Waiting | None = None,
    check_pooling: bool = False,
) -> Database:
    """A connection in autocommit (transactions are explicit), acting as `role`.

    With `schema`, its tables come before the engine's of the same names.
    With `tuned` off the planner is left alone and statements may take longer, which reports and
    listings want. Raises psycopg.OperationalError when the server cannot be reached or refuses, and
    PoolingRefused behind a pooler that mixes sessions: always with `check_pooling`, which costs a
    second connection, else when one is suspected.
    """
    connection = WatchedConnection.connect(
        url,
        autocommit=True,
        application_name=name,
        connect_timeout=10,
        client_encoding="UTF8",
        **_ALIVE,
    )
    try:
        connection.waiting = waiting
        connection.cursor_factory = psycopg.Cursor
        if check_pooling or pooling.suspected(connection):
            pooling.check(connection, url)
        register(connection)
        _set_up(connection, role, schema, tuned=tuned)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: Database, role: str | None, schema: str | None, *, tuned: bool) -> None:
    if role is not None:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    schemas = [SCHEMA] if schema is None else [schema, SCHEMA]
    path = sql.SQL(", ").join(map(sql.Identifier, schemas))
    # A role's or database's own would have us find no table, or another one of the same name.
    statements: list[sql.Composable] = [sql.SQL("SET search_path = {}").format(path)]
    statements += [sql.SQL(s) for s in _SESSION + (_TUNED if tuned else ())]
    limits = {
        "lock_timeout": LOCK_SECONDS,
        "statement_timeout": STATEMENT_SECONDS if tuned else QUESTION_SECONDS,
    }
    statements += [
        sql.SQL(_LIMIT).format(name=name, limit=f"{seconds}s", seconds=seconds)
        for name, seconds in limits.items()
    ]
    connection.execute(sql.SQL("; ").join(statements))


@contextmanager
def transaction(connection: Database) -> Iterator[Cursor]:
    """One transaction: committed at the end, rolled back by any exception."""
    with connection.transaction(), RawCursor(connection) as cursor:
        yield cursor


class Quick(NamedTuple, Generic[_Result]):
    """A transaction in few round trips.

    `asked` is what asking returned. What is executed after `last` is sent with COMMIT: its answers
    are there when the transaction has ended, and so are its errors.
    """

    cursor: Cursor
    asked: _Result
    last: Callable[[], object]


@contextmanager
def quick_transaction(
    connection: Database, ask: Callable[[Cursor], _Result]
) -> Iterator[Quick[_Result]]:
    """As `transaction`; what `ask` executes is sent together with BEGIN, and answered by then.

    A cursor gives the answer to what it executed last: `raw` makes further ones.
    """
    try:
        with ExitStack() as until_committed, ExitStack() as stack:
            cursor = stack.enter_context(RawCursor(connection))
            with sent_together(connection):
                stack.enter_context(psycopg.Transaction(connection))
                asked = ask(cursor)

            def last() -> None:
                until_committed.enter_context(sent_together(connection))

            yield Quick(cursor, asked, last)
    except BaseException:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            connection.rollback()  # COMMIT was passed over, as what was sent before it failed
        raise
    finally:
        if isinstance(connection, WatchedConnection):
            connection.meanwhile = None


@contextmanager
def sent_together(connection: Database) -> Iterator[None]:
    """What is executed in it is sent at once. Raises the error of the statement that failed.

    psycopg may only say of those behind it that they were passed over: that depends on whether
    their answers came together.
    """
    try:
        with connection.pipeline():
            yield
    except psycopg.errors.PipelineAborted as passed_over:
        failed: BaseException = passed_over
        while isinstance(failed, psycopg.errors.PipelineAborted) and failed.__context__ is not None:
            failed = failed.__context__
        raise failed from None


def raw(connection: Database) -> Cursor:
    """A cursor for single statements with PostgreSQL's own placeholders."""
    return RawCursor(connection)
