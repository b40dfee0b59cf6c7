"""A database for the ledger alone, and a transaction at a time on it."""

from collections.abc import Iterator

import psycopg
import pytest

from store.postgres import session
from tests.integration.store.ledger.books import Books
from tests.support.servers import Databases


@pytest.fixture
def database_url(postgres: Databases) -> Iterator[str]:
    """An empty, migrated database."""
    url = postgres.migrated()
    try:
        yield url
    finally:
        postgres.drop(url)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """The accounts of one shop."""
    with (
        session.connect(database_url) as connection,
        psycopg.connect(database_url, autocommit=True) as looking,
    ):
        yield Books(connection, looking)
