"""The topics that a worker reads: which they are, and whether they still are the same (I6)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.failures import TopicChanged
from processors.runtime.kafka.clients import ClientErrorListener, common
from processors.runtime.kafka.errors import UNKNOWN_TOPIC, kafka_error
from processors.runtime.kafka.topics import describe, is_mock
from schemas import remedies

METADATA_TIMEOUT = 5.0
GONE_AFTER = 3
"""Checks in a row that must miss a topic: a broker that just started may not know it yet."""

Described = Mapping[str, "Future[Any]"]
"""What the cluster will have said of each topic."""


class KnownTopics:
    """Topics by name, with their uuids when this worker began."""

    def __init__(self, kafka: KafkaConfiguration, worker: str, topics: Sequence[str]) -> None:
        """Asks for the uuids. Raises TopicChanged for topics that are not there, KafkaException."""
        self._worker, self._topics = worker, list(topics)
        self.listener = ClientErrorListener()
        self._admin = AdminClient(
            common(kafka, name=f"points-{worker}") | {"error_cb": self.listener}
        )
        self._missed = 0
        self.cluster, self.uuids = self._identify()

    def _identify(self) -> tuple[str, dict[str, str]]:
        try:
            metadata = self._admin.list_topics(timeout=METADATA_TIMEOUT)
        except KafkaException:
            self._admin.poll(0)
            self.raise_if_refused()
            raise
        missing = [t for t in self._topics if t not in metadata.topics]
        if missing:
            raise TopicChanged(
                f"topics {', '.join(missing)} do not exist",
                "create them with `points topics apply`",
            )
        self._is_mock = is_mock(metadata.cluster_id)
        described = describe(self._admin, metadata, self._topics, METADATA_TIMEOUT)
        return str(metadata.cluster_id), {topic: one.uuid for topic, one in described.items()}

    def raise_if_refused(self) -> None:
        """Raises KafkaException where the broker did not let a client in."""
        refused, self.listener.refused = self.listener.refused, None
        if refused is not None:
            raise KafkaException(refused)

    def check(self) -> None:
        """Raises TopicChanged if a topic was deleted or recreated.

        Raises KafkaException if the broker does not answer.
        """
        self.compare(self.ask())

    def ask(self) -> Described:
        """Asks which topics they are now; `compare` has the answers."""
        if self._is_mock:
            self._admin.list_topics(timeout=METADATA_TIMEOUT)
            return {}
        return self._admin.describe_topics(
            TopicCollection(self._topics), request_timeout=METADATA_TIMEOUT
        )

    def compare(self, described: Described) -> None:
        """Waits for the answers to `ask`. Raises as `check`."""
        for topic, future in described.items():
            try:
                now = str(future.result().topic_id)
            except KafkaException as error:
                if kafka_error(error).code() in UNKNOWN_TOPIC:
                    self._miss(topic)
                raise
            if now != self.uuids[topic]:
                raise TopicChanged(
                    f"topic {topic} was recreated (it was {self.uuids[topic]}, it is {now}), "
                    "and its cursor means nothing there",
                    remedies.adopt_cursor(self._worker),
                    where=topic,
                )
        self._missed = 0
        self.listener.alarmed = False

    def _miss(self, topic: str) -> None:
        self._missed += 1
        if self._missed >= GONE_AFTER:
            raise TopicChanged(
                f"topic {topic} is gone",
                f"create it with `points topics apply`, then {remedies.adopt_cursor(self._worker)}",
                where=topic,
            )
