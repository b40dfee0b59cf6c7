"""What a turn costs depends on the work in hand, not on how many merchants or rows there are."""

from collections.abc import Callable, Iterator

import orjson
import psycopg
import pytest

from processors.cleanup import Cleanup
from processors.expiry import Expiry
from processors.grants import Grants
from processors.recheck.worker import Recheck
from processors.runtime.worker import SettlingWorker
from store.postgres import session
from store.postgres.interning import InternedStrings
from store.postgres.session import Database, raw
from store.reads import gauges
from store.settings.merchants import Merchants
from store.streams import recheck
from tests.support.pages import pages_of
from tests.support.servers import Databases

FEW, MANY = 50, 20_000
SLACK = 60
"""Pages: an index of many rows is deeper, and a table of few is read whole, which is one page."""
DOCUMENT = orjson.dumps(
    {
        "timezone": "Asia/Taipei",
        "currency": "TWD",
        "languages": ["en"],
        "enabled": True,
        "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
        "earn": {
            "rules": [{"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None}],
            "channels": ["ec"],
            "pending_days": 0,
            "grant_on": "delivery_final",
            "expiry": {"kind": "never"},
            "deduct_store_credit": False,
            "on_return": "claw_back",
        },
    }
).decode()
MERCHANTS = """
WITH made AS (
  INSERT INTO merchant (merchant_id) SELECT 'shop-' || n FROM generate_series(1, {n}) n
  ON CONFLICT DO NOTHING RETURNING merchant_no),
settings AS (
  INSERT INTO settings
    (merchant_no, version, effective_us, document, digest, applied_us, applied_by)
  SELECT merchant_no, 1, 0, '{document}', '', 0, 'test' FROM made),
app AS (INSERT INTO application_event SELECT merchant_no, 0, true FROM made),
words AS (INSERT INTO word (word) SELECT 'tier-' || merchant_no FROM made),
accounts AS (
  INSERT INTO account (account_no, merchant_no, member, sequence, available, next_expiry)
  SELECT (merchant_no::bigint << 40) | nextval('account_no'), merchant_no, 'm', 1, 1,
         points_now() + 86400000000
  FROM made)
INSERT INTO due SELECT merchant_no, points_now() + 86400000000, 'o' FROM made
"""
ROWS = """
INSERT INTO quarantine (pipeline, topic, topic_uuid, partition, "offset", timestamp_us, reason,
                        message, partition_position, received_us)
SELECT 'intake', 'orders', 'uuid', 0, n, 0, 'bad_json', 'no JSON', n, points_now()
FROM generate_series((SELECT count(*) FROM quarantine) + 1, {n}) n;
INSERT INTO outbox (shard, kind)
SELECT 0, 1 FROM generate_series((SELECT count(*) FROM outbox) + 1, {n});
INSERT INTO recheck (kind, merchant_no, key)
SELECT 1, n, 'o' FROM generate_series((SELECT count(*) FROM recheck) + 1, {n}) n
"""


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.migrated()
    yield made
    postgres.drop(made)


def fill(url: str, script: str, n: int) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in script.format(n=n, document=DOCUMENT).split(";"):
            owner.execute(statement.encode())
        owner.execute("VACUUM ANALYZE")


def few_and_many(
    url: str, work_on: Callable[[Database], Callable[[], object]], script: str, few: int, many: int
) -> tuple[int, int]:
    """Pages of the same work with few and with many merchants or rows."""
    pages = []
    for n in (few, many):
        fill(url, script, n)
        with session.connect(url) as connection:
            pages.append(pages_of(connection, work_on(connection)))
    return pages[0], pages[1]


@pytest.mark.parametrize("kind", [Grants, Expiry, Recheck, Cleanup])
def test_an_idle_turn_costs_the_same_with_many_merchants(
    url: str, kind: type[SettlingWorker]
) -> None:
    def turn_and_sample(connection: Database) -> Callable[[], object]:
        worker = kind(connection)

        def both() -> None:
            worker.turn()
            worker.sample()

        return both

    few, many = few_and_many(url, turn_and_sample, MERCHANTS, FEW, MANY)
    assert many <= few + SLACK


def test_starting_to_remember_costs_the_same_with_many_merchants(url: str) -> None:
    few, many = few_and_many(
        url, lambda c: lambda: (Merchants(c), InternedStrings(c)), MERCHANTS, FEW, MANY
    )
    assert many <= few + SLACK


def test_a_new_merchant_costs_the_same_with_many_merchants(url: str) -> None:
    def learn(connection: Database) -> Callable[[], object]:
        merchants, words = Merchants(connection), InternedStrings(connection)
        new = iter(range(100))

        def one_more() -> None:
            merchants.learn([f"new-{connection.info.backend_pid}-{next(new)}"])
            words.learn({f"new-tier-{connection.info.backend_pid}-{next(new)}"})

        return one_more

    few, many = few_and_many(url, learn, MERCHANTS, FEW, MANY)
    assert many <= few + SLACK


def test_a_change_of_settings_costs_the_same_with_many_merchants(url: str) -> None:
    """Seen by a worker that has one merchant's orders in hand."""

    def change(connection: Database) -> Callable[[], object]:
        merchants = Merchants(connection)

        def changed() -> None:
            cursor = raw(connection)
            merchants.change(cursor)
            merchants.keep_up(cursor)
            assert merchants.versions[1]
            assert merchants.installs[1]

        return changed

    few, many = few_and_many(url, change, MERCHANTS, FEW, MANY)
    assert many <= few + SLACK


@pytest.mark.parametrize("gauge", [gauges.quarantined, gauges.outbox_rows, recheck.waiting])
def test_a_gauge_of_many_rows_stops_counting(url: str, gauge: Callable[..., object]) -> None:
    few, many = few_and_many(
        url,
        lambda connection: lambda: gauge(raw(connection)),
        ROWS,
        gauges.COUNTED,
        4 * gauges.COUNTED,
    )
    assert many <= 1.5 * few + SLACK


def test_settings_of_many_merchants_are_read_with_one_statement(url: str) -> None:
    fill(url, MERCHANTS, FEW)
    with session.connect(url) as connection:
        merchants = Merchants(connection)
        merchants.remember(range(1, FEW + 1))
        one = pages_of(connection, lambda: merchants.remember(range(1, FEW + 1)))
        assert one == pages_of(connection, lambda: None)
        assert [version.version for version in merchants.versions[FEW]] == [1]
        assert merchants.installs[FEW] == ((0, True),)
        assert merchants.ids[FEW] == f"shop-{FEW}"
