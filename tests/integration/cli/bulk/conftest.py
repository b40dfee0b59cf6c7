"""A desk whose shop's staff work with files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account.desk import Desk
from tests.support.account.jobs import JobDesk
from tests.support.servers import Databases


@pytest.fixture
def jobs(postgres: Databases, tmp_path: Path) -> Iterator[JobDesk]:
    """An empty, migrated database with one shop; the clock stands."""
    url = postgres.migrated()
    opened = Desk(url).open()
    try:
        yield JobDesk(opened, tmp_path)
    finally:
        opened.close()
        postgres.drop(url)
