"""What the commands ask of Kafka: topics as they are, the ends of their logs, and making what is missing."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

    from processors.runtime.configuration import Configuration

TIMEOUT = 6.0
"""Seconds: a broker that is up answers in milliseconds, and people wait for this."""


class Topic(NamedTuple):
    """A topic as it is."""

    name: str
    uuid: str
    partitions: int
    replication: int


class Ends(NamedTuple):
    """The first offset in a partition's log and the next one to be written."""

    first: int
    next: int


class Broker:
    """A Kafka cluster, reached. Raises Failure when it cannot be."""

    def __init__(self, configuration: "Configuration") -> None:
        """Asks for the cluster's metadata at once."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        from processors.runtime.kafka.clients import common

        self._said: list[KafkaError] = []
        # librdkafka would write to stderr by itself; what it has to say comes back through
        # error_cb.
        quiet = {"log_level": 0, "error_cb": self._said.append}
        self.admin = AdminClient(common(configuration.kafka, name="points-cli") | quiet)
        self._addresses = configuration.kafka.bootstrap_servers
        try:
            self._metadata: Any = self.admin.list_topics(timeout=TIMEOUT)
        except KafkaException as error:
            raise self._unreachable(error) from None
        self.cluster = str(self._metadata.cluster_id)

    def _unreachable(self, error: Exception) -> Failure:
        self.admin.poll(0)
        from confluent_kafka import KafkaError

        from processors.runtime.kafka.errors import NOT_LET_IN

        for told in self._said:
            if told.code() in NOT_LET_IN:
                remedy = "check POINTS_KAFKA__SASL_MECHANISM, POINTS_KAFKA__SASL_USERNAME and POINTS_KAFKA__SASL_PASSWORD"
                return Failure(
                    Exit.USAGE, f"Kafka at {self._addresses} refuses us: {told.str()}", remedy
                )
        general = {KafkaError._ALL_BROKERS_DOWN}  # noqa: SLF001 - says less than the errors before it
        texts = [told.str() for told in self._said if told.code() not in general] or [
            str(error.args[0].str())
        ]
        return Failure(
            Exit.UNREACHABLE,
            f"Kafka at {self._addresses} cannot be reached: {texts[-1]}",
            "check POINTS_KAFKA__BOOTSTRAP_SERVERS, POINTS_KAFKA__SECURITY_PROTOCOL and that the broker runs",
        )

    @property
    def is_mock(self) -> bool:
        """Whether this is the local stack's last rung, which makes topics by itself and knows no settings of them."""
        from processors.runtime.kafka.topics import is_mock

        return is_mock(self.cluster)

    @property
    def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len(self._metadata.brokers)

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of the named topics that exist."""
        from processors.runtime.kafka.topics import describe

        wanted = [name for name in dict.fromkeys(names) if name in self._metadata.topics]
        described = describe(self.admin, self._metadata, wanted, TIMEOUT, lenient=True)
        return {name: Topic(name, *one) for name, one in described.items()}

    def ends(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Ends]:
        """The ends of the logs of (topic, partition)."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import OffsetSpec

        places = [TopicPartition(topic, number) for topic, number in partitions]
        if not places:
            return {}
        earliest: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        firsts = self.admin.list_offsets(dict.fromkeys(places, earliest), request_timeout=TIMEOUT)
        nexts = self.admin.list_offsets(dict.fromkeys(places, latest), request_timeout=TIMEOUT)
        first = {(p.topic, p.partition): f.result().offset for p, f in firsts.items()}
        return {
            (p.topic, p.partition): Ends(first[p.topic, p.partition], f.result().offset)
            for p, f in nexts.items()
        }

    def settings(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The configuration of topics, by topic."""
        from confluent_kafka.admin import ConfigResource

        if self.is_mock:
            return {name: {} for name in names}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        described = (
            self.admin.describe_configs(resources, request_timeout=TIMEOUT) if resources else {}
        )
        return {
            r.name: {k: str(v.value) for k, v in f.result().items()} for r, f in described.items()
        }

    def create(
        self, name: str, partitions: int, replication: int, settings: dict[str, str]
    ) -> bool:
        """Makes a topic; False when somebody else just did. Raises KafkaException."""
        from confluent_kafka import KafkaError, KafkaException
        from confluent_kafka.admin import NewTopic

        if self.is_mock:
            self._producer().list_topics(name, timeout=TIMEOUT)
            return True
        new = NewTopic(name, partitions, replication, config=settings)
        try:
            self.admin.create_topics([new], operation_timeout=TIMEOUT)[name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def _producer(self) -> "Producer":
        """On the mock broker a topic comes into being when a producer asks for it."""
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self._addresses, "log_level": 0})

    def refresh(self, names: Iterable[str]) -> None:
        """Asks again until the named topics are known everywhere, for some seconds at most."""
        wanted, until = set(names), time.monotonic() + TIMEOUT
        while True:
            self._metadata = self.admin.list_topics(timeout=TIMEOUT)
            if wanted <= self._metadata.topics.keys() or time.monotonic() > until:
                return
            time.sleep(0.05)
