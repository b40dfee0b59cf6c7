"""The recheck queue at work: pages, many rows at once, several workers, and death in the middle."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from processors.recheck.worker import Recheck
from schemas.packing import pack_id
from store.postgres import session
from store.streams.recheck import Claimed, RecheckKind, RecheckRequest, add, created_between
from tests.support.batches import APPLICATION, Shop, open_shop
from tests.support.engine import Engine, wait_for
from tests.support.order_facts import (
    ARRIVED,
    MEMBER,
    MERCHANT,
    Event,
    Json,
    day,
    envelope,
    order,
    settings,
    some_id,
)
from tests.support.servers import Databases

DUE: Json = {"pending_days": 0, "expiry": {"kind": "never"}}
APP: Json = {"plan": "enterprise", "app_installed": True, "modules": []}
NO_MEMBER = envelope("user/update", {"id": MEMBER, "is_member": False, "updated_at": day("12-02")})


def bought(number: int, **fields: Json) -> Event:
    return order(order_id=some_id(f"order {number}"), **(ARRIVED | fields))


@pytest.fixture
def shop(postgres: Databases) -> Iterator[Shop]:
    with open_shop(postgres) as opened:
        opened.settings(settings(earn=DUE, entitlement=APP))
        opened.work_off()
        yield opened


def test_a_member_with_thousands_of_orders_is_worked_off_in_pages_and_a_crash_goes_on(
    shop: Shop,
) -> None:
    shop.consume(*[bought(n) for n in range(1700)])
    shop.consume(NO_MEMBER)
    turned = [shop.turn() for _ in range(2)]
    assert [one.tally.claimed for one in turned] == [500, 500]
    assert shop.points() == 70_000
    reached = shop.value("SELECT reached FROM recheck")
    ids = sorted(pack_id(some_id(f"order {n}")) for n in range(1700))
    assert reached == ids[999]
    # A worker that dies leaves what it has committed; another one goes on from there.
    with session.connect(shop.url) as another:
        successor = Recheck(another, APPLICATION)
        assert [successor.recheck_orders().tally.claimed for _ in range(3)] == [500, 200, 0]
    assert (shop.points(), shop.queued()) == (0, 0)
    assert shop.value("SELECT count(*) FROM ledger") == 3400


def test_a_worker_killed_in_the_middle_of_a_page_is_replaced_and_nothing_happens_twice(
    engine: Engine,
) -> None:
    shop = Shop(engine.database_url)
    shop.settings(settings(earn=DUE, entitlement=APP))
    shop.work_off()
    shop.consume(*[bought(n) for n in range(1200)])
    shop.consume(NO_MEMBER)
    # It waits for whatever transaction of the server began before, another test's too.
    claimed = wait_for("a page", lambda: shop.turn().tally.claimed)
    assert claimed == 500
    stuck = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ledger'::regclass"
    with psycopg.connect(engine.database_url) as stopper:
        # A lock that takes no transaction number, or the worker would wait for it before it claims.
        stopper.execute("LOCK TABLE ledger IN SHARE MODE")
        first = engine.run("recheck")
        wait_for("the second page, half done", lambda: shop.value(stuck) == 1)
        first.kill()
    engine.run("recheck")
    wait_for("the rest", lambda: shop.queued() == 0)
    assert shop.points() == 0
    assert shop.value("SELECT count(*) FROM ledger") == 2400
    shop.close()


def test_many_members_are_looked_up_at_once_and_each_gets_his_own(shop: Shop) -> None:
    members = [some_id(f"member {n}") for n in range(60)]
    shop.consume(
        *[
            bought(100 * i + n, member=member)
            for i, member in enumerate(members)
            for n in range(i % 5)
        ]
    )
    shop.consume(
        *[
            envelope("user/update", {"id": m, "is_member": False, "updated_at": day("12-02")})
            for m in members[::2]
        ]
    )
    assert shop.work_off() == 30
    expected = {member: 0 if i % 2 == 0 else 100 * (i % 5) for i, member in enumerate(members)}
    assert {member: shop.points(member) for member in members} == expected


def test_no_kind_waits_for_anothers_thousands(shop: Shop) -> None:
    shop.consume(*[bought(n, member=some_id("other")) for n in range(1200)], bought(5000))
    gone = {"application_id": APPLICATION, "deleted_at": day("11-01"), "updated_at": day("11-01")}
    shop.consume(envelope("application/uninstall", gone))
    shop.consume(NO_MEMBER)
    turned = [shop.turn() for _ in range(2)]
    assert [one.rows for one in turned] == [1, 1]
    assert shop.points() == 0
    assert shop.rows("SELECT kind FROM recheck") == [(RecheckKind.SINCE,)]
    shop.work_off()
    assert shop.points(some_id("other")) == 0


def test_two_workers_never_have_the_same_row(shop: Shop) -> None:
    shop.consume(bought(1))
    shop.consume(NO_MEMBER)
    with psycopg.connect(shop.url) as other:
        other.execute("SELECT FROM recheck FOR UPDATE")
        assert shop.turn().rows == 0
        other.rollback()
    assert shop.work_off() == 1


def test_a_page_of_a_merchants_orders_looks_at_so_many_and_no_more(shop: Shop) -> None:
    shop.consume(*[bought(n, created=day(f"11-{10 + n}")) for n in range(10)])
    wanted = {pack_id(some_id(f"order {n}")) for n in (4, 5, 6)}
    found: list[bytes] = []
    with shop.connection.transaction():
        cursor = shop.cursor()
        number = shop.value("SELECT merchant_no FROM merchant WHERE merchant_id = $1", MERCHANT)
        row = Claimed(0, number, b"", at_day(14), at_day(17), b"")
        pages = 0
        while True:
            ids, reached = created_between(cursor, row, 2, looked_at=4)
            assert len(ids) <= 2
            found += ids
            pages += 1
            if reached is None:
                break
            row = row._replace(reached=reached)
    assert found == sorted(wanted)
    assert 3 <= pages <= 5


def test_asking_twice_is_asking_once_and_for_the_wider_time(shop: Shop) -> None:
    asked = RecheckRequest(RecheckKind.MEMBER, 1, b"m", 5, 7)
    with shop.connection.transaction():
        add(shop.cursor(), [asked, asked._replace(before_us=9), asked])
        add(
            shop.cursor(),
            [asked._replace(before_us=11), RecheckRequest(RecheckKind.ORDER, 1, b"o")],
        )
        add(shop.cursor(), [asked])
        add(shop.cursor(), [])
    assert shop.rows("SELECT kind, before_us FROM recheck ORDER BY kind") == [
        (1, 2**63 - 1),
        (3, 11),
    ]


def test_an_order_of_which_nothing_is_known_is_no_trouble(shop: Shop) -> None:
    with shop.connection.transaction():
        add(
            shop.cursor(),
            [
                RecheckRequest(RecheckKind.ORDER, 1, b"nobody"),
                RecheckRequest(RecheckKind.MEMBER, 1, b"nobody", 0),
                RecheckRequest(RecheckKind.SINCE, 99),
            ],
        )
        add(
            shop.cursor(),
            [
                RecheckRequest(RecheckKind.UNBOUND, 99),
                RecheckRequest(RecheckKind.NUMBER, 0, b"NOWHERE"),
            ],
        )
    assert (shop.work_off(), shop.queued()) == (5, 0)


def test_rows_restored_from_another_servers_backup_are_worked_off(shop: Shop) -> None:
    shop.consume(bought(1))
    query = (
        "INSERT INTO recheck (kind, merchant_no, key, xid) "
        "SELECT 1, 1, $1, x::text::xid8 FROM unnest($2::bigint[]) x"
    )
    shop.cursor().execute(query, [pack_id(some_id("order 1")), [2**40, 2**41]])
    assert shop.work_off() == 0
    with session.connect(shop.url) as another:
        assert Recheck(another).recheck_orders().rows == 1
    assert shop.queued() == 0


def at_day(number: int) -> int:
    """Midnight in Taipei of a day of November 2024."""
    return 1_730_390_400_000_000 + (number - 1) * 86_400_000_000


def test_rows_are_worked_off_once_another_databases_transaction_is_over(
    shop: Shop, postgres: Databases
) -> None:
    shop.work_off()
    shop.consume(bought(1))
    shop.consume(NO_MEMBER)
    elsewhere = postgres.database()
    with psycopg.connect(elsewhere) as other:
        other.execute("SELECT pg_current_xact_id()")
        ended = threading.Timer(0.3, other.rollback)
        ended.start()
        assert shop.queued() == 1
        assert shop.work_off() == 1
        ended.join()
    postgres.drop(elsewhere)
