"""Doctor looks at progress: whatever stands still, or holds others up, has a line of its own."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import orjson
import psycopg
import pytest
from confluent_kafka import Consumer
from psycopg import sql

from cli.commands.doctor import server as server_lines
from deploy.local import postgres_local
from deploy.local.postgres_local import LocalPostgres
from store.postgres import session
from store.reads.doctor import server
from tests.support.account import moves
from tests.support.commands import points
from tests.support.database.pooler import pooled
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Trade


def lines(engine: Engine, about: str, **environment: str) -> list[dict[str, Any]]:
    ran = points({**engine.environment, **environment}, "doctor", "--json")
    return [f for f in orjson.loads(ran.out) if f["what"].startswith(about)]


def one(engine: Engine, about: str, **environment: str) -> dict[str, Any]:
    found = lines(engine, about, **environment)
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def administrator(engine: Engine) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(engine.database_url, autocommit=True) as connection:
        yield connection


def set_here(connection: psycopg.Connection[tuple[Any, ...]], name: str, value: str) -> None:
    database = sql.Identifier(connection.info.dbname)
    statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
    connection.execute(statement.format(database, sql.SQL(name), value))


Administrator = psycopg.Connection[tuple[Any, ...]]


def test_a_server_that_is_right_says_so(engine: Engine) -> None:
    assert (
        "encoding UTF8, sessions in UTF8, isolation read committed"
        in (one(engine, "server: encoding")["what"])
    )
    assert one(engine, "writes")["verdict"] == "ok"
    assert one(engine, "locks")["verdict"] == "ok"


def test_a_database_that_takes_no_writes_is_wrong(
    engine: Engine, administrator: Administrator
) -> None:
    set_here(administrator, "default_transaction_read_only", "on")
    ran = points(engine.environment, "doctor")
    assert ran.code == 7
    assert "✗ writes: refused: cannot execute" in ran.out


def test_commits_that_are_not_on_disk_are_warned_of(
    engine: Engine, administrator: Administrator
) -> None:
    set_here(administrator, "synchronous_commit", "off")
    assert one(engine, "server: synchronous_commit")["verdict"] == "warning"


@pytest.fixture
def unsafe(kafka: str, topic_prefix: str, tmp_path: Path, server_folder: Path) -> Iterator[Engine]:
    """An engine on a server that writes nothing to disk and takes prepared transactions."""
    if (lack := postgres_local.missing()) is not None:
        pytest.skip(lack)
    settings = {"fsync": "off", "max_prepared_transactions": "5"}
    server = LocalPostgres(server_folder / "postgres", settings=settings)
    try:
        server.launch()
        server.wait_ready()
        with Engine(kafka, server.database_url, topic_prefix, tmp_path) as made:
            yield made.prepare()
    finally:
        server.stop()


def test_a_server_without_fsync_and_a_prepared_transaction_are_named(unsafe: Engine) -> None:
    found = one(unsafe, "server: fsync")
    assert (found["verdict"], "set fsync = on" in found["remedy"]) == ("warning", True)
    with psycopg.connect(unsafe.database_url, autocommit=True) as administrator:
        administrator.execute("INSERT INTO recheck (kind, merchant_no, key) VALUES (1, 1, 'x')")
        administrator.execute("BEGIN")
        administrator.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        administrator.execute("CREATE TABLE left_open (x int)")
        administrator.execute("PREPARE TRANSACTION 'left-by-a-coordinator'")
        try:
            (lock,) = lines(unsafe, "locks")
            assert lock["verdict"] == "wrong"
            assert "held by prepared transaction left-by-a-coordinator" in lock["what"]
            assert "ROLLBACK PREPARED 'left-by-a-coordinator'" in lock["remedy"]
            name = "prepared transaction left-by-a-coordinator, database"
            wait_for("a line", lambda: name in str(lines(unsafe, "transactions")))
            assert name in one(unsafe, "recheck")["what"]
        finally:
            administrator.execute("ROLLBACK PREPARED 'left-by-a-coordinator'")
    assert one(unsafe, "locks")["verdict"] == "ok"


def test_what_a_restore_has_left_out_of_the_schema_is_named(
    engine: Engine, administrator: Administrator
) -> None:
    assert one(engine, "schema: all columns")["verdict"] == "ok"
    administrator.execute("ALTER TABLE purged_report DROP COLUMN reports")
    administrator.execute("DROP INDEX orders_unbound")
    administrator.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'due_soonest'::regclass"
    )
    columns, indexes = lines(engine, "schema: it lacks")
    assert columns["verdict"] == indexes["verdict"] == "wrong"
    assert columns["what"] == "schema: it lacks columns: purged_report.reports"
    assert indexes["what"].endswith("cannot be used: due_soonest, orders_unbound")


def test_sequences_that_stayed_behind_are_named(
    engine: Engine, administrator: Administrator
) -> None:
    assert one(engine, "sequence")["verdict"] == "ok"
    engine.merchant("shop")
    administrator.execute(
        """INSERT INTO account (account_no, merchant_no, member, sequence, available)
           SELECT (merchant_no::bigint << 40) + 4711, merchant_no, 'somebody', 0, 0 FROM merchant"""
    )
    administrator.execute("SELECT setval('merchant_merchant_no_seq', 7)")
    administrator.execute(
        "INSERT INTO merchant (merchant_no, merchant_id) OVERRIDING SYSTEM VALUE VALUES (9, 'late')"
    )
    merchants, accounts = sorted(lines(engine, "sequence"), key=lambda line: line["what"])[::-1]
    assert merchants["what"] == (
        "sequence merchant_merchant_no_seq: is at 7, and merchant.merchant_no has 9"
    )
    assert accounts["what"].endswith("account.account_no has 4,711")
    assert accounts["remedy"] == "as the owner: SELECT setval('account_no', 4711)"


def test_settings_that_cannot_be_read_any_more_are_named(
    engine: Engine, administrator: Administrator
) -> None:
    engine.merchant("shop")
    assert one(engine, "settings: 1 version can be read")["verdict"] == "ok"
    administrator.execute("UPDATE settings SET document = document - 'timezone'")
    found = one(engine, "settings: 1 version cannot be read")
    assert found["verdict"] == "wrong"
    assert "such as version 1 of shop: timezone is missing" in found["what"]
    assert points(engine.environment, "doctor").code == 3


def test_a_server_that_has_hardly_a_connection_left_is_warned_of(engine: Engine) -> None:
    assert one(engine, "connections")["verdict"] == "ok"
    with ExitStack() as stack:
        connections = [stack.enter_context(psycopg.connect(engine.database_url))]
        taken, allowed = server.connections(cast(Any, connections[0]))
        for _ in range(allowed - taken - server_lines.CONNECTIONS_LEFT + 2):
            stack.enter_context(psycopg.connect(engine.database_url))
        found = one(engine, "connections")
    assert found["verdict"] == "warning"
    assert "operators, may find none" in found["what"]


def test_a_login_that_owns_the_tables_is_warned_of(
    engine: Engine, administrator: Administrator
) -> None:
    assert "owns the tables" in one(engine, "login")["what"]
    name = f"worker_{administrator.info.dbname}"
    role = sql.Identifier(name)
    administrator.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'w' IN ROLE points_app").format(role)
    )
    try:
        url = psycopg.conninfo.conninfo_to_dict(engine.database_url)
        own = f"postgresql://{name}:w@{url['host']}:{url.get('port', 5432)}/{url['dbname']}"
        found = one(engine, "login", POINTS_DATABASE__URL=own)
        assert found["verdict"] == "ok", found
    finally:
        administrator.execute(sql.SQL("DROP ROLE {}").format(role))


def test_transaction_pooling_is_wrong(engine: Engine) -> None:
    with pooled(engine.database_url) as through:
        ran = points({**engine.environment, "POINTS_DATABASE__URL": through}, "doctor")
        refused = engine.run("grants", POINTS_DATABASE__URL=through)
        assert refused.wait() == 2
    assert ran.code == 2
    assert "pooler" in ran.out
    assert "pooler" in refused.lines("refused")[-1]["why"]


@pytest.mark.parametrize("table", ["outbox", "alembic_version"])
def test_a_lock_is_what_doctor_ends_with_though_it_cannot_read_the_table(
    engine: Engine, table: str
) -> None:
    with psycopg.connect(engine.database_url) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        ran = points(engine.environment, "doctor")
    # PostgreSQL itself answers: 1, not the 7 of a server that cannot be reached.
    assert ran.code == 1
    first = next(line for line in ran.out.splitlines() if line.startswith("✗"))
    assert first.startswith(f"✗ locks: {table} (AccessExclusiveLock) is held by pid ")


@pytest.mark.parametrize("table", ["orders", "notices.provider", "notices.notice"])
def test_who_locks_a_table_is_named(engine: Engine, table: str) -> None:
    with psycopg.connect(engine.database_url, application_name="psql") as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        found, info = one(engine, "locks"), other.info
        holder = f"{table} (AccessExclusiveLock) is held by pid {info.backend_pid} (psql)"
        assert holder in found["what"]
        assert f"database {info.dbname}, user {info.user}, since 20" in found["what"]
    assert found["verdict"] == "wrong"


def test_a_transaction_that_rechecks_wait_for_is_named(
    engine: Engine, administrator: Administrator
) -> None:
    administrator.execute("INSERT INTO recheck (kind, merchant_no, key) VALUES (1, 1, 'x')")
    assert one(engine, "recheck")["verdict"] == "ok"
    maintenance = psycopg.conninfo.make_conninfo(engine.database_url, dbname="postgres")
    with psycopg.connect(maintenance) as other:
        other.execute("CREATE TABLE left_open (x int)")
        named = rf"pid {other.info.backend_pid}.*database postgres, user .*, since 20"
        wait_for("the name", lambda: re.search(named, one(engine, "recheck")["what"]))
        wait_for("a line", lambda: re.search(named, str(lines(engine, "transactions"))))
        other.rollback()


def test_workers_that_do_not_run_or_are_not_ready_are_said(
    engine: Engine, administrator: Administrator
) -> None:
    missing = one(engine, "worker grants")
    assert missing["what"] == "worker grants: none is running"
    assert missing["remedy"] == "`points run all`"
    worker = engine.run("grants").wait_ready()
    assert one(engine, "worker expiry")["remedy"] == "`points run expiry`, or all"
    assert one(engine, "worker grants")["what"] == "worker grants: 1 running"
    administrator.execute(
        "INSERT INTO worker_beat SELECT 'relay', 'here', points_now(), points_now(), 'kafka: down'"
    )
    assert "not ready: kafka: down" in one(engine, "worker relay")["what"]
    assert worker.terminate() == 0
    assert one(engine, "worker grants")["what"] == "worker grants: none is running"


def test_a_worker_that_is_started_again_and_again_is_wrong(
    engine: Engine, administrator: Administrator
) -> None:
    administrator.execute(
        "INSERT INTO worker_beat SELECT 'expiry', n::text, points_now() - 9000000,"
        " points_now() - 1000000, 'ended: SystemError' FROM generate_series(1, 3) n"
    )
    found = one(engine, "worker expiry")
    assert found["verdict"] == "wrong"
    assert "3 times in ten minutes, the last time: ended: SystemError" in found["what"]


def test_a_cursor_that_stands_while_its_log_grows_is_wrong(
    engine: Engine, administrator: Administrator
) -> None:
    engine.merchant("shop-a")
    records = Trade(20, ["shop-a"]).records()
    engine.produce(records)
    worker = engine.run("intake")
    engine.wait_consumed(len(records))
    assert worker.terminate() == 0
    assert one(engine, "lag")["what"] == "lag: 0 records, and no cursor stands"
    engine.produce(records)
    administrator.execute("UPDATE cursor SET updated_us = points_now() - 61000000")
    ran = points(engine.environment, "doctor")
    assert ran.code == 4
    assert "stands at" in ran.out
    assert "records behind" in ran.out


def test_a_cursor_that_was_just_made_does_not_stand(engine: Engine) -> None:
    engine.merchant("shop-a")
    assert engine.run("intake").wait_ready().terminate() == 0
    records = Trade(20, ["shop-a"]).records()
    engine.produce(records)
    assert one(engine, "lag")["what"] == f"lag: {len(records)} records, and no cursor stands"


def test_a_group_shared_with_another_installation_is_wrong(engine: Engine) -> None:
    engine.run("intake").wait_ready()
    group = f"{engine.environment['POINTS_KAFKA__GROUP_ID']}.intake"
    ours = "1 read a topic, all of this database"
    assert one(engine, f"group {group}")["what"].endswith(ours)
    another = Consumer(
        {
            "bootstrap.servers": engine.bootstrap,
            "group.id": group,
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": "error",
        }
    )
    another.subscribe([engine.topics["orders"]])
    try:
        wait_for("a member", lambda: another.poll(0.2) or another.assignment())
        found = one(engine, f"group {group}")
    finally:
        another.close()
    assert found["verdict"] == "wrong"
    assert "2 read a topic, and 1 workers of this database do" in found["what"]
    commands = group.replace("intake", "commands")
    assert one(engine, f"group {commands}")["verdict"] == "ok"


def test_an_outbox_row_that_waits_too_long_is_wrong_and_why_is_said(
    engine: Engine,
) -> None:
    engine.merchant("shop-a")
    engine.move_clock(120)
    found = [f for f in lines(engine, "outbox") if f["verdict"] == "wrong"]
    assert len(found) == 1
    assert "no relay is running" in found[0]["what"]
    assert found[0]["remedy"] == "`points run relay` sends them"


def test_rows_that_the_broker_refused_are_wrong(
    engine: Engine, administrator: Administrator
) -> None:
    administrator.execute(
        "INSERT INTO outbox_refused (shard, id, kind, layout, topic, size, reason, refused_us)"
        " VALUES (4, 1, 3, 1, 'dlq.points.orders', 9000000, 'MSG_SIZE_TOO_LARGE', 1)"
    )
    found = [f for f in lines(engine, "outbox") if f["verdict"] == "wrong"]
    assert "dlq.points.orders: row 1, 9,000,000 bytes, MSG_SIZE_TOO_LARGE" in found[0]["what"]


def test_a_hold_that_nobody_releases_is_said(engine: Engine, administrator: Administrator) -> None:
    engine.merchant("shop")
    assert one(engine, "holds")["what"] == "holds: 0 live, none is overdue"
    with session.connect(engine.database_url) as connection:
        moves.assign(connection, "shop", "ann", 50)
        moves.hold(connection, "shop", "ann", "cart-1", 20, seconds=60)
        moves.hold(connection, "shop", "ann", "cart-2", 10, seconds=86_400)
    assert one(engine, "holds")["what"] == "holds: 2 live, none is overdue"
    engine.move_clock(63)
    status = points(engine.environment, "status", "--json").json
    assert status["holds"] == {"live": 1, "overdue": 0, "oldest": None}
    engine.move_clock(70)
    found = one(engine, "holds")
    assert found["verdict"] == "warning"
    assert found["what"].startswith("holds: 1 ended and are not released yet, the oldest at 20")
    status = points(engine.environment, "status", "--json").json
    assert (status["holds"]["live"], status["holds"]["overdue"]) == (1, 1)
    assert "1 of them have ended" in points(engine.environment, "status").out
    administrator.execute(
        "INSERT INTO worker_beat SELECT 'expiry', 'here', points_now(), points_now(), NULL"
    )
    found = one(engine, "holds")
    assert found["verdict"] == "wrong"
    assert found["what"].endswith("though an expiry worker runs")


def test_the_read_model_has_a_line_of_its_own(engine: Engine, valkey: str) -> None:
    assert "off" in one(engine, "read model")["what"]
    down = one(engine, "read model: Redis", POINTS_REDIS__URL="redis://127.0.0.1:1")
    assert (down["verdict"], "does not answer" in down["what"]) == ("wrong", True)
    idle = one(engine, "read model", POINTS_REDIS__URL=valkey)
    assert idle["what"] == "read model: no worker has followed the changes yet"
    engine.merchant("shop")
    with session.connect(engine.database_url) as connection:
        moves.assign(connection, "shop", "ann", 5)
        engine.run("relay").wait_ready()
        follower = engine.run("readmodel", POINTS_REDIS__URL=valkey).wait_ready()
        moves.assign(connection, "shop", "ann", 5)
        about = "read model: Redis answers, 0 changes behind"
        wait_for(about, lambda: lines(engine, about, POINTS_REDIS__URL=valkey))
        assert follower.terminate() == 0
        moves.assign(connection, "shop", "ann", 5)
        engine.wait_published()
    about = "read model: Redis answers, 1 change behind"
    assert one(engine, "read model", POINTS_REDIS__URL=valkey)["what"] == about
    here = {**engine.environment, "POINTS_REDIS__URL": valkey}
    model = points(here, "status", "--json").json["read_model"]
    assert (model["trouble"], model["lag"], model["lag_seconds"] >= 0) == (None, 1, True)
    assert points(engine.environment, "status", "--json").json["read_model"] is None
