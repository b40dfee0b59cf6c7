"""The rung of last resort: the mock broker inside librdkafka, in a process of its own.

It forgets everything when it ends, makes topics by itself (4 partitions), keeps 100,000 messages or
5 MB of a partition, and has no administration of topics.
"""

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

from deploy.local.process import Daemon, Identity, StartError, private_folder
from deploy.local.progress import warn
from deploy.local.service import Service

START_SECONDS = 20
ANNOUNCED = "listening on "
LIMITS = (
    "Kafka is librdkafka's mock broker: good for a first look, not for tests of faults or load. "
    "It keeps nothing, makes topics by itself, and holds 100,000 messages or 5 MB of a partition. "
    "Install Docker, or Java 17 with Maven."
)


class MockBroker(Service):
    """One mock broker on a free port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.bootstrap_servers = ""
        self._daemon: Daemon | None = None

    def launch(self) -> None:
        """Warn of the limits and start the process."""
        warn(LIMITS)
        private_folder(self.folder)
        log = self.folder / "mock-broker.log"
        log.unlink(missing_ok=True)
        self._daemon = Daemon(
            "The mock broker", [sys.executable, str(Path(__file__).resolve())], log
        )

    def wait_ready(self) -> None:
        """Return when it has printed its address."""
        if self._daemon is None:
            raise StartError("The mock broker was not launched")
        self._daemon.wait_until(self._announced, within=START_SECONDS)

    def stop(self) -> None:
        """End it, and all it kept."""
        if self._daemon:
            self._daemon.stop(signal.SIGTERM)
            self._daemon = None

    def identities(self) -> list[Identity]:
        """The process started, for whoever stops it later."""
        return [self._daemon.identity] if self._daemon else []

    def _announced(self) -> bool:
        lines = (self.folder / "mock-broker.log").read_text().splitlines()
        addresses = [line.removeprefix(ANNOUNCED) for line in lines if line.startswith(ANNOUNCED)]
        self.bootstrap_servers = addresses[0] if addresses else ""
        return bool(addresses)


def main() -> None:
    """Hold a mock cluster of one broker until SIGTERM, having printed its address."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(producer.list_topics(timeout=START_SECONDS).brokers.values()))
    print(f"{ANNOUNCED}{broker.host}:{broker.port}", flush=True)
    while True:
        producer.poll(1.0)


if __name__ == "__main__":
    main()
