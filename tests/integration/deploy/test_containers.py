"""The rung of containers, for real where an engine answers (`.ci/container-rung` brings Podman)."""

import os
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.local import containers
from deploy.local.ladder import Rung
from deploy.local.stack import start_stack
from store.postgres import migrate


@pytest.fixture
def no_server_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names would come first."""
    for name in ("POINTS_DATABASE__URL", "POINTS_DATABASE__OWNER_URL", "POINTS_REDIS__URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_server_named")
def test_postgresql_in_a_container_takes_the_schema_and_goes_with_its_test(tmp_path: Path) -> None:
    if (reason := containers.missing()) is not None:
        pytest.skip(reason)
    if not os.environ.get(containers.POSTGRES_IMAGE):
        pytest.skip(f"{containers.POSTGRES_IMAGE} names no image, and none is pulled for a test")
    with start_stack(tmp_path / "stack", parts=["postgres"], throwaway=True) as stack:
        assert stack.postgres_rung is Rung.CONTAINERS
        migrate.upgrade(stack.database_url)
        with psycopg.connect(stack.database_url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.database_url, connect_timeout=2)


@pytest.mark.usefixtures("no_server_named")
def test_valkey_in_a_container_asks_for_its_password_and_goes_with_its_test(tmp_path: Path) -> None:
    if (reason := containers.missing()) is not None:
        pytest.skip(reason)
    if not os.environ.get(containers.VALKEY_IMAGE):
        pytest.skip(f"{containers.VALKEY_IMAGE} names no image, and none is pulled for a test")
    with start_stack(tmp_path / "stack", parts=["valkey"], throwaway=True) as stack:
        assert stack.valkey_rung is Rung.CONTAINERS
        with redis.Redis.from_url(stack.redis_url) as client:
            assert client.set("key", "value")
        without = "redis://" + stack.redis_url.partition("@")[2]
        with redis.Redis.from_url(without) as client, pytest.raises(redis.AuthenticationError):
            client.get("key")
    with redis.Redis.from_url(stack.redis_url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
