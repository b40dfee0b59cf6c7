"""Apache Kafka on this machine, from its Maven artifacts, in KRaft mode.

One broker, or several for tests of faults.
"""

import base64
import fcntl
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.local.process import (
    PRIVATE,
    Daemon,
    Identity,
    free_ports,
    listens,
    private_file,
    private_folder,
    run_tool,
)
from deploy.local.progress import step
from deploy.local.service import Service

KAFKA_VERSION = "4.1.1"
OLDEST_JAVA = 17
POM = Path(__file__).with_name("kafka-pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
DOWNLOAD_SECONDS = 600
FORMAT_SECONDS = 60
START_SECONDS = 90
HEAP_MB = 384

LASTING = ["-XX:+UseG1GC"]
BRIEF = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
"""To compile a second time what runs often costs more than it gives back within some minutes."""
LOGGING = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
]


def java_version() -> int | None:
    """The main version of the Java on the PATH, None without one."""
    if shutil.which("java") is None:
        return None
    done = subprocess.run(
        ["java", "-version"], capture_output=True, text=True, check=False, timeout=30
    )
    version = re.search(r'version "(\d+)', done.stderr)
    return int(version[1]) if version else None


def jars() -> Path:
    """The folder of the broker's jars, downloaded once."""
    return CACHE / KAFKA_VERSION


def missing() -> str | None:
    """What this machine lacks to run Kafka, in words; None when nothing."""
    java = java_version()
    if java is None or java < OLDEST_JAVA:
        return (
            f"Java {OLDEST_JAVA} or newer is needed, found {java or 'none'}"
            " (Debian: openjdk-17-jre-headless)"
        )
    if not jars().exists() and shutil.which("mvn") is None:
        return "Maven is needed to fetch Kafka's jars once (Debian: maven)"
    return None


def ensure_jars() -> Path:
    """Fetch the jars when they are not there; processes that do so at once wait for each other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars().exists():
            with step(f"Fetching Apache Kafka {KAFKA_VERSION} once (43 MB)"):
                download()
    return jars()


def download() -> None:
    """Let Maven copy the jars into a fresh folder, and name it properly only when it is whole."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        command = [
            "mvn",
            "--batch-mode",
            "--quiet",
            "--file",
            str(POM),
            f"-Dmaven.repo.local={scratch}/repository",
        ]
        copy = [
            "dependency:copy-dependencies",
            f"-DoutputDirectory={scratch}/jars",
            "-DincludeScope=runtime",
        ]
        run_tool("Fetching Kafka with Maven", [*command, *copy], within=DOWNLOAD_SECONDS)
        Path(scratch, "jars").rename(jars())


def java(main: str, *arguments: str, heap_mb: int, brief: bool = True) -> list[str]:
    """The command that runs a class of Kafka; `brief` for what ends before its speed matters."""
    memory = [f"-Xmx{heap_mb}m", "-Xms128m", *(BRIEF if brief else LASTING)]
    return ["java", *memory, *LOGGING, "-cp", f"{jars()}/*", main, *arguments]


@dataclass(frozen=True, slots=True)
class Node:
    """One broker of a cluster, which is a controller too: its number, folder and two ports."""

    number: int
    folder: Path
    port: int
    controller_port: int

    @property
    def config(self) -> Path:
        """Its server.properties."""
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "server.log"


def properties(node: Node, nodes: list[Node], more: Mapping[str, str] | None = None) -> str:
    """The server.properties of one node of a cluster, with further settings."""
    voters = ",".join(f"{each.number}@127.0.0.1:{each.controller_port}" for each in nodes)
    copies = min(3, len(nodes))
    values = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": node.folder / "data",
        # A mistyped topic must fail, as it does where operators create the topics.
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "share.coordinator.state.topic.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        # Each broker as if it stood in a zone of its own.
        "broker.rack": f"zone-{node.number}",
        "group.initial.rebalance.delay.ms": 0,
        # Sample events carry times of years ago, by which a broker would delete them at once.
        "log.retention.ms": -1,
        **(more or {}),
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


class LocalKafka(Service):
    """A cluster of brokers on 127.0.0.1 whose data live in `folder`.

    Ports stay the same over restarts of a node.
    """

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int = 1,
        heap_mb: int = HEAP_MB,
        settings: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
        java_options: Sequence[str] = (),
        brief: bool = False,
    ) -> None:
        """`settings`: further ones of every broker's server.properties.

        The options go to the storage tool, which makes the first logins, and to the broker's Java.
        `brief`: it serves some minutes of tests, and is not to be measured.
        """
        self.folder, self._settings = folder.resolve(), settings
        self._heap_mb = heap_mb
        self._format_options, self._java_options = format_options, java_options
        self._brief = brief
        ports = free_ports(2 * brokers)
        self._nodes = [
            Node(
                number,
                self.folder / f"broker-{number}",
                ports[2 * number - 2],
                ports[2 * number - 1],
            )
            for number in range(1, brokers + 1)
        ]
        self._daemons: dict[int, Daemon] = {}

    @property
    def bootstrap_servers(self) -> str:
        """Where clients begin, as librdkafka wants it."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)

    @property
    def brokers(self) -> list[int]:
        """The numbers of the brokers, from 1."""
        return [node.number for node in self._nodes]

    def identities(self) -> list[Identity]:
        """The processes started, for whoever stops them later."""
        return [daemon.identity for daemon in self._daemons.values()]

    def launch(self) -> None:
        """Format what is new and start every broker, without waiting for an answer."""
        ensure_jars()
        cluster = self._cluster_id()
        for node in self._nodes:
            private_folder(node.folder)
            private_file(node.config, properties(node, self._nodes, self._settings))
            if not (node.folder / "data" / "meta.properties").exists():
                arguments = ["format", "--cluster-id", cluster, "--config", str(node.config)]
                arguments += self._format_options
                command = java("kafka.tools.StorageTool", *arguments, heap_mb=128)
                run_tool(
                    "Formatting Kafka's storage", command, within=FORMAT_SECONDS, umask=PRIVATE
                )
            self._spawn(node)

    def wait_ready(self) -> None:
        """Return when every broker answers; StartError with the end of the log otherwise."""
        for node in self._nodes:
            listening = partial(answers, node.port)
            self._daemons[node.number].wait_until(listening, within=START_SECONDS)

    def stop(self, broker: int | None = None) -> None:
        """Stop one broker, or all, in an orderly way; data stay."""
        leaving = [
            self._daemons.pop(number) for number in list(self._daemons) if broker in {None, number}
        ]
        for daemon in leaving:
            daemon.ask_to_stop()
        for daemon in leaving:
            # The last voters of a cluster have no one to hand over to, and would wait for minutes.
            daemon.stop(patience=5 if len(leaving) > 1 else 15)

    def kill(self, broker: int) -> None:
        """End one broker as a crash would."""
        self._daemons.pop(broker).stop(signal.SIGKILL)

    def restart(self, broker: int = 1) -> None:
        """Start one broker again on its old port and data, and wait until it answers.

        It is stopped first when it runs.
        """
        self.stop(broker)
        node = next(node for node in self._nodes if node.number == broker)
        self._spawn(node)
        self._daemons[broker].wait_until(lambda: answers(node.port), within=START_SECONDS)

    def _spawn(self, node: Node) -> None:
        config, heap_mb = str(node.config), self._heap_mb
        command = java("kafka.Kafka", config, heap_mb=heap_mb, brief=self._brief)
        command[1:1] = self._java_options
        self._daemons[node.number] = Daemon("Apache Kafka", command, node.log)

    def _cluster_id(self) -> str:
        """The id of this cluster, made up once."""
        private_folder(self.folder)
        kept = self.folder / "cluster-id"
        if not kept.exists():
            private_file(kept, cluster_id(uuid.uuid4()))
        return kept.read_text()


def cluster_id(random: uuid.UUID) -> str:
    """A cluster id as Kafka writes its uuids: base64 for URLs, without padding.

    The digits of a leading `-` are changed: the storage tool would take the id for an option.
    """
    written = base64.urlsafe_b64encode(random.bytes).decode().rstrip("=")
    return "A" + written[1:] if written.startswith("-") else written


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a broker on this port lists its topics."""
    if not listens(port, host):
        return False
    admin = AdminClient({"bootstrap.servers": f"{host}:{port}", "log_level": 0})
    try:
        return len(admin.list_topics(timeout=5).brokers) > 0
    except KafkaException:
        return False
