"""The local stack is real, durable, and leaves nothing behind."""

import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
import redis
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.ladder import Rung, postgres_choice, valkey_choice
from deploy.local.postgres_local import LocalPostgres
from deploy.local.stack import Stack, running, start_stack
from tests.support.engine import wait_for
from tests.support.servers import Databases


def test_message_survives_the_round_trip(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}hello"
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics(
        [NewTopic(topic, num_partitions=1, replication_factor=1)]
    ).values():
        made.result(timeout=10)
    wait_for("the topic", lambda: topic in admin.list_topics(timeout=10).topics)
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
    producer.produce(topic, key=b"shop:member", value=b"\x00points", headers=[("ce_id", b"1")])
    assert producer.flush(10) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"{topic_prefix}g",
            "auto.offset.reset": "earliest",
        },
    )
    try:
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        assert (message.key(), message.value()) == (b"shop:member", b"\x00points")
        assert message.headers() == [("ce_id", b"1")]
    finally:
        consumer.close()


def test_unknown_topic_is_an_error_and_not_a_new_topic(kafka: str, topic_prefix: str) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    metadata = producer.list_topics(f"{topic_prefix}nobody-made-me", timeout=10)
    error = metadata.topics[f"{topic_prefix}nobody-made-me"].error
    with pytest.raises(KafkaException):
        raise KafkaException(error)
    assert f"{topic_prefix}nobody-made-me" not in producer.list_topics(timeout=10).topics


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_database_is_durable(postgres: Databases, setting: str) -> None:
    with psycopg.connect(postgres.admin_url) as connection:
        assert connection.execute(f"SHOW {setting}".encode()).fetchone() == ("on",)


def test_databases_are_fresh_and_apart(postgres: Databases) -> None:
    first, second = postgres.database(), postgres.database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE mark (n int)")
    with psycopg.connect(second) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relname = 'mark'"
        assert connection.execute(query).fetchone() == (0,)


def test_stop_leaves_no_process_and_no_state(server_folder: Path) -> None:
    with start_stack(server_folder / "stack") as stack:
        started = list(stack.processes)
        assert running(stack.state_dir) is not None
        assert all(identity.process() for identity in started)
    assert [identity.pid for identity in started if identity.process()] == []
    assert running(stack.state_dir) is None


def test_one_part_alone_starts_nothing_of_the_other(server_folder: Path) -> None:
    if postgres_choice().rung is not Rung.LOCAL:
        pytest.skip("counts the processes of the local rung")
    with start_stack(server_folder / "stack", parts=["postgres"]) as stack:
        assert stack.kafka is None
        assert stack.bootstrap_servers == ""
        assert len(stack.processes) == 1


def test_no_other_run_of_tests_closes_the_folder_of_a_tests_own_server(
    server_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Pytest closes the one above its own (0700) whenever a run begins."""
    assert tmp_path_factory.getbasetemp().parent not in server_folder.parents


def test_committed_rows_survive_a_crash_of_the_server(server_folder: Path) -> None:
    if postgres_choice().rung is not Rung.LOCAL:
        pytest.skip("crashes a server of its own, which only the local rung can start")
    with LocalPostgres(server_folder / "postgres", settings={"shared_buffers": "16MB"}) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE promise (n int)")
            connection.execute("INSERT INTO promise VALUES (42)")
        server.kill()
        server.restart()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT n FROM promise").fetchone() == (42,)


def test_orders_in_the_brokers_files_are_for_their_owner_alone(kafka_server: Stack) -> None:
    if kafka_server.kafka is None:
        pytest.skip("the broker runs in a container")
    folder = kafka_server.kafka.folder
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # the broker renames what it keeps
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_valkey_asks_for_its_password_and_keeps_its_place_over_a_restart(tmp_path: Path) -> None:
    if valkey_choice().rung is not Rung.LOCAL:
        pytest.skip("starts a server of its own, which only the local rung can")
    with start_stack(tmp_path / "stack", parts=["valkey"]) as stack:
        assert (stack.bootstrap_servers, stack.database_url) == ("", "")
        assert stack.environment()["POINTS_REDIS__URL"] == stack.redis_url
        with redis.Redis.from_url(stack.redis_url) as client:
            client.set("key", "value")
            assert stack.valkey is not None
            stack.valkey.restart()
            assert client.get("key") is None, "it is in memory alone"
        without = "redis://" + stack.redis_url.partition("@")[2]
        with redis.Redis.from_url(without) as client, pytest.raises(redis.AuthenticationError):
            client.get("key")
        for path in stack.valkey.folder.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_providers_and_keys_of_notices_outlive_who_started_them(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    with start_stack(folder, parts=("valkey",), sinks=True) as stack:
        keys = Path(stack.environment()["POINTS_NOTICES__KEY_FILE"])
        first = keys.read_text()
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        assert first not in stack.environment_file.read_text()
        # PostgreSQL may be another user's, and has its data below it.
        assert folder.stat().st_mode & stat.S_IXOTH
        found = running(folder)
        assert found is not None
        assert found.providers == stack.providers
        with urlopen(f"{stack.providers['POINTS_MITAKE__URL']}/counts", timeout=10) as answer:  # noqa: S310 - our own http URL
            assert answer.read() == b"{}"
    with start_stack(folder, parts=("valkey",), sinks=True):
        assert keys.read_text() == first


LEAVE_RUNNING = """
import sys
from pathlib import Path
from deploy.local.stack import start_stack
start_stack(Path(sys.argv[1]), parts=("valkey",), sinks=True)
print("left running", flush=True)
"""


def test_who_reads_what_starting_prints_is_not_kept_waiting_by_what_was_started(
    tmp_path: Path,
) -> None:
    """A pipe ends when the last process that has it does, and servers stay."""
    folder = tmp_path / "stack"
    try:
        ran = subprocess.run(
            [sys.executable, "-c", LEAVE_RUNNING, str(folder)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    finally:
        stack = running(folder)
        assert stack is not None
        stack.stop(wipe=True)
    assert ran.stdout.endswith("left running\n")
