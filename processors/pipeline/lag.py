"""How far behind a pipeline is, as a number of records and as an age, by topic."""

import time
from collections.abc import Callable, Iterable, Mapping

from processors import metrics
from processors.metric_types import at_scrape
from store.streams.cursors import PartitionId


class Lag:
    """Keeps the gauges of lag.

    A partition's age is at most what has passed since it last was not behind at all.
    """

    def __init__(self, topics: list[str]) -> None:
        self._since: dict[PartitionId, float] = {}
        self._behind: dict[str, float] = dict.fromkeys(topics, 0.0)
        for topic in topics:
            at_scrape(metrics.LAG_SECONDS, [topic], self._age(topic))

    def _age(self, topic: str) -> Callable[[], float]:
        def age() -> float:
            since = self._behind[topic]
            return max(0.0, time.time() - since) if since else 0.0

        return age

    def processed(self, partitions: Iterable[PartitionId], newest: float) -> None:
        """Records up to a timestamp (seconds) were processed.

        What is left of their partitions is not much older.
        """
        for partition in partitions:
            self._since[partition] = max(self._since.get(partition, 0.0), newest)

    def update(self, lags: Mapping[PartitionId, int]) -> None:
        """Takes the number of records that are left, by partition."""
        now = time.time()
        self._since = {
            partition: self._since.get(partition, now) if lag else now
            for partition, lag in lags.items()
        }
        for topic in self._behind:
            of_topic = {part: lag for part, lag in lags.items() if part.topic == topic}
            behind = [self._since[part] for part, lag in of_topic.items() if lag]
            self._behind[topic] = min(behind, default=0.0)
            metrics.LAG.labels(topic).set(sum(of_topic.values()))
            metrics.OLDEST_UNPROCESSED.labels(topic).set(self._behind[topic])
