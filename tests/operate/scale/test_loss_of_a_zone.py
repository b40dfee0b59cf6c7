"""A zone is lost under load: a broker, a third of the workers, and the primary database."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from deploy.local.kafka_local import LocalKafka
from tests.operate.recovery.pair import Pair
from tests.operate.scale.fleet import EACH, PARTITIONS, WITHIN, Fleet, spread
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Trade

pytestmark = pytest.mark.slow
KINDS = ("relay", "intake", "grants")
TRADE = Trade(900, ("shop-a", "shop-b", "shop-c"))
SHARDS = 9
LOST = 1
"""The broker of the lost zone, in which the primary stood as well."""


@pytest.fixture
def engine(brokers: LocalKafka, pair: Pair, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine over three zones."""
    where = (brokers.bootstrap_servers, pair.url, topic_prefix, tmp_path)
    with Engine(*where, PARTITIONS, replicas=3) as made:
        made.prepare()
        for shop in TRADE.merchants:
            made.merchant(shop)
        yield made


def shards(fleet: Fleet) -> float:
    """Of the outbox, those that the relays hold together."""
    return sum(fleet.counted("relay", "points_relay_shards"))


def test_two_zones_do_the_work_of_three_and_nothing_is_lost_or_doubled(
    engine: Engine, brokers: LocalKafka, pair: Pair
) -> None:
    pair.follow()
    fleet = Fleet(engine, KINDS)
    records = TRADE.records()
    producing = spread(engine, records, 12)
    wait_for("a third of it", lambda: engine.consumed() > len(records) // 3, WITHIN)
    try:
        brokers.kill(LOST)
        for workers in fleet.running.values():
            workers.pop(0).kill()
        pair.primary.kill()
        pair.promote()
        producing.join()
        engine.wait_consumed(len(records), WITHIN)
        engine.wait_published(WITHIN)
        engine.audit(TRADE.expected())
        wait_for(
            "all shards", lambda: sum(fleet.counted("relay", "points_relay_shards")) == 9, WITHIN
        )
        answers = {w.get("/readyz")[0] for each in fleet.running.values() for w in each}
        assert answers == {HTTPStatus.OK}
    finally:
        brokers.restart(LOST)
    # The zone is back, and takes its part again.
    for kind in KINDS:
        fleet.add(kind)
    fleet.end()
    assert {len(workers) for workers in fleet.running.values()} == {EACH}
