"""Fixtures every test may ask for. Servers start when the first test asks; unit tests never do."""

import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack, start_stack
from tests.support.engine import Engine
from tests.support.in_process import Desk
from tests.support.parcels import OTHER, M
from tests.support.servers import Databases

STATE = Path(__file__).parents[1] / ".local" / "tests"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One Kafka and one PostgreSQL for the whole run, over the ladder."""
    # A run that is told to end (a time limit, a closed terminal) stops its servers as one that is
    # interrupted does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    state = STATE / f"run-{os.getpid()}"
    try:
        with start_stack(state) as started:
            yield started
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(stack: Stack) -> str:
    """The bootstrap servers of the run's broker.

    Use names under `topic_prefix`: the broker is shared.
    """
    return stack.bootstrap_servers


@pytest.fixture(scope="session")
def postgres(stack: Stack) -> Iterator[Databases]:
    """The run's PostgreSQL: `.admin_url`, and `.database()` for an empty database of one's own."""
    databases = Databases(stack.database_url)
    yield databases
    databases.drop_all()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for the names of topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def engine(kafka: str, postgres: Databases, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database and topics of the test's own; see tests/support/engine.py."""
    url = postgres.database()
    try:
        with Engine(kafka, url, topic_prefix, tmp_path) as made:
            yield made.prepare()
    finally:
        postgres.drop(url)


@pytest.fixture
def desk(postgres: Databases, tmp_path: Path) -> Iterator[Desk]:
    """A migrated database with two merchants' settings, and workers in the test's own hand.

    See tests/support/in_process.py.
    """
    url = postgres.database()
    try:
        with Desk(url, tmp_path) as made:
            made.migrate()
            made.merchant(M)
            made.merchant(OTHER)
            yield made
    finally:
        postgres.drop(url)
