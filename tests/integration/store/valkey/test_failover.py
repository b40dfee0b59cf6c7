"""Another server takes over behind the same name: a connection to the old one is not held on to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis

from deploy.local.ladder import Rung, valkey_choice
from deploy.local.valkey_local import LocalValkey
from store.valkey import client
from store.valkey.client import BusyClient, Client
from store.valkey.errors import ReadModelUnavailable
from store.valkey.notices import Breakers, Bucket, Fence, Rates
from store.valkey.scripts import Script
from tests.support.machine.forwarder import Forwarder

WRITES: dict[str, Callable[[Client], object]] = {
    "a script": lambda one: Fence(one).passed([(UUID(int=7), 1)]),
    "calls in one go": lambda one: Script(one, "notices_fence").run(
        [(b"points:notices:%d" % number, 60_000, 1) for number in range(3)]
    ),
    "a bucket": lambda one: Rates(one).take({Bucket("twilio", "SHOP", 10.0, 10): 1}),
    "a breaker": lambda one: Breakers(one).write("twilio", 60_000_000, None, 0),
}


@dataclass
class Two:
    """A primary, and the server that will take over behind the same `url`."""

    old: redis.Redis
    new: redis.Redis
    name: Forwarder
    url: str

    def fail_over(self) -> None:
        """The old one becomes a replica of the new one, and keeps the connections it has."""
        port = self.new.connection_pool.connection_kwargs["port"]
        self.name.target = port
        self.old.replicaof("127.0.0.1", port)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[redis.Redis, redis.Redis]]:
    """Two, of which either may follow the other."""
    if valkey_choice().rung is not Rung.LOCAL:
        pytest.skip("a second server is started here only from the wheel")
    folder = tmp_path_factory.mktemp("valkeys")
    old, new = LocalValkey(folder / "old"), LocalValkey(folder / "new")
    password = urlsplit(old.redis_url).password
    try:
        old.start()
        new.start()
        with redis.Redis.from_url(new.redis_url) as server:
            server.config_set("requirepass", password)
        with (
            redis.Redis(port=old.port, password=password) as first,
            redis.Redis(port=new.port, password=password) as second,
        ):
            for each in (first, second):
                each.config_set("masterauth", password)
            yield first, second
    finally:
        old.stop()
        new.stop()


@pytest.fixture
def two(servers: tuple[redis.Redis, redis.Redis]) -> Iterator[Two]:
    for each in servers:
        each.replicaof("NO", "ONE")
        each.flushall()
    old = servers[0].connection_pool.connection_kwargs
    with Forwarder(old["port"]) as name:
        yield Two(*servers, name, f"redis://:{old['password']}@127.0.0.1:{name.port}/0")


@pytest.mark.parametrize("of", [redis.Redis, BusyClient])
@pytest.mark.parametrize("what", WRITES)
def test_a_primary_that_became_a_replica_is_left_for_the_new_one(
    two: Two, what: str, of: type[redis.Redis]
) -> None:
    asked = client.connect(two.url, seconds=5.0, name="test", of=of)
    write = WRITES[what]
    write(asked)
    two.fail_over()
    with pytest.raises(ReadModelUnavailable, match="read only replica"):
        write(asked)
    write(asked)
    assert two.new.dbsize() > 0
    asked.close()
