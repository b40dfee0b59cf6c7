"""Orders that come from others, where one has nearly all children that there are."""

from collections.abc import Iterator

import psycopg
import pytest

from store.orders import families
from store.postgres import migrate, session
from store.postgres.session import Database, raw
from tests.support.servers import Databases

CHILDREN = 60_000
"""So many that comparing each with each takes longer than any statement may."""


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    """A shop that names the same parent in all its orders; the statistics know it."""
    url = postgres.database()
    migrate.upgrade(url)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO family (merchant_no, parent_id, child_id)"
            " SELECT 1, %s, decode(lpad(to_hex(n), 24, '0'), 'hex') FROM generate_series(1, %s) n",
            [b"parent", CHILDREN],
        )
        owner.execute("INSERT INTO family (merchant_no, parent_id, child_id) VALUES (1, 'a', 'b')")
        owner.execute("VACUUM ANALYZE family")
    with session.connect(url) as made:
        yield made
    postgres.drop(url)


def test_the_descendants_of_a_parent_of_nearly_all_orders_are_found(connection: Database) -> None:
    below = families.descendants(raw(connection), [(1, b"parent")])
    assert len(below) == CHILDREN
