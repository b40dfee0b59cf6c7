"""A migrated database of the test's own, with notices in it."""

from collections.abc import Iterator

import pytest

from store.postgres import migrate
from tests.support.notices.rows import Rows, open_rows
from tests.support.servers import Databases


@pytest.fixture
def rows(postgres: Databases) -> Iterator[Rows]:
    url = postgres.database()
    try:
        migrate.upgrade(url)
        with open_rows(url) as made:
            yield made
    finally:
        postgres.drop(url)
