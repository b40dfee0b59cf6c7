"""The rung of tests where a container engine answers: servers in throw-away containers.

testcontainers starts them through the engine's API, so Podman's socket serves as Docker's does.
"""

import functools
import os
import secrets
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import psycopg

from deploy.local.kafka_local import KAFKA_VERSION, answers
from deploy.local.process import Identity, StartError, free_ports, last_lines, wait_until
from deploy.local.service import Service
from deploy.local.valkey_local import answers as valkey_answers

KAFKA_IMAGE = "POINTS_TEST_IMAGE_KAFKA"
"""Names another image for Kafka's container."""
POSTGRES_IMAGE = "POINTS_TEST_IMAGE_POSTGRES"
"""Names another image for PostgreSQL's container, which has to take the variables POSTGRES_*."""
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
VALKEY_IMAGE = "POINTS_TEST_IMAGE_VALKEY"
"""Names another image for Valkey's container, which has to have `valkey-server` on its path."""
START_SECONDS = 120


@functools.cache
def missing() -> str | None:
    """Why no container can be started, in words; None when one can. Asked once a process."""
    try:
        from testcontainers.core.docker_client import (  # noqa: PLC0415 - a developer's
            DockerClient,
            get_docker_host,
        )
    except ImportError:
        return "the package testcontainers is not installed (make setup)"
    address = get_docker_host() or DEFAULT_ADDRESS
    if address.startswith("unix://") and not Path(address.removeprefix("unix://")).is_socket():
        return f"no container engine answers at {address}"
    try:
        engine = DockerClient(timeout=10).client
        engine.ping()
        engine.close()
    except Exception as error:  # noqa: BLE001 - sockets, TLS, HTTP: whatever it is, none answers
        return f"no container engine answers at {address} ({type(error).__name__})"
    return None


class ContainerService(Service):
    """One server in a container of its own, on a port of the engine's host."""

    name: str
    inner_port: int

    def __init__(self, image: str) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - a developer's
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

        self.host = DockerClient().host()
        self.port = free_ports(1)[0]
        self._container = DockerContainer(image).with_bind_ports(self.inner_port, self.port)
        self._container.with_envs(**self.variables())
        if command := self.command():
            self._container.with_command(command)

    @abstractmethod
    def variables(self) -> Mapping[str, str]:
        """The container's environment."""

    def command(self) -> list[str]:
        """What the container runs; the image's own when empty."""
        return []

    @abstractmethod
    def answers(self) -> bool:
        """Whether clients are served."""

    def launch(self) -> None:
        """Pull the image if need be and start the container."""
        try:
            self._container.start()
        except Exception as error:
            raise StartError(f"The container of {self.name} did not start: {error}") from error

    def wait_ready(self) -> None:
        """Return when it answers; StartError with the end of its log otherwise."""
        if not wait_until(self.answers, within=START_SECONDS):
            log = b"".join(self._container.get_logs()).decode(errors="replace")
            raise StartError(
                [
                    f"{self.name} did not answer within {START_SECONDS} s:",
                    *last_lines(log).splitlines(),
                ]
            )

    def stop(self) -> None:
        """Remove the container and its data."""
        self._container.stop()

    def identities(self) -> list[Identity]:
        """None: the engine's processes are not ours to stop."""
        return []


class KafkaContainer(ContainerService):
    """Apache Kafka in KRaft mode: one broker, without topics of its own making."""

    name = "Apache Kafka"
    inner_port = 9092

    def __init__(self) -> None:
        super().__init__(os.environ.get(KAFKA_IMAGE) or f"apache/kafka:{KAFKA_VERSION}")

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka's clients begin."""
        return f"{self.host}:{self.port}"

    def variables(self) -> Mapping[str, str]:
        """As in deploy/compose/compose.yaml."""
        return {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://localhost:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self.bootstrap_servers}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_RETENTION_MS": "-1",
        }

    def answers(self) -> bool:
        """Whether the broker lists its topics."""
        return answers(self.port, self.host)


class PostgresContainer(ContainerService):
    """PostgreSQL, durable as its defaults are."""

    name = "PostgreSQL"
    inner_port = 5432

    def __init__(self) -> None:
        self._password = secrets.token_urlsafe(24)
        super().__init__(os.environ.get(POSTGRES_IMAGE) or "postgres:18")

    @property
    def database_url(self) -> str:
        """The owner's URL. It holds the password: not for printing."""
        return f"postgresql://points_owner:{self._password}@{self.host}:{self.port}/points"

    def variables(self) -> Mapping[str, str]:
        """As in deploy/compose/compose.yaml."""
        return {
            "POSTGRES_USER": "points_owner",
            "POSTGRES_PASSWORD": self._password,
            "POSTGRES_DB": "points",
            "TZ": "UTC",
        }

    def answers(self) -> bool:
        """Whether the owner may log in, which is refused while the image sets the server up."""
        try:
            psycopg.connect(self.database_url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class ValkeyContainer(ContainerService):
    """Valkey, with a password and nothing on disk."""

    name = "Valkey"
    inner_port = 6379

    def __init__(self) -> None:
        self._password = secrets.token_urlsafe(24)
        super().__init__(os.environ.get(VALKEY_IMAGE) or "valkey/valkey:8.1")

    @property
    def redis_url(self) -> str:
        """Where clients log in. It holds the password: not for printing."""
        return f"redis://:{self._password}@{self.host}:{self.port}/0"

    def variables(self) -> Mapping[str, str]:
        """None."""
        return {}

    def command(self) -> list[str]:
        """As in deploy/compose/compose.yaml."""
        return ["valkey-server", "--requirepass", self._password, "--save", ""]

    def answers(self) -> bool:
        """Whether it answers a ping."""
        return valkey_answers(self.redis_url)
