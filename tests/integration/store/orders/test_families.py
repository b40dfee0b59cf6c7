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


def test_the_children_of_a_parent_of_nearly_all_orders_are_found_page_by_page(
    connection: Database,
) -> None:
    found, after = [], b""
    while page := families.children(raw(connection), 1, b"parent", after, 25_000):
        found += page
        after = page[-1]
    assert len(found) == len(set(found)) == CHILDREN


def test_whoever_has_children_is_found_among_thousands_without_looking_at_all_of_them(
    connection: Database,
) -> None:
    asked = [(1, b"parent"), (1, b"a"), (2, b"a")]
    asked += [(1, number.to_bytes(12)) for number in range(20_000)]
    assert sorted(families.parents(raw(connection), asked)) == [(1, b"a"), (1, b"parent")]
