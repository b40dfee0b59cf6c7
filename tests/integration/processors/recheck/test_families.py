"""Orders that come from others are looked at again page by page, however many there are."""

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise

import psycopg
import pytest

from processors.recheck.worker import Recheck
from rules.order.family import MOST_GENERATIONS
from schemas.packing import pack_id
from store.orders import families
from store.orders.families import Kin
from store.postgres import session
from store.postgres.session import Database, transaction
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest
from tests.support.batches import Shop, open_shop
from tests.support.engine import wait_for
from tests.support.order_facts import ARRIVED, MERCHANT, Event, Json, day, order, settings, some_id
from tests.support.servers import Databases

PARENT = some_id("parent")
DUE: Json = {"pending_days": 0, "expiry": {"kind": "never"}}
APP: Json = {"plan": "enterprise", "app_installed": True, "modules": []}


@pytest.fixture
def shop(postgres: Databases) -> Iterator[Shop]:
    """Since 29 November it gives three points for one."""
    with open_shop(postgres) as opened:
        opened.settings(settings(earn=DUE, entitlement=APP))
        tripled = DUE | {"rules": [{"unit_price": 10, "points_per_unit": 3}]}
        opened.settings(settings(earn=tripled, effective=day("11-29 08:00")))
        opened.work_off()
        yield opened


def child(number: int, parent: str = PARENT) -> Event:
    """Made while a purchase gave three points; its parent was not."""
    name = some_id(f"child {number}")
    made = day("11-29 09:00")
    return order(order_id=name, created=made, parent_order_id=parent, **ARRIVED)


def test_the_children_of_a_parent_that_comes_late_are_looked_at_in_pages_and_a_crash_goes_on(
    shop: Shop,
) -> None:
    shop.consume(*[child(n) for n in range(1200)])
    shop.work_off()
    assert shop.points() == 1200 * 300
    shop.consume(order(order_id=PARENT, member=None))
    # What the parent's own transaction asks for is one row, whatever comes from it.
    assert shop.rows("SELECT kind, key FROM recheck") == [(RecheckKind.FAMILY, pack_id(PARENT))]
    assert [shop.turn().tally.claimed for _ in range(2)] == [500, 500]
    assert (
        shop.value("SELECT reached FROM recheck")
        == sorted(pack_id(some_id(f"child {n}")) for n in range(1200))[999]
    )
    with session.connect(shop.url) as another:
        successor = Recheck(another)
        assert [successor.recheck_orders().tally.claimed for _ in range(2)] == [200, 0]
    assert (shop.points(), shop.queued()) == (1200 * 100, 0)
    assert shop.value("SELECT count(*) FROM ledger") == 2 * 1200


def kin(shop: Shop, pairs: Sequence[tuple[str, str]]) -> int:
    """Keeps who comes from whom, of orders that nothing else is known of; the merchant's number."""
    query = "SELECT merchant_no FROM merchant WHERE merchant_id = $1"
    number = int(shop.value(query, MERCHANT))
    with transaction(shop.connection) as cursor:
        families.add(
            cursor, [Kin(number, above.encode(), below.encode()) for above, below in pairs]
        )
    return number


def walk(shop: Shop, number: int, first: str, generations: int = families.GENERATIONS) -> None:
    with transaction(shop.connection) as cursor:
        wanted = RecheckRequest(RecheckKind.FAMILY, number, first.encode(), before_us=generations)
        recheck.add(cursor, [wanted])


def seen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The orders that were looked at, each as often as it was."""
    found: list[str] = []
    children = families.children

    def noting(*arguments: object, **options: object) -> list[bytes]:
        ids = children(*arguments, **options)  # type: ignore[arg-type]
        found.extend(one.decode() for one in ids)
        return ids

    monkeypatch.setattr(families, "children", noting)
    shop.work_off()
    return found


def test_no_more_generations_below_are_looked_at_than_count(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = [f"o{n:04}" for n in range(2 * MOST_GENERATIONS + 50)]
    number = kin(shop, list(pairwise(chain)))
    walk(shop, number, chain[0])
    assert seen(shop, monkeypatch) == chain[1 : 2 * MOST_GENERATIONS + 1]
    assert shop.queued() == 0


def test_orders_that_come_from_each_other_are_looked_at_once_for_each_that_names_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "c"), ("c", "d"), ("d", "d")]
    walk(shop, kin(shop, pairs), "a")
    assert sorted(seen(shop, monkeypatch)) == sorted(below for _, below in pairs)
    assert shop.queued() == 0


def test_the_end_of_a_large_family_is_taken_out_in_pieces(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recheck, "ADDED", 3)
    pairs = [(f"o{n}", f"o{n + 1}") for n in range(9)]
    walk(shop, kin(shop, pairs), "o0")
    assert sorted(seen(shop, monkeypatch)) == [below for _, below in pairs]
    assert shop.queued() == 0


def test_of_two_workers_that_end_a_family_at_once_one_takes_it_out(shop: Shop) -> None:
    number = kin(shop, [("a", "b"), ("b", "c")])
    with transaction(shop.connection) as cursor:
        for name in (b"a", b"b"):
            recheck.add(cursor, [RecheckRequest(RecheckKind.FAMILY, number, name, before_us=9)])
    mark = recheck.mark(shop.cursor())
    assert mark is not None
    wait_for("others' transactions", lambda: recheck.reached(shop.cursor(), mark))

    def end(connection: Database) -> None:
        with transaction(connection) as cursor:
            rows, _ = recheck.claim(cursor, RecheckKind.FAMILY, mark, 1)
            recheck.walked(cursor, rows)

    waiting = """SELECT count(*) FROM pg_stat_activity
                 WHERE application_name = 'other' AND wait_event_type = 'Lock'"""
    with session.connect(shop.url, name="other") as other:
        thread = threading.Thread(target=end, args=[other], daemon=True)
        with transaction(shop.connection) as cursor:
            rows, _ = recheck.claim(cursor, RecheckKind.FAMILY, mark, 1)
            recheck.walked(cursor, rows)
            with psycopg.connect(shop.url, autocommit=True) as looking:
                thread.start()
                wait_for("the other", lambda: looking.execute(waiting).fetchall() == [(1,)])
        thread.join()
    assert shop.queued() == 0
