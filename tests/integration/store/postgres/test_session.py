"""What a session is told, whatever the server, the role or the environment say."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from schemas.errors import Exit
from store.ledger import accounts
from store.postgres import interning, migrate, session
from store.postgres.interning import LONGEST, InternedStrings
from store.reads.account.expiring import expiring
from store.settings.merchants import Merchants
from tests.support.engine import wait_for
from tests.support.servers import Databases


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.migrated()
    yield made
    postgres.drop(made)


def set_for_database(url: str, setting: str, value: str) -> None:
    with psycopg.connect(url) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.SQL(setting), value)
        )


def shown(url: str, setting: str, *, tuned: bool = True) -> str:
    with session.connect(url, tuned=tuned) as connection:
        row = connection.execute(sql.SQL("SHOW {}").format(sql.SQL(setting))).fetchone()
    assert row is not None
    return str(row[0])


def test_text_is_utf8_whatever_the_environment_says(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    assert shown(url, "client_encoding") == "UTF8"


def test_isolation_is_read_committed_whatever_the_database_says(url: str) -> None:
    set_for_database(url, "default_transaction_isolation", "repeatable read")
    assert shown(url, "transaction_isolation") == "read committed"


def test_backslashes_in_statements_are_backslashes_whatever_the_database_says(url: str) -> None:
    set_for_database(url, "standard_conforming_strings", "off")
    with session.connect(url, tuned=False) as connection:
        Merchants(connection).learn({"shop"})
        assert list(expiring(connection, "shop", 30)) == []


@pytest.mark.parametrize("path", ["nowhere", "elsewhere, public", "pg_temp"])
def test_the_tables_are_where_they_are_whatever_the_database_says(
    postgres: Databases, path: str
) -> None:
    url = postgres.database()
    with psycopg.connect(url) as owner:
        owner.execute("CREATE SCHEMA elsewhere")
        owner.execute("CREATE TABLE elsewhere.orders ()")
        name = sql.Identifier(owner.info.dbname).as_string(owner)
        owner.execute(f"ALTER DATABASE {name} SET search_path = {path}".encode())
    assert migrate.upgrade(url).before is None
    assert migrate.upgrade(url).before == migrate.known_revision()
    for schema in (None, session.NOTICES_SCHEMA):
        with session.connect(url, role=None, schema=schema) as connection:
            migrate.check(connection)
            assert count(connection, "SELECT count(merchant_no) FROM orders") == 0
    postgres.drop(url)


@pytest.mark.parametrize("tuned", [True, False])
def test_no_statement_waits_for_ever(url: str, tuned: bool) -> None:
    assert shown(url, "lock_timeout", tuned=tuned) == f"{session.LOCK_SECONDS}s"
    assert shown(url, "statement_timeout", tuned=tuned) not in {"0", ""}


def test_a_stricter_limit_of_the_administrator_stays(url: str) -> None:
    set_for_database(url, "statement_timeout", "2s")
    set_for_database(url, "lock_timeout", "1h")
    assert shown(url, "statement_timeout") == "2s"
    assert shown(url, "lock_timeout") == f"{session.LOCK_SECONDS}s"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres: Databases, encoding: str
) -> None:
    made = postgres.database()
    name = f"e_{encoding.lower()}_{psycopg.conninfo.conninfo_to_dict(made)['dbname']}"
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'").format(
                sql.Identifier(name), encoding
            )
        )
    other = psycopg.conninfo.make_conninfo(made, dbname=name)
    try:
        with pytest.raises(migrate.EncodingRefused, match=encoding) as refused:
            migrate.upgrade(other)
        assert refused.value.exit_code == Exit.SCHEMA
        with (
            session.connect(other, role=None) as connection,
            pytest.raises(migrate.EncodingRefused),
        ):
            migrate.check(connection)
    finally:
        with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        postgres.drop(made)


def test_a_schema_that_changes_under_a_connected_worker_is_noticed(url: str) -> None:
    with session.connect(url) as connection, psycopg.connect(url, autocommit=True) as owner:
        merchants = Merchants(connection)
        owner.execute("UPDATE alembic_version SET version_num = '9999_contracted'")
        with session.transaction(connection) as cursor, pytest.raises(migrate.SchemaMismatch):
            merchants.keep_up(cursor)


def test_a_schema_that_only_added_things_is_gone_on_with(url: str) -> None:
    with session.connect(url) as connection, psycopg.connect(url, autocommit=True) as owner:
        merchants = Merchants(connection)
        owner.execute(
            "INSERT INTO schema_compatibility VALUES ('9999_expanded', %s)",
            [migrate.known_revision()],
        )
        owner.execute("UPDATE alembic_version SET version_num = '9999_expanded'")
        with session.transaction(connection) as cursor:
            merchants.keep_up(cursor)


def test_only_a_new_account_takes_a_number(url: str) -> None:
    with session.connect(url) as connection:
        numbers = []
        for _ in range(3):
            with session.transaction(connection) as cursor:
                locked = accounts.lock(cursor, {(1, b"old"): []}, 0, str)
                numbers.append(locked[1, b"old"].account_no)
        with session.transaction(connection) as cursor:
            new = accounts.lock(cursor, {(1, b"new"): []}, 0, str)[1, b"new"].account_no
    assert len(set(numbers)) == 1
    assert new == numbers[0] + 1


def test_long_words_that_begin_alike_stay_two_words(url: str) -> None:
    words = ["w" * 150 + "a", "w" * 150 + "b", "w" * LONGEST, "w" * LONGEST + "a", "w" * 5000]
    with session.connect(url) as connection:
        strings = InternedStrings(connection)
        strings.learn(set(words))
        assert len({strings.number(word) for word in words}) == len(words)
        again = InternedStrings(connection)
        again.learn(set(words))
        assert [again.number(word) for word in words] == [strings.number(word) for word in words]
        assert [again.word(again.number(word)) for word in words[:3]] == words[:3]


def ask(query: bytes) -> Callable[[session.Cursor], object]:
    """What is sent together with BEGIN."""
    return lambda cursor: cursor.execute(query)


def divide_by_zero(connection: session.Database) -> None:
    """By a statement that is sent together with COMMIT."""
    with session.quick_transaction(connection, ask(b"SELECT 1")) as quick:
        quick.last()
        quick.cursor.execute(b"SELECT 1 / 0")


def test_a_sender_of_ever_new_words_lets_no_process_grow(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, page, batch = 10, 5, 6
    monkeypatch.setattr(interning, "MOST_REMEMBERED", most)
    monkeypatch.setattr(interning, "PAGE", page)
    with session.connect(url) as connection:
        words, numbers = InternedStrings(connection), dict[str, int]()
        for first in range(0, 60, batch):
            some = [f"word {n}" for n in range(first, first + batch)]
            words.learn({*some})
            numbers |= {word: words.number(word) for word in some}
            assert len(words._strings) <= most + page + batch
        assert {words.word(number): number for number in numbers.values()} == numbers


def test_what_fails_together_with_the_commit_is_told_for_what_it_is(url: str) -> None:
    """However the answers come: psycopg may only say that the commit was passed over."""
    with session.connect(url) as connection:
        for _ in range(200):
            with pytest.raises(psycopg.errors.DivisionByZero):
                divide_by_zero(connection)
            assert connection.info.transaction_status is TransactionStatus.IDLE
        with session.quick_transaction(connection, ask(b"SELECT 2")) as quick:
            assert quick.cursor.fetchone() == (2,)


def test_what_fails_is_told_before_what_was_sent_behind_it(url: str) -> None:
    with session.connect(url) as connection:
        for _ in range(200):
            with pytest.raises(psycopg.errors.DivisionByZero), session.transaction(connection):
                divide_and_go_on(connection)


def divide_and_go_on(connection: session.Database) -> None:
    """By zero; what is behind it is passed over."""
    with session.sent_together(connection):
        session.raw(connection).execute(b"SELECT 1 / 0")
        session.raw(connection).execute(b"SELECT 1")


def test_work_is_done_once_while_the_answer_is_waited_for(url: str) -> None:
    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event = 'advisory'"""
    seen: list[int] = []
    with session.connect(url) as connection, psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(1)")

        def work() -> None:
            """The statement is with the server, and only this can let it end."""
            seen.append(wait_for("a statement that waits", lambda: count(other, waits)))
            other.execute("SELECT pg_advisory_unlock(1)")

        session.meanwhile(connection, work)
        connection.execute("SELECT pg_advisory_lock(1)")
        assert count(connection, "SELECT 7") == 7
    assert seen == [1]


def test_work_is_left_for_an_answer_that_is_waited_for(url: str) -> None:
    """What is sent together with COMMIT is answered with it."""
    order: list[str] = []
    with session.connect(url) as connection, psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(1)")

        def work() -> None:
            """Without it the statement would have no answer."""
            order.append("work")
            other.execute("SELECT pg_advisory_unlock(1)")

        with session.quick_transaction(connection, ask(b"SELECT 1")) as quick:
            quick.last()
            session.meanwhile(connection, work)
            quick.cursor.execute(b"SELECT pg_advisory_xact_lock(1)")
            order.append("sent")
        assert order == ["sent", "work"]


def test_no_work_is_left_by_a_quick_transaction(url: str) -> None:
    """Whether its last answer had to be waited for or not."""
    late: list[int] = []
    with session.connect(url) as connection:
        for number in range(100):
            done: list[int] = []
            with session.quick_transaction(connection, ask(b"SELECT 1")) as quick:
                quick.last()
                session.meanwhile(connection, partial(done.append, number))
                quick.cursor.execute(b"SELECT 2")
            before = [*done]
            assert count(connection, "SELECT 7") == 7
            late += done[len(before) :]
    assert late == []


def test_work_beside_a_statement_that_cannot_be_sent_is_forgotten(url: str) -> None:
    done: list[int] = []
    with session.connect(url) as connection:
        session.meanwhile(connection, lambda: done.append(1))
        with pytest.raises(psycopg.ProgrammingError, match="adapt"):
            connection.execute("SELECT %s", [object()])
        assert count(connection, "SELECT 7") == 7
    assert done == []


def count(connection: psycopg.Connection[tuple[Any, ...]], query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
