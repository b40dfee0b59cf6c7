"""The gauges of what waits in tables, whoever is to work it off."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Final

from processors import metrics
from processors.pipeline.pipeline import NOTICES
from schemas.ids import SECOND, Micros
from store.postgres.session import Cursor
from store.reads import gauges
from store.streams import recheck, refused

NONE: Final = 0.0
"""A timestamp that stands for "there is none"."""


class FirstSeen:
    """Since when the same thing has been the first of each of several queues."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._seen: dict[int, tuple[Hashable, float]] = {}

    def since(
        self, heads: Mapping[int, Hashable], known: Callable[[int], float | None]
    ) -> list[float]:
        """When each head came to wait, in seconds since 1970: as `known` says, else first seen."""
        now = time.time()
        self._seen = {
            queue: before
            if (before := self._seen.get(queue)) is not None and before[0] == head
            else (head, known(queue) or now)
            for queue, head in heads.items()
        }
        return [since for _, since in self._seen.values()]


class Waiting:
    """Reads the gauges, each by itself: a table that cannot be read hides no other."""

    def __init__(self, pipelines: Sequence[str]) -> None:
        """`pipelines` are those that poison may pause."""
        self._pipelines = pipelines
        self._outbox, self._recheck = FirstSeen(), FirstSeen()
        self._topics: set[str] = set()
        self._lane_shown = False

    @property
    def parts(self) -> Sequence[Callable[[Cursor], None]]:
        """What there is to read, a statement or two each."""
        return (
            self._due,
            self._outbox_rows,
            self._quarantine,
            self._rechecks,
            self._parked,
            self._holds,
            self._jobs,
            self._pauses,
        )

    def _due(self, cursor: Cursor) -> None:
        soonest, now = gauges.next_due(cursor)
        metrics.OLDEST_DUE.set(_overdue(soonest, now))
        metrics.DUE_ROWS.set(gauges.overdue_grants(cursor))

    def _outbox_rows(self, cursor: Cursor) -> None:
        metrics.OUTBOX_ROWS.set(gauges.outbox_rows(cursor))
        metrics.OUTBOX_REFUSED.set(refused.count(cursor))
        heads = {head.shard: head for head in gauges.outbox_heads(cursor)}

        def recorded(shard: int) -> float | None:
            """Events say when they were recorded; of others it is known how long they are seen."""
            at = gauges.recorded_at(cursor, heads[shard])
            return datetime.fromisoformat(at).timestamp() if at is not None else None

        ids = {shard: head.id for shard, head in heads.items()}
        metrics.OUTBOX_OLDEST.set(min(self._outbox.since(ids, recorded), default=NONE))

    def _quarantine(self, cursor: Cursor) -> None:
        waiting = gauges.quarantined(cursor)
        for topic in self._topics - waiting.keys():
            metrics.QUARANTINE.labels(topic).set(0)
            metrics.QUARANTINE_OLDEST.labels(topic).set(NONE)
        for topic, (count, oldest) in waiting.items():
            metrics.QUARANTINE.labels(topic).set(count)
            metrics.QUARANTINE_OLDEST.labels(topic).set(oldest / SECOND)
        self._topics |= waiting.keys()

    def _rechecks(self, cursor: Cursor) -> None:
        metrics.RECHECK_ROWS.set(recheck.waiting(cursor))
        since = self._recheck.since(gauges.recheck_heads(cursor), lambda _: None)
        metrics.RECHECK_OLDEST.set(min(since, default=NONE))

    def _parked(self, cursor: Cursor) -> None:
        count, oldest = gauges.parked(cursor)
        metrics.PARKED_REPORTS.set(count)
        metrics.PARKED_OLDEST.set(oldest / SECOND if oldest is not None else NONE)

    def _holds(self, cursor: Cursor) -> None:
        live, ends, now = gauges.holds(cursor)
        metrics.LIVE_HOLDS.set(live)
        metrics.OLDEST_OVERDUE_HOLD.set(_overdue(ends, now))

    def _jobs(self, cursor: Cursor) -> None:
        metrics.OPEN_JOBS.set(gauges.open_jobs(cursor))

    def _pauses(self, cursor: Cursor) -> None:
        paused = gauges.paused(cursor)
        for pipeline in self._pipelines:
            metrics.PIPELINE_PAUSED.labels(pipeline).set(pipeline in paused)
        self._lane_pause(cursor)

    def _lane_pause(self, cursor: Cursor) -> None:
        """Of the notices lane, until it is given up."""
        paused = gauges.lane_paused(cursor)
        if paused is not None:
            metrics.PIPELINE_PAUSED.labels(NOTICES).set(paused)
        elif self._lane_shown:
            metrics.PIPELINE_PAUSED.remove(NOTICES)
        self._lane_shown = paused is not None


def _overdue(soonest: Micros | None, now: Micros) -> float:
    return soonest / SECOND if soonest is not None and soonest <= now else NONE
