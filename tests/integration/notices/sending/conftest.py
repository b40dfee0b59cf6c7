"""A migrated database of the test's own, with notices in it; and senders that run for all tests.

Tests of running senders take shops of their own, and none leaves a provider in a mood.
"""

from collections.abc import Iterator

import pytest

from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from tests.support.engine import Engine
from tests.support.notices.rows import Rows, open_rows
from tests.support.notices.senders import Senders
from tests.support.servers import Databases


@pytest.fixture
def rows(postgres: Databases) -> Iterator[Rows]:
    url = postgres.migrated()
    try:
        with open_rows(url) as made:
            yield made
    finally:
        postgres.drop(url)


@pytest.fixture(scope="package")
def running(
    kafka: str,
    postgres: Databases,
    valkey_server: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Senders]:
    url = postgres.database()
    folder = tmp_path_factory.mktemp("senders")
    with Engine(kafka, url, f"{folder.name}.", folder) as engine, SinksProcess() as sinks:
        made = Senders(engine.prepare(), sinks, valkey_server.redis_url)
        yield made
        made.close()
    postgres.drop(url)


@pytest.fixture
def senders(running: Senders) -> Iterator[Senders]:
    yield running
    for provider in ("twilio", "mitake", "smtp"):
        running.sinks.become(provider, mood="normal")
    running.rows.check_meter()
