"""A batch of the worker, and settings that are applied at the same time: one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any

import orjson
import pytest

from processors.bulk import running
from processors.bulk.making import Wanted, make_job
from processors.bulk.running import run_job
from processors.bulk.shops import shop_of
from processors.commands.batch import Commands
from processors.pipeline.pipeline import COMMANDS, INTAKE, Pipeline
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record as Consumed
from store.postgres import session
from store.settings.turns import slot_of
from store.streams import cursors
from store.streams.cursors import PartitionId
from tests.support.account.desk import ANN, SHOP, Desk
from tests.support.account.meanwhile import once_meanwhile
from tests.support.engine import (
    PATIENCE,
    wait_for,
)
from tests.support.in_process import Message
from tests.support.upstream import Json, Record

PLACE = PartitionId("points.commands.v1", "a topic", 0)
ORDERS = PartitionId("commerce.orders.v1", "another topic", 0)
OTHER = "tea house"


class Worker:
    """Batches of commands on a connection of their own, from one partition."""

    cluster = "a cluster"
    generation = 0

    def __init__(self, url: str) -> None:
        self.connection = session.connect(url, name="worker")
        start = cursors.start(session.raw(self.connection), COMMANDS, self.cluster, PLACE, 0)
        self.positions = {PLACE: start}
        content = {"kafka": {"bootstrap_servers": "nowhere"}, "database": {"url": url}}
        configuration = Configuration.model_validate(content)
        feed: Any = self
        pipeline = Pipeline(COMMANDS, configuration, feed)
        self._commands = Commands(configuration, pipeline, self.connection)
        self.codes: list[str] = []

    def done(self, offsets: dict[PartitionId, int]) -> None:
        self.positions.update(offsets)

    def apply(self, *contents: Json) -> None:
        """Commands in a batch of their own."""
        records = []
        for at, content in enumerate(contents, self.positions[PLACE]):
            message: Any = Message(Record("commands", None, orjson.dumps(content)), PLACE, at, 0)
            records.append(Consumed(PLACE, at, message))
        self.codes += [code for _, code in self._commands.process(records).answers]


@pytest.fixture
def worker(desk: Desk) -> Iterator[Worker]:
    opened = Worker(desk.url)
    yield opened
    opened.connection.close()


def test_a_batch_waits_for_settings_that_are_being_applied(desk: Desk, worker: Worker) -> None:
    deciding = threading.Thread(target=worker.apply, args=[desk.command("assign")], daemon=True)
    with session.transaction(desk.connection):
        desk.settle_in("shop", enabled=False)
        deciding.start()
        wait_for("the batch to wait", partial(desk.waits, "worker"))
    deciding.join(PATIENCE)
    assert worker.codes == ["feature_off"]


def test_settings_wait_for_a_batch_in_hand(
    desk: Desk, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    applying = threading.Thread(target=lambda: desk.settle_in("shop", enabled=False), daemon=True)

    def applies() -> None:
        applying.start()
        wait_for("the settings to wait", partial(desk.waits, "desk"))

    once_meanwhile(monkeypatch, applies)
    worker.apply(desk.command("assign"))
    applying.join(PATIENCE)
    assert worker.codes == ["ok"]
    assert desk.rows("SELECT count(*) FROM settings") == [(2,)]


@contextmanager
def settings_that_wait(desk: Desk) -> Iterator[None]:
    """The shop's settings are being applied: they wait for its job, and that for an account.

    When it ends, so does the waiting, and they are applied.
    """
    desk.do("assign")
    with desk.another("keeping") as keeping, desk.another("job") as job:
        shop = shop_of(job.connection, SHOP)
        file = BytesIO(f"member_id,points\n{ANN},10\n".encode())
        key = make_job(shop, Wanted(file, "file", "june", "thanks", "mei"))
        threads = {
            "job": threading.Thread(target=run_job, args=[shop, key], daemon=True),
            "desk": threading.Thread(
                target=lambda: desk.settle_in(SHOP, enabled=False), daemon=True
            ),
        }
        with (
            pytest.MonkeyPatch.context() as patched,
            session.transaction(keeping.connection) as cursor,
        ):
            patched.setattr(running, "GIVES_WAY", ("60s", "75s"))  # the scene stays as it is
            cursor.execute(b"SELECT FROM account FOR UPDATE")
            for name, thread in threads.items():
                thread.start()
                wait_for(f"{name} to wait", partial(desk.waits, name))
            yield
            assert desk.waits("desk")
        for thread in threads.values():
            thread.join(PATIENCE)
    assert desk.rows(
        "SELECT available FROM account JOIN merchant USING (merchant_no) WHERE merchant_id = %s",
        SHOP,
    ) == [(110,)]


def test_commands_of_others_go_on_beside_settings_that_wait(desk: Desk, worker: Worker) -> None:
    assert slot_of(OTHER) != slot_of(SHOP)
    desk.settle_in(OTHER)
    with settings_that_wait(desk):
        worker.apply(desk.command("assign", merchant_id=OTHER))
        assert worker.codes == ["ok"]


def test_settings_of_others_are_applied_beside_settings_that_wait(desk: Desk) -> None:
    with settings_that_wait(desk), desk.another("other") as other:
        other.settle_in(OTHER)
    assert desk.rows("SELECT count(*) FROM settings") == [(3,)]


def test_orders_go_on_beside_settings_that_wait(desk: Desk) -> None:
    with session.connect(desk.url) as intake:
        cursor = session.raw(intake)
        cursors.start(cursor, INTAKE, "a cluster", ORDERS, 0)
        with settings_that_wait(desk):
            with session.transaction(intake) as batch:
                cursors.open_batch(batch, INTAKE, "a cluster", {ORDERS: 0})
            cursors.start(cursor, INTAKE, "a cluster", ORDERS._replace(partition=1), 0)


def test_a_batch_waits_for_the_settings_of_each_of_its_merchants(
    desk: Desk, worker: Worker
) -> None:
    desk.settle_in(OTHER)
    desk.later(1)
    both = [desk.command("assign", merchant_id=merchant) for merchant in (OTHER, SHOP)]
    deciding = threading.Thread(target=worker.apply, args=both, daemon=True)
    with session.transaction(desk.connection):
        desk.settle_in(SHOP, enabled=False)
        deciding.start()
        wait_for("the batch to wait", partial(desk.waits, "worker"))
    deciding.join(PATIENCE)
    assert sorted(worker.codes) == ["feature_off", "ok"]
