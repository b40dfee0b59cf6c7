"""Fixtures every test may ask for. Servers start when the first test asks; unit tests never do."""

import os
import shutil
import signal
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import psutil
import pytest
import redis

from deploy.local.stack import Stack, start_stack
from tests.support import must_run
from tests.support.engine import TOPICS, Engine
from tests.support.in_process import InProcessEngine
from tests.support.machine import loaded, memory_folder
from tests.support.parcels import OTHER, M
from tests.support.servers import Databases, log_in_quickly

SECONDS_TO_STOP = 60.0
"""A busy machine takes long to stop a broker."""
hypothesis.settings.register_profile(
    # How fast a machine draws is no fact about the product.
    "any machine",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")
_SERVERS = {"kafka_server", "postgres_server", "valkey_server"}
STATE = memory_folder.folder(otherwise=Path(__file__).parents[1] / ".local" / "tests")


def pytest_sessionstart() -> None:
    """Let a run that a time limit or a closed terminal ends stop its servers, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    memory_folder.remove_dead(STATE)


@pytest.hookimpl(trylast=True)  # after what shuffles them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: at the end one of them would hold up the run alone.

    Files are what a run's processes share out (Makefile); they stay whole, in random order.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    served = {item.path for item in items if _SERVERS.intersection(_fixtures(item))}
    items.sort(key=lambda item: (item.path not in slow, item.path not in served))


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let an interrupted run's processes stop their servers before pytest-xdist kills them."""
    if exitstatus == pytest.ExitCode.INTERRUPTED and session.config.getoption("numprocesses"):
        processes = psutil.Process().children()
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, timeout=SECONDS_TO_STOP)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show how to get the same random order again, which `-q` leaves out."""
    seed = config.getoption("randomly_seed", default=None)  # None without the plugin
    failed = terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")
    if failed and seed is not None:
        terminalreporter.write_line(f"again in this order: --randomly-seed={seed}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no skipped test pass where everything must run; see tests/support/must_run.py.

    A failed one shows what its workers said: elsewhere nobody can look into their files.
    """
    report = must_run.judged((yield))
    engine = getattr(item, "funcargs", {}).get("engine")
    if report.failed and isinstance(engine, Engine):
        report.sections.extend(engine.said())
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Nor a skipped file."""
    return must_run.judged((yield))


@contextmanager
def serving(part: str) -> Iterator[Stack]:
    """One server over the ladder, for as long as this process runs tests."""
    state = STATE / f"run-{os.getpid()}-{part}"
    try:
        with start_stack(state, parts=[part], throwaway=True) as started:
            yield started
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for a PostgreSQL of the test's own.

    Not one of pytest's: each run that begins closes the folder above them (0700) to the user that
    the server runs as when we are root, and another run may be under way.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[Stack]:
    """The run's Kafka."""
    with serving("kafka") as started:
        yield started


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Stack]:
    """The run's PostgreSQL."""
    with serving("postgres") as started:
        if started.postgres is not None:  # not one that the environment names
            log_in_quickly(started.database_url)
        yield started


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Stack]:
    """The run's Valkey."""
    with serving("valkey") as started:
        if not started.redis_url:
            pytest.skip("there is no Valkey here (make setup)")
        yield started


@pytest.fixture
def valkey(valkey_server: Stack) -> str:
    """The URL of the run's Valkey, emptied for the test."""
    client = redis.Redis.from_url(valkey_server.redis_url)
    client.flushall()
    client.close()
    return valkey_server.redis_url


@pytest.fixture(scope="session")
def stack(kafka_server: Stack, postgres_server: Stack) -> Stack:
    """Both servers, for tests that restart them or hand on their addresses."""
    return replace(
        postgres_server,
        bootstrap_servers=kafka_server.bootstrap_servers,
        kafka_rung=kafka_server.kafka_rung,
        kafka=kafka_server.kafka,
        processes=[*kafka_server.processes, *postgres_server.processes],
        services=[],  # who started them stops them
    )


@pytest.fixture(scope="session")
def kafka(kafka_server: Stack) -> str:
    """The bootstrap servers of the run's broker; PostgreSQL is not started for it.

    Use names under `topic_prefix`: the broker is shared.
    """
    return kafka_server.bootstrap_servers


@pytest.fixture(scope="session")
def postgres(postgres_server: Stack) -> Iterator[Databases]:
    """The run's PostgreSQL, with `.migrated()` for a database of one's own, `.database()` if empty.

    Kafka is not started for it.
    """
    databases = Databases(postgres_server.database_url)
    yield databases
    databases.drop_all()


@pytest.fixture
def started_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of the test are started as an operator starts them; see tests/support/machine.

    For tests of many workers at once: each start costs a second more of CPU.
    """
    monkeypatch.setenv(loaded.PLAINLY, "1")


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for the names of topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def engine(kafka: str, postgres: Databases, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database and topics of the test's own; see tests/support/engine.py."""
    url = postgres.migrated()
    try:
        with Engine(kafka, url, topic_prefix, tmp_path) as made:
            made.create_topics(*TOPICS)
            yield made
    finally:
        postgres.drop(url)


@pytest.fixture
def in_process(postgres: Databases, tmp_path: Path) -> Iterator[InProcessEngine]:
    """A migrated database with two merchants' settings, and workers inside the test's process.

    See tests/support/in_process.py.
    """
    url = postgres.migrated()
    try:
        with InProcessEngine(url, tmp_path) as made:
            made.merchant(M)
            made.merchant(OTHER)
            yield made
    finally:
        postgres.drop(url)
