"""A batch that computes for too long in its transaction: PostgreSQL ends the session."""

import os
import signal
from collections.abc import Iterator

import psycopg
import pytest

from processors.runtime.configuration import Configuration
from processors.runtime.health import Health
from processors.runtime.loop import Loop
from processors.runtime.stopping import Stop
from processors.runtime.worker import DatabaseWorker
from store.postgres.session import transaction
from tests.support.engine import wait_for
from tests.support.in_process import InProcessEngine


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


def has_session(engine: InProcessEngine, pid: int) -> bool:
    """Whether the server has a session of this number."""
    with psycopg.connect(engine.database_url) as connection:
        found = connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    return found is not None
