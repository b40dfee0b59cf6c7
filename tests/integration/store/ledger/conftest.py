"""A database for the ledger alone, and a transaction at a time on it."""

from collections.abc import Iterator

import psycopg
import pytest

from store.postgres import migrate, session
from tests.integration.store.ledger.books import Books
from tests.support.servers import Databases


@pytest.fixture
def books(postgres: Databases) -> Iterator[Books]:
    """An empty, migrated database with the accounts of one shop."""
    url = postgres.database()
    try:
        migrate.upgrade(url)
        with session.connect(url) as connection, psycopg.connect(url, autocommit=True) as looking:
            yield Books(connection, looking)
    finally:
        postgres.drop(url)
