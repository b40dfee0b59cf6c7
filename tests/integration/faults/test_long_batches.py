"""A batch that computes for long: in its transaction PostgreSQL ends the session.

Before it the worker must not be taken for dead: it would be given the same batch again.
"""

import os
import signal
from collections.abc import Iterator

import psycopg
import pytest

from processors.intake.worker import IntakeWorker
from processors.runtime.configuration import Configuration
from processors.runtime.health import Health
from processors.runtime.loop import Loop
from processors.runtime.stopping import Stop
from processors.runtime.worker import DatabaseWorker
from store.postgres.session import transaction
from tests.support.engine import wait_for
from tests.support.in_process import InProcessEngine
from tests.support.parcels import ANNA, M
from tests.support.upstream import Record, hex_id, order


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A Stop takes the process's signals; they are given back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_batch_that_is_cut_off_for_its_length_comes_again_smaller(
    in_process: InProcessEngine,
) -> None:
    shares: list[float] = []

    class Slow(DatabaseWorker):
        """Computes for as long as its batch is whole."""

        def turn(self) -> float:
            shares.append(self.batch_share)
            if self.batch_share < 1 or len(shares) > 3:
                os.kill(os.getpid(), signal.SIGTERM)
                return 0.0
            pid = self._connection.info.backend_pid
            with transaction(self._connection) as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
                wait_for("the end of the session", lambda: not has_session(in_process, pid))
                cursor.execute("SELECT 1")
            return 0.0

    configuration = Configuration.model_validate(
        {
            "kafka": {"bootstrap_servers": "nowhere"},
            "database": {"url": in_process.database_url},
        }
    )
    health = Health("grants", configuration.metrics.stalled_after)
    Loop("grants", Slow.create, configuration, health, Stop()).run()
    assert shares == [1.0, 0.5]


def test_a_worker_says_that_it_lives_while_it_reads_and_decides_a_batch(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.intake.decoding.TELL_SECONDS", -1.0)
    unreadable = [Record("orders", None, b"{") for _ in range(7)]
    in_process.first.consume(*unreadable)
    read = in_process.first.told
    assert read >= len(unreadable)
    in_process.first.consume(order(M, hex_id("one"), ANNA, 100, delivery="arrived"))
    assert in_process.first.told >= read + len(["read", "folded", "decided", "written"])


def test_the_loop_is_told_now_and_then_only(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 0.4, 0.8, 1.2, 1.2, 1.6, 2.0])
    monkeypatch.setattr("processors.intake.decoding.monotonic", lambda: next(seconds))
    before = in_process.first.told
    in_process.first.consume(*[Record("orders", None, b"{") for _ in range(5)])
    of_the_batch = len(["folded", "decided", "written"])
    assert in_process.first.told - before == 1 + of_the_batch


def test_an_intakes_batches_tell_the_loop_of_the_intake(in_process: InProcessEngine) -> None:
    worker = object.__new__(IntakeWorker)
    worker._still_turning = lambda: True
    configuration = Configuration.model_validate(
        {
            "kafka": {"bootstrap_servers": "nowhere"},
            "database": {"url": in_process.database_url},
        }
    )
    first = in_process.first
    batches = worker.batches(configuration, first.intake._pipeline, first.connection)
    assert batches._still_turning is worker._still_turning


def has_session(engine: InProcessEngine, pid: int) -> bool:
    """Whether the server has a session of this number."""
    with psycopg.connect(engine.database_url) as connection:
        found = connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    return found is not None
