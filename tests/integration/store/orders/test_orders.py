"""Orders' rows, written by two workers that hear of a new order at the same time."""

from collections.abc import Iterator

import pytest

from rules.order.facts import CarrierReport, OrderFacts
from schemas.carriers.meaning import Meaning
from store.orders import orders
from store.orders.orders import NewOrderRace, OrderRow
from store.postgres import session
from store.postgres.interning import InternedStrings
from store.postgres.session import Database, transaction
from tests.support.servers import Databases


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    """A database without any order."""
    url = postgres.migrated()
    with session.connect(url) as made:
        yield made
    postgres.drop(url)


def write(connection: Database, *rows: OrderRow) -> None:
    """Writes rows in a transaction of their own."""
    words = InternedStrings(connection)
    words.learn({"hct/home", "X"})
    with transaction(connection) as cursor:
        orders.write(cursor, list(rows), words)


REPORTED = OrderFacts(reports=(CarrierReport(1, Meaning.UNKNOWN, b"9", "hct/home", "X"),))


@pytest.mark.parametrize("facts", [OrderFacts(), REPORTED])
def test_an_order_that_another_worker_inserted_first_is_not_written_over(
    connection: Database, facts: OrderFacts
) -> None:
    write(connection, OrderRow(1, b"shared", OrderFacts(settings_no=7), new=True))
    with pytest.raises(NewOrderRace):
        write(
            connection,
            OrderRow(1, b"a new one", facts, new=True),
            OrderRow(1, b"shared", facts, new=True),
        )
    with transaction(connection) as cursor:
        rows = orders.lock(cursor, [(1, b"a new one"), (1, b"shared")], InternedStrings(connection))
    assert {key: row.facts.settings_no for key, row in rows.items()} == {(1, b"shared"): 7}
