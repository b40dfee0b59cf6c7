"""A lane's database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.notices.lane import Lane
from tests.support.servers import Databases


@pytest.fixture
def lane(postgres: Databases, tmp_path: Path) -> Iterator[Lane]:
    url = postgres.migrated()
    made = Lane(url, tmp_path)
    try:
        yield made
    finally:
        made.close()
        postgres.drop(url)
