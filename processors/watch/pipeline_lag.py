"""How far each pipeline is behind, from its cursors and the ends of the logs.

Workers tell their own lag, of the partitions they have. This is the whole, also while none of them
lives.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from processors import metrics
from processors.metric_types import at_scrape
from processors.pipeline.pipeline import NOTICES
from processors.runtime.failures import one_line
from processors.runtime.kafka.logs import LogEnds
from processors.watch.logs import Logs
from store.postgres.session import Cursor
from store.streams import cursors
from store.streams.cursors import PartitionId

LOOKED_AT: Final = 64
"""Records at most whose time is read at once; those of other partitions follow."""
GAUGES: Final = (metrics.PIPELINE_LAG, metrics.PIPELINE_LAG_SECONDS, metrics.PIPELINE_OLDEST)

_Place = tuple[str, PartitionId]
"""A pipeline in a partition."""
_Shown = tuple[str, str]
"""Pipeline and topic, as the gauges have them."""
NONE: Final = 0.0
"""The time of a record where there is none."""


class _Oldest(NamedTuple):
    """The first unprocessed record of a partition: where it stands, and its own time.

    `read_at`: when that time was read, by the monotonic clock; 0 as long as it is a guess.
    """

    offset: int
    since: float
    read_at: float = 0.0


def unprocessed_from(log: LogEnds, cursor: int | None) -> int:
    """The offset of the first record that is not processed.

    Without a cursor all that is in the log, as intake would begin; with one outside the log as
    well, since records were lost there and an operator has to say where to go on.
    """
    return cursor if cursor is not None and log.first <= cursor <= log.next else log.first


class PipelineLag:
    """Keeps the gauges of lag from outside."""

    def __init__(
        self,
        logs: Logs,
        pipelines: Mapping[str, Sequence[str]],
        groups: Mapping[str, str],
        lane: Sequence[str],
    ) -> None:
        """The topics that each pipeline reads by cursors of ours, and a group reads by its own.

        `lane` are those of the notices lane, which is followed where it has ever run.
        """
        self._logs, self._engine, self._groups, self._lane = logs, pipelines, groups, lane
        self._oldest: dict[_Place, _Oldest] = {}
        self._since: dict[_Shown, float] = {}

    @property
    def topics(self) -> list[str]:
        """All that may be read, each once."""
        return list(dict.fromkeys((*self._read(self._engine), *self._lane)))

    def _read(self, pipelines: Mapping[str, Sequence[str]]) -> list[str]:
        topics = [topic for each in pipelines.values() for topic in each]
        return [*topics, *self._groups.values()]

    def look(
        self, cursor: Cursor, cluster: str, partitions: Mapping[str, Sequence[PartitionId]]
    ) -> list[str]:
        """Sets the gauges; what cannot be said. Raises KafkaException when no broker answers.

        `partitions` are those of our topics that exist. A topic whose end is not known keeps what
        was said of it.
        """
        # Where we are before where the logs end: what is processed meanwhile is not behind the end.
        positions, pipelines = self._positions(cursor, cluster)
        read = set(self._read(pipelines))
        partitions = {topic: of for topic, of in partitions.items() if topic in read}
        committed = self._committed(partitions)
        places = [place for of_topic in partitions.values() for place in of_topic]
        ends, failed = self._logs.ends(places)
        starts = {
            (pipeline, place): unprocessed_from(
                log, positions.get((pipeline, place.topic_uuid, place.partition))
            )
            for pipeline, topics in pipelines.items()
            for place, log in ends.items()
            if place.topic in topics
        }
        starts |= {
            key: unprocessed_from(ends[key[1]], at)
            for key, at in committed.items()
            if key[1] in ends
        }
        self._note({key: at for key, at in starts.items() if ends[key[1]].next > at}, time.time())
        self._show({key: ends[key[1]].next - at for key, at in starts.items()}, failed.keys())
        missing = [f"{topic} does not exist" for topic in sorted(read - partitions.keys())]
        return missing + [f"{topic}: {one_line(error)}" for topic, error in failed.items()]

    def _positions(
        self, cursor: Cursor, cluster: str
    ) -> tuple[Mapping[tuple[str, str, int], int], Mapping[str, Sequence[str]]]:
        """Where cursors stand, and of which pipelines: the notices lane is one if it ever ran."""
        positions = cursors.positions(cursor, cluster)
        of_notices = cursors.positions_of_notices(cursor, cluster) if self._lane else None
        if of_notices is None:
            return positions, self._engine
        return positions | of_notices, {**self._engine, NOTICES: self._lane}

    def _committed(self, partitions: Mapping[str, Sequence[PartitionId]]) -> dict[_Place, int]:
        """Where groups are by Kafka's offsets. One without an offset begins at the end."""
        return {
            (group, place): at
            for group, topic in self._groups.items()
            for place, at in self._logs.committed(group, partitions.get(topic, ())).items()
        }

    def _note(self, behind: Mapping[_Place, int], now: float) -> None:
        """Keeps the time of the oldest record of each partition; read once for an offset.

        One that could not be read is as old as what was the oldest before, or as it is seen.
        """
        before = self._oldest
        self._oldest = {
            key: old if (old := before.get(key)) is not None and old.offset == at and old.read_at
            else _Oldest(at, old.since if old is not None else now)
            for key, at in behind.items()
        }  # fmt: skip
        unread = [key for key, oldest in self._oldest.items() if not oldest.read_at]
        unread.sort(key=lambda key: before[key].read_at if key in before else 0.0)
        by_pipeline: dict[str, dict[PartitionId, int]] = {}
        for pipeline, place in unread[:LOOKED_AT]:
            by_pipeline.setdefault(pipeline, {})[place] = behind[pipeline, place]
        for pipeline, offsets in by_pipeline.items():
            for place, since in self._logs.times(offsets).items():
                read = _Oldest(offsets[place], min(since, now), time.monotonic())
                self._oldest[pipeline, place] = read

    def _show(self, lags: Mapping[_Place, int], unknown: AbstractSet[str]) -> None:
        messages: Counter[_Shown] = Counter()
        for (pipeline, place), records in lags.items():
            messages[pipeline, place.topic] += records
        kept = {shown: at for shown, at in self._since.items() if shown[1] in unknown}
        for gone in self._since.keys() - messages.keys() - kept.keys():
            for gauge in GAUGES:
                gauge.remove(*gone)
        self._since = kept | dict.fromkeys(messages, NONE)
        for (pipeline, place), oldest in self._oldest.items():
            shown = (pipeline, place.topic)
            self._since[shown] = min(self._since[shown] or oldest.since, oldest.since)
        for shown, records in messages.items():
            metrics.PIPELINE_LAG.labels(*shown).set(records)
            metrics.PIPELINE_OLDEST.labels(*shown).set(self._since[shown])
            at_scrape(metrics.PIPELINE_LAG_SECONDS, shown, self._age(shown))

    def _age(self, shown: _Shown) -> Callable[[], float]:
        def age() -> float:
            since = self._since.get(shown, NONE)
            return max(0.0, time.time() - since) if since else 0.0

        return age

    def forget(self) -> None:
        """Shows nothing until the next look: how far pipelines are behind is not known."""
        self._oldest.clear()
        self._since.clear()
        for gauge in GAUGES:
            gauge.clear()
