"""Which workers run: each writes a row every few seconds, and so proves that it can write."""

from typing import Final, NamedTuple

from schemas.ids import SECOND, Micros
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw

KEPT_SECONDS = 3600
"""How long a worker that ended without a word is remembered: enough to see that they restart."""

_SQL: Final = queries("postgres/worker_beats")


class WorkerBeat(NamedTuple):
    """A worker that runs, or ended without a word, and why it is not ready. `now`: the clock."""

    kind: str
    instance: str
    started: Micros
    beat: Micros
    trouble: str | None
    now: Micros

    @property
    def silent_seconds(self) -> float:
        """How long it has said nothing."""
        return (self.now - self.beat) / SECOND


def beat(connection: Database, kind: str, instance: str, trouble: str | None) -> None:
    """The worker runs. Raises psycopg.Error when nothing can be written."""
    raw(connection).execute(_SQL["beat"], [kind, instance, trouble])


def leave(connection: Database, kind: str, instance: str) -> None:
    """The worker ends in order."""
    raw(connection).execute(_SQL["leave"], [kind, instance])


def forget(connection: Database) -> None:
    """Workers that ended without a word long ago."""
    raw(connection).execute(_SQL["forget"], [KEPT_SECONDS * SECOND])


def known(connection: Database) -> list[WorkerBeat]:
    """All that run or ended lately, by kind and start."""
    return [WorkerBeat(*row) for row in raw(connection).execute(_SQL["all"]).fetchall()]
