"""Two concurrent transactions, one with an order and one with what it is judged by (ADR 11).

Neither sees the other's rows, whichever began and whichever committed first. Both are held open on
connections of their own, so every overlap is the one that the test's name says.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from store.streams import recheck
from tests.support.batches import APPLICATION, Batch, Shop, open_shop
from tests.support.order_facts import MEMBER, ORDER, day, envelope, order, parcel, settings, some_id
from tests.support.servers import Databases

PARENT = some_id("parent")
GRANTED: dict[str, Any] = {
    "order_delivery": parcel(
        "arrived", arrived_at=day("12-01 15:00"), updated_at=day("12-01 15:00")
    )
}
DUE = {"pending_days": 0, "expiry": {"kind": "never"}}
THREE_POINTS = DUE | {"rules": [{"unit_price": 10, "points_per_unit": 3}]}
APP = {"plan": "enterprise", "app_installed": True, "modules": []}


class Pair(NamedTuple):
    """What two batches hear, what stood before, and what must be in the end.

    One of them asks for the recheck.
    """

    before: Callable[[Shop], object]
    beside: Callable[[Batch], object]
    order: Callable[[Batch], object]
    is_right: Callable[[Shop], bool]
    order_asks: bool = False


def _settings(shop: Shop) -> None:
    shop.settings(settings(earn=DUE, entitlement=APP))


def _two_versions(shop: Shop) -> None:
    _settings(shop)
    shop.settings(settings(earn=THREE_POINTS, effective=day("11-29 08:00")))


def _split(batch: Batch) -> object:
    return batch.consume(order(created=day("11-29 09:00"), parent_order_id=PARENT, **GRANTED))


def _bought(batch: Batch) -> object:
    return batch.consume(order(**GRANTED))


REGISTERED_LATER = envelope(
    "user/update",
    {"id": MEMBER, "is_member": True, "registered_at": day("12-24"), "updated_at": day("12-24")},
)
UNINSTALLED = envelope(
    "application/uninstall",
    {"application_id": APPLICATION, "deleted_at": day("11-01"), "updated_at": day("11-01")},
)
PAIRS = {
    "customer": Pair(
        _settings, lambda b: b.consume(REGISTERED_LATER), _bought, lambda s: s.points() == 0
    ),
    "application": Pair(
        _settings, lambda b: b.consume(UNINSTALLED), _bought, lambda s: s.points() == 0
    ),
    # The child's own creation lies in the second version's time, its parent's in the first one's.
    "parent": Pair(
        _two_versions,
        lambda b: b.consume(order(order_id=PARENT, member=None)),
        _split,
        lambda s: (s.bound(ORDER), s.points()) == (1, 100),
        order_asks=True,
    ),
    "settings": Pair(
        lambda s: s.batch().learn(order()),
        lambda b: b.settings(settings(earn=DUE)),
        _bought,
        lambda s: s.points() == 100,
    ),
}


@pytest.fixture
def shop(postgres: Databases) -> Iterator[Shop]:
    with open_shop(postgres) as opened:
        yield opened


def overlap(shop: Shop, pair: Pair, *, order_begins: bool, order_commits: bool) -> None:
    """Both transactions are done but for their commits.

    The worker turns after each, as it would at any time.
    """
    pair.before(shop)
    shop.work_off()
    first, second = shop.batch(), shop.batch()
    for batch in (first, second):
        batch.learn(order(**GRANTED), REGISTERED_LATER)
        batch.begin()
    orders, beside = (first, second) if order_begins else (second, first)
    pair.beside(beside)
    pair.order(orders)
    one, other = (orders, beside) if order_commits else (beside, orders)
    one.commit()
    shop.work_off()
    other.commit()
    shop.work_off()


@pytest.mark.parametrize(
    "order_commits", [True, False], ids=["order_commits_first", "order_commits_last"]
)
@pytest.mark.parametrize(
    "order_begins", [True, False], ids=["order_begins_first", "order_begins_last"]
)
@pytest.mark.parametrize("name", PAIRS)
def test_an_order_and_what_it_is_judged_by_written_at_once_end_right(
    shop: Shop, name: str, order_begins: bool, order_commits: bool
) -> None:
    pair = PAIRS[name]
    overlap(shop, pair, order_begins=order_begins, order_commits=order_commits)
    assert pair.is_right(shop), (
        shop.bound(ORDER),
        shop.history(),
        shop.rows("SELECT * FROM recheck"),
    )
    assert shop.queued() == 0


WAITS_FOR_NOBODY = b"""
SELECT ARRAY(SELECT DISTINCT kind::int FROM recheck) WHERE ($1::text, $2::text) IS NOT NULL"""
ANY_ROW = b"""
SELECT r.xid::text::bigint, r.merchant_no, r.key, r.since_us, r.before_us, r.reached, points_now()
FROM recheck r
WHERE r.kind = $1 AND ($2::text, $3::text) IS NOT NULL LIMIT $4 FOR UPDATE SKIP LOCKED"""
OLDER_THAN_ALL_THAT_RUN = b"""
SELECT r.xid::text::bigint, r.merchant_no, r.key, r.since_us, r.before_us, r.reached, points_now()
FROM recheck r
WHERE r.kind = $1 AND ($2::text, $3::text) IS NOT NULL
  AND r.xid < pg_snapshot_xmin(pg_current_snapshot())
LIMIT $4 FOR UPDATE SKIP LOCKED"""


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    ("claim", "asker_begins"),
    [(ANY_ROW, True), (ANY_ROW, False), (OLDER_THAN_ALL_THAT_RUN, True)],
    ids=["any-1", "any-2", "older"],
)
def test_a_worker_that_waits_for_less_misses_the_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, claim: bytes, asker_begins: bool
) -> None:
    """The tests above tell something: with shorter rules the same overlaps end wrong."""
    monkeypatch.setitem(recheck._SQL, "reached", WAITS_FOR_NOBODY)
    monkeypatch.setitem(recheck._SQL, "claim", claim)
    pair = PAIRS[name]
    overlap(shop, pair, order_begins=pair.order_asks == asker_begins, order_commits=pair.order_asks)
    assert not pair.is_right(shop)


def test_a_transaction_without_a_part_in_it_is_waited_for_and_then_forgotten(shop: Shop) -> None:
    _settings(shop)
    shop.work_off()
    bystander = shop.batch()
    bystander.begin()
    shop.consume(REGISTERED_LATER)
    assert shop.recheck.recheck_orders().waiting
    assert (shop.work_off(), shop.queued()) == (0, 1)
    bystander.commit()
    assert (shop.work_off(), shop.queued()) == (1, 0)


def test_whoever_begins_after_the_mark_is_not_waited_for(shop: Shop) -> None:
    _settings(shop)
    shop.work_off()
    before = shop.batch()
    before.begin()
    shop.consume(REGISTERED_LATER)
    assert shop.recheck.recheck_orders().waiting
    late = shop.batch()
    late.begin()
    before.commit()
    assert shop.recheck.recheck_orders().rows == 1
    late.commit()
