"""What commands ask of Kafka: topics as they are and as they are to be, the ends of their logs."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, Producer

    from processors.runtime.configuration import Configuration
    from processors.runtime.kafka.logs import LogEnds

Answer = TypeVar("Answer")
TIMEOUT = 6.0
"""Seconds: a broker that is up answers in milliseconds, and people wait for this."""
SETTLING = 30.0
"""The same for the first question about a group: a new cluster makes its topic of offsets first."""


class TopicInfo(NamedTuple):
    """A topic as it is in the cluster."""

    name: str
    uuid: str
    partitions: int
    replication: int


class Broker:
    """A Kafka cluster, reached. Raises Failure when it cannot be."""

    def __init__(self, configuration: "Configuration") -> None:
        """Asks for the cluster's metadata at once."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        from processors.runtime.kafka.clients import common

        self._errors: list[KafkaError] = []
        # librdkafka would write to stderr by itself; its errors come through error_cb instead.
        quiet = {"log_level": 0, "error_cb": self._errors.append}
        self.admin = AdminClient(common(configuration.kafka, name="points-cli") | quiet)
        self._kafka = configuration.kafka
        self._addresses = configuration.kafka.bootstrap_servers
        try:
            self._metadata: Any = self.admin.list_topics(timeout=TIMEOUT)
        except KafkaException as error:
            raise self._unreachable(error) from None
        self.cluster = str(self._metadata.cluster_id)

    def _unreachable(self, error: Exception) -> Failure:
        from confluent_kafka import KafkaError

        from processors.runtime.kafka.errors import NOT_LET_IN

        self.admin.poll(0)
        for noted in self._errors:
            if noted.code() in NOT_LET_IN:
                return Failure(
                    Exit.USAGE,
                    f"Kafka at {self._addresses} refuses us: {noted.str()}",
                    "check POINTS_KAFKA__SASL_MECHANISM, POINTS_KAFKA__SASL_USERNAME "
                    "and POINTS_KAFKA__SASL_PASSWORD",
                )
        # "All brokers are down" says less than the errors before it.
        general = {KafkaError._ALL_BROKERS_DOWN}  # noqa: SLF001 - librdkafka's name
        texts = [noted.str() for noted in self._errors if noted.code() not in general]
        text = texts[-1] if texts else str(error.args[0].str())
        return Failure(
            Exit.UNREACHABLE,
            f"Kafka at {self._addresses} cannot be reached: {text}",
            "check POINTS_KAFKA__BOOTSTRAP_SERVERS, POINTS_KAFKA__SECURITY_PROTOCOL "
            "and that the broker runs",
        )

    @property
    def is_mock(self) -> bool:
        """Whether this is the mock broker, which makes topics by itself and knows no settings."""
        from processors.runtime.kafka.topics import is_mock

        return is_mock(self.cluster)

    @property
    def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len(self._metadata.brokers)

    def topics(self, names: Iterable[str]) -> dict[str, TopicInfo]:
        """Those of the named topics that exist."""
        from processors.runtime.kafka.topics import describe

        wanted = [name for name in dict.fromkeys(names) if name in self._metadata.topics]
        described = describe(self.admin, self._metadata, wanted, TIMEOUT, lenient=True)
        return {name: TopicInfo(name, *info) for name, info in described.items()}

    def readers(self, group: str) -> dict[str, int]:
        """How many members of a consumer group have partitions of a topic, by topic."""
        from confluent_kafka import KafkaException

        try:
            described = self.admin.describe_consumer_groups([group], request_timeout=TIMEOUT)
            members = described[group].result().members
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":
                return {}
            raise
        topics = Counter(
            topic
            for member in members
            for topic in {place.topic for place in member.assignment.topic_partitions}
        )
        return dict(topics)

    def committed(self, group: str, topic: str) -> dict[tuple[str, int], int]:
        """The offsets that a group has committed of a topic's partitions; none where it has not."""
        from processors.runtime.kafka import logs

        if self.is_mock or topic not in self._metadata.topics:
            return {}
        places = [(topic, number) for number in self._metadata.topics[topic].partitions]
        reader = self._reader(group)
        try:
            return _once_settled(lambda: logs.committed(reader, places, SETTLING))
        finally:
            reader.close()

    def ends(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], "LogEnds"]:
        """The ends of the logs of (topic, partition). Raises KafkaException."""
        from processors.runtime.kafka import logs

        found, failed = logs.ends(self.admin, partitions, TIMEOUT)
        for error in failed.values():
            raise error
        return found

    def record_at(self, topic: str, partition: int, offset: int) -> "Message | None":
        """The first record of a partition at an offset or behind it; None when none can be read."""
        from confluent_kafka import TopicPartition

        reader = self._reader("points-cli")
        try:
            reader.assign([TopicPartition(topic, partition, offset)])
            message = reader.poll(TIMEOUT)
        finally:
            reader.close()
        return None if message is None or message.error() is not None else message

    def _reader(self, group: str) -> "Consumer":
        from confluent_kafka import Consumer

        from processors.runtime.kafka.clients import common

        reading = {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
        return Consumer(common(self._kafka, name="points-cli") | reading)

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
        """Creates a topic; False when another client just did. Raises KafkaException."""
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

    def set(self, name: str, settings: Mapping[str, str]) -> None:
        """Sets some settings of a topic, and leaves the others. Raises KafkaException."""
        from confluent_kafka.admin import (
            AlterConfigOpType,
            ConfigEntry,
            ConfigResource,
        )

        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        altered = self.admin.incremental_alter_configs([resource], request_timeout=TIMEOUT)
        altered[resource].result()

    def add_partitions(self, name: str, partitions: int) -> None:
        """Adds partitions to a topic until it has so many. Raises KafkaException."""
        from confluent_kafka.admin import NewPartitions

        more = NewPartitions(name, partitions)
        self.admin.create_partitions([more], operation_timeout=TIMEOUT)[name].result()

    def _producer(self) -> "Producer":
        """On the mock broker a topic comes into being when a producer asks for it."""
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self._addresses, "log_level": 0})

    def refresh(self, partitions: Mapping[str, int]) -> None:
        """Asks again until topics are known with so many partitions, for some seconds at most."""
        until = time.monotonic() + TIMEOUT
        while True:
            self._metadata = self.admin.list_topics(timeout=TIMEOUT)
            topics = self._metadata.topics
            known = all(
                name in topics and len(topics[name].partitions) >= least
                for name, least in partitions.items()
            )
            if known or time.monotonic() > until:
                return
            time.sleep(0.05)


def _once_settled(ask: Callable[[], Answer]) -> Answer:
    """The answer of a group's coordinator, which a cluster that has just started still moves."""
    from confluent_kafka import KafkaError, KafkaException

    moving = {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
    until = time.monotonic() + SETTLING
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in moving or time.monotonic() > until:
                raise
        time.sleep(0.1)


def broker_of(configured: "Configuration") -> "tuple[Broker | None, Failure | None]":
    """Kafka, or why it cannot be reached."""
    try:
        return Broker(configured), None
    except Failure as failure:
        return None, failure
