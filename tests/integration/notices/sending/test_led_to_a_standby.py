"""Senders whose connections lead to a server that takes no writes, as after a failover."""

import asyncio

import psycopg
import pytest

from deploy.local.sinks.process import SinksProcess
from processors.notices.sending.thread import ConnectionThread
from store.postgres.session import Database, raw
from tests.support.database.read_only import READ_ONLY, led_to_a_standby
from tests.support.engine import Engine, wait_for
from tests.support.notices.rows import Rows
from tests.support.notices.running import environment_of


def test_a_sender_that_was_led_to_a_standby_goes_on_when_it_would_be_led_to_the_primary(
    engine: Engine,
) -> None:
    with SinksProcess() as sinks:
        sender = engine.run("notices-send", **environment_of(engine.folder, sinks)).wait_ready()
        with led_to_a_standby(engine):
            wait_for("the reason", lambda: "read-only transaction" in sender.get("/readyz")[1])
        sender.wait_ready()


def test_a_loop_leaves_a_connection_that_takes_no_writes(rows: Rows) -> None:
    made: list[Database] = []

    def connected() -> Database:
        made.append(rows.connect())
        if len(made) == 1:
            made[0].execute(f"SET {READ_ONLY} = on".encode())
        return made[-1]

    def write(connection: Database) -> None:
        raw(connection).execute("UPDATE notices.settings_epoch SET epoch = epoch")

    async def twice() -> None:
        thread = ConnectionThread("test", connected)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await thread.connected(write)
        await thread.connected(write)
        await thread.close()

    asyncio.run(twice())
    assert len(made) == 2
