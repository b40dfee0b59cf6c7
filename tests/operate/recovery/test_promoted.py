"""A server that is lost while workers write, and the standby that takes its place."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest

from tests.operate.recovery.pair import Pair
from tests.operate.recovery.work import KINDS, SHOPS, TRADE, ids, published, work
from tests.operate.scale.fleet import spread
from tests.support.engine import Engine, Worker, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(kafka: str, pair: Pair, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine that knows both."""
    with Engine(kafka, pair.url, topic_prefix, tmp_path) as made:
        made.prepare()
        for shop in SHOPS:
            made.merchant(shop)
        yield made


def answers(workers: list[Worker]) -> set[int]:
    """What /readyz of each says."""
    return {worker.get("/readyz")[0] for worker in workers}


def test_workers_go_on_with_the_promoted_standby_and_nothing_is_lost_or_doubled(
    engine: Engine, pair: Pair
) -> None:
    pair.follow()
    records = TRADE.records()
    workers = [engine.run(kind).wait_ready() for kind in KINDS]
    producing = spread(engine, records, 12)
    wait_for("a third of it", lambda: engine.consumed() > len(records) // 3)
    pair.primary.kill()
    waits = {HTTPStatus.SERVICE_UNAVAILABLE}
    wait_for("none is ready", lambda: answers(workers) == waits)
    pair.promote()
    wait_for("all are ready", lambda: answers(workers) == {HTTPStatus.OK})
    producing.join()
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(TRADE.expected())
    # What was on its way to Kafka may have come twice, and nothing else.
    told = Counter(published(engine))
    assert set(told) == ids(engine)
    assert [worker.terminate() for worker in workers] == [0] * len(workers)


def test_an_asynchronous_standby_goes_back_with_its_cursors_and_reads_again(
    engine: Engine, pair: Pair
) -> None:
    pair.follow()
    records = TRADE.records()
    engine.produce(records[: len(records) // 2])
    work(engine, len(records) // 2)
    then = ids(engine)
    pair.let_go()
    engine.produce(records[len(records) // 2 :])
    work(engine, len(records))
    before, told = ids(engine), Counter(published(engine))
    pair.primary.kill()
    pair.standby.start()
    pair.promote()
    wait_for("it takes writes", partial(takes_writes, engine))
    assert (engine.consumed(), ids(engine)) == (len(records) // 2, then)
    work(engine, len(records))
    assert engine.balances() == TRADE.expected()
    assert ids(engine) == before
    # What Kafka had of the lost moments comes once more, with the same ids.
    assert Counter(published(engine)) == told + Counter(before - then)


def takes_writes(engine: Engine) -> bool:
    """Whether one of the servers does."""
    try:
        return bool(engine.value("SELECT NOT pg_is_in_recovery()"))
    except psycopg.OperationalError:
        return False
