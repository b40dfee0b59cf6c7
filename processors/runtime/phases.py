"""Where a worker's time goes: a few looks at the clock for each batch, none for a record."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from processors import metrics
from store.postgres.session import Database

Spent = Literal["poll", "produce"]
"""What a worker says itself: that it waits for work, or for Kafka to take records."""


class Phases:
    """The phases of the loop of this process; together they are all of its time."""

    def __init__(self) -> None:
        """The time begins now."""
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._turned_at = time.perf_counter()
        self._connection: Database | None = None
        self._waited = 0.0

    @contextmanager
    def spending(self, phase: Spent) -> Iterator[None]:
        """What is done meanwhile is this phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent[phase] += time.perf_counter() - began

    def turned(self, connection: Database | None) -> None:
        """The loop has turned: what was neither said nor waited for PostgreSQL was deciding."""
        now = time.perf_counter()
        took, self._turned_at = now - self._turned_at, now
        database = self._database(connection)
        known = database + sum(self._spent.values())
        for phase, seconds in (*self._spent.items(), ("database", database)):
            metrics.LOOP_SECONDS.labels(phase).inc(seconds)
        metrics.LOOP_SECONDS.labels("decide").inc(max(0.0, took - known))
        self._spent.clear()

    def _database(self, connection: Database | None) -> float:
        """Seconds for which the connection waited since the last turn."""
        if connection is not self._connection:
            self._connection, self._waited = connection, 0.0
        before, self._waited = self._waited, getattr(connection, "waited", 0.0)
        return self._waited - before


PHASES: Final = Phases()
"""One loop runs in a process."""
