"""Fixtures every test may ask for. Servers start when the first test asks; unit tests never do."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.dev.stack import Stack, start_stack
from tests.support.servers import Databases

STATE = Path(__file__).parents[1] / ".local" / "tests"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One Kafka and one PostgreSQL for the whole run, over the ladder."""
    started = start_stack(STATE / f"run-{os.getpid()}")
    try:
        yield started
    finally:
        started.stop(wipe=True)


@pytest.fixture(scope="session")
def kafka(stack: Stack) -> str:
    """The bootstrap servers of the run's broker. Use names under `topic_prefix`: the broker is shared."""
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
