"""Whose plans are due, when there are too many to look at all of them."""

from collections.abc import Iterator

import psycopg
import pytest

from store.orders import due
from store.postgres import session
from store.postgres.session import Database, raw
from tests.support.servers import Databases

BIG, OTHERS = 1, range(2, 12)
PROBES = 4


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    """One merchant with an old plan for each minute; others with one each, due later than those."""
    url = postgres.migrated()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO due SELECT 1, points_now() - n::bigint * 60000000, int4send(n) "
            "FROM generate_series(1000, 1099) n"
        )
        owner.execute(
            "INSERT INTO due SELECT m, points_now() - 60000000, 'o' FROM generate_series(2, 11) m"
        )
        owner.execute("INSERT INTO due VALUES (12, points_now() + 3600000000, 'o')")
    with session.connect(url) as made:
        yield made
    postgres.drop(url)


def test_all_that_is_due_is_found_where_there_is_little(connection: Database) -> None:
    found = due.due_merchants(raw(connection))
    assert found.merchants == [BIG, *OTHERS]
    assert found.behind == 0


def test_a_merchant_with_very_many_older_plans_does_not_hide_the_others(
    connection: Database,
) -> None:
    seen: list[list[int]] = []
    behind = 0
    for _ in range(5):
        found = due.due_merchants(raw(connection), behind, PROBES)
        assert found.merchants[0] == BIG
        seen.append(found.merchants[1:])
        behind = found.behind
    # The last of the third look-up's probes met the merchant whose plan is not due yet.
    assert seen == [[2, 3, 4], [5, 6, 7, 8], [9, 10, 11], [], [2, 3, 4]]


def test_nothing_is_due(connection: Database) -> None:
    with psycopg.connect(connection.info.dsn, password=connection.info.password) as owner:
        owner.execute("DELETE FROM due WHERE due_us <= points_now()")
    found = due.due_merchants(raw(connection))
    assert (found.merchants, found.behind) == ([], 0)
