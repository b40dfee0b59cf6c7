"""What the worker looks at by the clock: its topics, its rights, how far behind it is."""

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaException

from processors.notices.stream.app import LaneApp
from processors.pipeline.worker import TOPIC_SECONDS, TOPIC_SECONDS_IN_TROUBLE
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import one_line
from processors.runtime.kafka.identity import Described, KnownTopics
from processors.runtime.kafka.rights import rights_of
from processors.runtime.kafka.rights_check import RightsCheck

LAG_SECONDS: Final = 1.0


class Watching:
    """Asks the brokers and waits for no answer: they are taken when they have come."""

    def __init__(
        self, configuration: LaneConfiguration, worker: str, topics: Sequence[str]
    ) -> None:
        """Knows the topics' uuids, once the broker answers. Raises TopicChanged, KafkaException."""
        self.topics = KnownTopics(configuration.kafka, worker, topics)
        self.rights = RightsCheck(configuration.kafka, worker, rights_of(worker, configuration))
        self._asked: Described | None = None
        self._trouble: str | None = None
        self._check_at = time.monotonic() + TOPIC_SECONDS
        self._lag_at = 0.0

    def look(self, app: LaneApp) -> None:
        """Looks at everything whose time has come. Raises TopicChanged."""
        self.rights.look()
        self._look_at_topics()
        if time.monotonic() >= self._lag_at:
            self._lag_at = time.monotonic() + LAG_SECONDS
            app.show_lag()

    def _look_at_topics(self) -> None:
        now = time.monotonic()
        if self._asked is not None:
            if all(answer.done() for answer in self._asked.values()):
                self._take(now)
            return
        alarmed = self.topics.listener.alarmed and self._trouble is None
        if now >= self._check_at or alarmed:
            self._asked = self.topics.ask()

    def _take(self, now: float) -> None:
        asked, self._asked = self._asked or {}, None
        try:
            self.topics.compare(asked)
            self._trouble = None
        except KafkaException as error:
            self._trouble = f"kafka: {one_line(error)}"
        self._check_at = now + (TOPIC_SECONDS_IN_TROUBLE if self._trouble else TOPIC_SECONDS)

    def trouble(self) -> str | None:
        """No broker, or a right that is missing."""
        return self.rights.trouble() or self._trouble
