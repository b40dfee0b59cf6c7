"""The read model follows the database within a second, and finds back whatever happens."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import redis
from confluent_kafka import KafkaException

from deploy.local.ladder import Rung, valkey_choice
from deploy.local.valkey_local import LocalValkey
from processors.readmodel.changes import Changes
from processors.runtime.configuration import KafkaConfiguration
from store.postgres.session import Database, connect, raw
from store.valkey.keys import SERVER, MemberKey, key_of
from store.valkey.states import of_members
from tests.support.account import moves
from tests.support.engine import PATIENCE, Engine, Worker, wait_for
from tests.support.notices.reading import hints
from tests.support.parcels import ANNA, BEN, M

ROUNDS = 6
"""Of changes: one that is late by chance must not decide."""


class Shop:
    """An engine with a merchant, members' points, and what Redis has of them."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine, self.url = engine, url
        engine.merchant(M)
        self.connection: Database = connect(engine.database_url)
        self.redis = redis.Redis.from_url(url)

    def run(self, *kinds: str) -> Worker:
        """Workers with this Redis."""
        return self.engine.run(*kinds, POINTS_REDIS__URL=self.url)

    def follow(self) -> None:
        """A relay and a read model, both ready."""
        for kind in ("relay", "readmodel"):
            self.run(kind).wait_ready()
        self.wait_compared()

    def wait_compared(self) -> None:
        """Returns once all keys were compared for this run of Redis."""
        run_id = self.redis.info("server")["run_id"].encode()
        wait_for("compared", lambda: self.redis.get(SERVER) == run_id)

    def is_true(self, *members: str) -> bool:
        """Whether Redis says what the database says of some members."""
        keys = [MemberKey(M, member) for member in members or (ANNA,)]
        states = of_members(raw(self.connection), keys)
        return [self.redis.get(key_of(s.member)) for s in states] == [s.value() for s in states]

    def wait_true(self, *members: str, within: float = PATIENCE) -> None:
        """Returns once it does."""
        wait_for("the read model", lambda: self.is_true(*members), within)

    def wait_read(self) -> None:
        """Returns once the follower's offsets say that it has read all there is."""
        self.engine.wait_published()
        published = len(self.engine.events())

        def read() -> int:
            return sum(hints(self.engine, of="readmodel").values())

        wait_for("the offsets", lambda: read() == published)


@contextmanager
def opened(engine: Engine, url: str) -> Iterator[Shop]:
    shop = Shop(engine, url)
    try:
        yield shop
    finally:
        shop.redis.close()
        shop.connection.close()


@pytest.fixture
def shop(engine: Engine, valkey: str) -> Iterator[Shop]:
    with opened(engine, valkey) as made:
        yield made


def test_every_kind_of_change_arrives_within_a_second_when_idle(shop: Shop) -> None:
    shop.follow()
    took = []
    for number in range(ROUNDS):
        cart = f"cart-{number}"
        changes: tuple[Callable[..., int], ...] = (
            partial(moves.assign, shop.connection, M, ANNA, 50),
            partial(moves.hold, shop.connection, M, ANNA, cart, 30, 600),
            partial(moves.release, shop.connection, M, ANNA, cart),
            partial(moves.assign, shop.connection, M, ANNA, -20),
        )
        for change in changes:
            change()
            began = time.monotonic()
            shop.wait_true()
            took.append(time.monotonic() - began)
    # The second is kept with much to spare; a busy machine may miss it now and then, while what
    # waits for longer each time misses it more often.
    assert sorted(took)[len(took) * 3 // 4] < 1, took


def test_a_time_out_is_shown_once_it_is_posted(shop: Shop) -> None:
    shop.follow()
    moves.assign(shop.connection, M, ANNA, 50)
    moves.hold(shop.connection, M, ANNA, "cart", 30, 0.2)
    shop.run("expiry").wait_ready()
    wait_for("the time-out", lambda: shop.engine.value("SELECT held FROM account") == 0)
    shop.wait_true()


def test_changes_while_the_worker_was_killed_are_found(shop: Shop) -> None:
    shop.follow()
    moves.assign(shop.connection, M, ANNA, 50)
    shop.wait_true()
    shop.engine.workers[-1].kill()
    moves.assign(shop.connection, M, ANNA, -50)
    assert not shop.is_true()
    shop.run("readmodel")
    shop.wait_true()


def test_after_a_flush_in_the_middle_it_is_right_again(shop: Shop) -> None:
    shop.follow()
    moves.assign(shop.connection, M, ANNA, 50)
    shop.wait_true()
    shop.redis.flushall()
    moves.assign(shop.connection, M, BEN, 10)
    moves.assign(shop.connection, M, ANNA, -20)
    shop.wait_true(ANNA, BEN)


def test_while_the_relay_is_down_the_outbox_is_followed(shop: Shop) -> None:
    shop.run("readmodel").wait_ready()
    moves.assign(shop.connection, M, ANNA, 50)
    shop.wait_true()
    assert shop.engine.value("SELECT count(*) FROM outbox") > 0
    moves.assign(shop.connection, M, ANNA, -50)
    moves.assign(shop.connection, M, BEN, 5)
    shop.wait_true(ANNA, BEN)
    shop.run("relay").wait_ready()
    shop.engine.wait_published()
    moves.assign(shop.connection, M, ANNA, 7)
    shop.wait_true(ANNA, BEN)


def test_two_workers_and_a_change_of_hands(shop: Shop) -> None:
    shop.follow()
    shop.run("readmodel").wait_ready()
    members = [f"m-{n}" for n in range(40)]
    for member in members:
        moves.assign(shop.connection, M, member, 10)
    shop.engine.workers[1].process.send_signal(signal.SIGTERM)
    for member in members:
        moves.assign(shop.connection, M, member, -3)
    shop.wait_true(*members)
    assert shop.engine.workers[1].wait() == 0


def test_offsets_that_kafka_lost_make_it_compare_everything(shop: Shop) -> None:
    shop.follow()
    moves.assign(shop.connection, M, ANNA, 50)
    shop.wait_true()
    assert shop.engine.workers[-1].terminate() == 0
    moves.assign(shop.connection, M, ANNA, -50)
    shop.engine.wait_published()
    group = f"{shop.engine.prefix}points.readmodel"
    shop.engine.admin.delete_consumer_groups([group])[group].result(20)
    shop.run("readmodel")
    shop.wait_true()


def test_without_a_redis_the_worker_is_ready_and_says_that_it_is_off(engine: Engine) -> None:
    worker = engine.run("readmodel").wait_ready()
    assert [line["event"] for line in worker.lines("read_model_off")] == ["read_model_off"]
    assert worker.terminate() == 0


def test_redis_down_and_back_with_old_data(engine: Engine, tmp_path: Path) -> None:
    """Nothing else waits; the worker is not ready, and then compares what Redis came back with."""
    if valkey_choice().rung is not Rung.LOCAL:
        pytest.skip("stops a server of its own, which only the local rung can start")
    with LocalValkey(tmp_path / "valkey") as server, opened(engine, server.redis_url) as shop:
        shop.follow()
        moves.assign(shop.connection, M, ANNA, 50)
        shop.wait_true()
        old = shop.redis.get(key_of(MemberKey(M, ANNA)))
        server.kill()
        follower = shop.engine.workers[-1]
        wait_for("not ready", lambda: follower.get("/readyz")[0] == 503)
        assert '"redis: ' in follower.get("/readyz")[1]
        moves.assign(shop.connection, M, ANNA, -20)
        shop.engine.wait_published()
        assert follower.get("/healthz")[0] == 200
        server.start()
        shop.redis.set(key_of(MemberKey(M, ANNA)), old or b"")
        shop.wait_true()
        follower.wait_ready()
        # As a Redis does that loads an old snapshot: the change was read long ago.
        moves.assign(shop.connection, M, ANNA, -20)
        shop.wait_true()
        shop.wait_read()
        server.restart()
        shop.redis.set(key_of(MemberKey(M, ANNA)), old or b"")
        shop.wait_true()


def test_a_missing_topic_is_told_by_polling_and_not_while_another_server_is_waited_for(
    kafka: str, topic_prefix: str
) -> None:
    """What idling raised ended the worker as a crash: nobody judged it there."""
    changes = Changes(
        KafkaConfiguration(bootstrap_servers=kafka, group_id=topic_prefix), f"{topic_prefix}none"
    )

    def told() -> bool:
        for _ in range(20):
            assert changes.idle(0.1) == set()
        with suppress(KafkaException):
            changes.poll()
            return False
        return True

    try:
        wait_for("what Kafka says", told)
    finally:
        changes.close()
