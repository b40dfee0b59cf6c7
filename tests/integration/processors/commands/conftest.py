"""A desk for commands on a database of its own."""

from collections.abc import Iterator

import pytest

from tests.support.account.desk import Desk
from tests.support.servers import Databases


@pytest.fixture
def desk(postgres: Databases) -> Iterator[Desk]:
    """An empty, migrated database with one shop; the clock stands."""
    url = postgres.migrated()
    opened = Desk(url).open()
    try:
        yield opened
    finally:
        opened.close()
        postgres.drop(url)
