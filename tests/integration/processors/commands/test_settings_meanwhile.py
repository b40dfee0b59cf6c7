"""A batch of the worker, and settings that are applied at the same time: one after the other."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pytest

from processors.commands.batch import Commands
from processors.pipeline.pipeline import COMMANDS, Pipeline
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record as Consumed
from store.postgres import session
from store.streams import cursors
from store.streams.cursors import PartitionId
from tests.support.account.desk import Desk
from tests.support.account.meanwhile import once_meanwhile
from tests.support.engine import wait_for
from tests.support.in_process import Message
from tests.support.upstream import Json, Record

PLACE = PartitionId("points.commands.v1", "a topic", 0)


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

    def apply(self, content: Json) -> None:
        """One command in a batch of its own."""
        at = self.positions[PLACE]
        message: Any = Message(Record("commands", None, orjson.dumps(content)), PLACE, at, 0)
        answers = self._commands.process([Consumed(PLACE, at, message)]).answers
        self.codes += [code for _, code in answers]


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
    deciding.join(30)
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
    applying.join(30)
    assert worker.codes == ["ok"]
    assert desk.rows("SELECT count(*) FROM settings") == [(2,)]
