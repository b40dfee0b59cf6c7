"""What a kind of worker does, and what the kinds that read no topic have in common.

The loop (processors/runtime/loop.py) does the rest: it connects, waits out trouble and stops.
"""

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol, Self

from processors.runtime.configuration import Configuration
from store.postgres.interning import InternedStrings
from store.postgres.session import Database
from store.settings.merchants import Merchants


class Worker(Protocol):
    """What a kind of worker does in the loop."""

    @property
    def pipeline(self) -> str | None:
        """The pipeline that poison may pause, for workers that read one."""

    batch_share: float
    """How much of its usual batch to take: the loop lowers it when a statement took too long."""

    worked: bool
    """Whether the last turn had something to write, and wrote it."""

    def use(self, connection: Database) -> None:
        """Goes on with a new connection.

        What was in hand is void: whether it was committed, the database knows.
        """

    def turn(self) -> float:
        """One turn of work.

        Answers how many seconds to wait before the next. 0: there is more to do.
        """

    def drop(self) -> None:
        """Forgets what is in hand and goes on from what the database says."""

    def idle(self, seconds: float) -> None:
        """Lets time pass while something is out of order, and keeps its place among the workers."""

    def trouble(self) -> str | None:
        """Why the worker cannot do its work at the moment although its turns succeed.

        None when it can.
        """

    def sample(self) -> None:
        """Sets the gauges that are read from tables."""

    def close(self) -> None:
        """Leaves in an orderly way."""


def new_instance() -> str:
    """A name for this process among all, of every start another: host, process, random digits."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(2).hex()}"


StillTurning = Callable[[], bool]
"""Tells the loop that a long turn still goes on; answers whether the worker is to stop."""
TELL_SECONDS: Final = 1.0
"""Between two words to the loop of what has no statement in it and may take long.

A batch of the largest records takes longer to read than a worker may be silent, a minute, and
whoever is ended for it would be given the same batch again.
"""

WorkerFactory = Callable[[Configuration, Database, StillTurning], Worker]
"""Makes a worker. The registry has one for every kind."""


class DatabaseWorker(ABC):
    """A worker that reads no topic: it claims its work from tables.

    Its turns are short. A kind says in `of` how it is made, and overrides `turn` and what else it
    needs.
    """

    pipeline: str | None = None
    batch_share = 1.0
    worked = False

    def __init__(self, connection: Database) -> None:
        """All reads and effects go through `connection`."""
        self.use(connection)

    @classmethod
    def create(
        cls, configuration: Configuration, connection: Database, still_turning: StillTurning
    ) -> Self:
        """The worker as the loop makes it; one with short turns has no use for `still_turning`."""
        del still_turning
        return cls.of(configuration, connection)

    @classmethod
    def of(cls, configuration: Configuration, connection: Database) -> Self:
        """A worker as configured; most kinds need nothing but the connection."""
        del configuration
        return cls(connection)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection."""
        self._connection = connection

    def share_of(self, batch: int) -> int:
        """How much to take at once of what is usually `batch`."""
        return max(1, int(batch * self.batch_share))

    @abstractmethod
    def turn(self) -> float:
        """One turn of work; seconds to wait before the next."""

    def drop(self) -> None:
        """Nothing is in hand between turns."""

    def idle(self, seconds: float) -> None:
        """There is nothing to poll."""
        time.sleep(seconds)

    def trouble(self) -> str | None:
        """A turn that succeeds is all it takes."""
        return None

    def sample(self) -> None:
        """No gauge is read from a table."""

    def close(self) -> None:
        """Nothing is left open."""


class SettlingWorker(DatabaseWorker):
    """A worker that decides orders, and so remembers interned words and merchants' settings."""

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and reads what it remembers from there."""
        super().use(connection)
        self._words = InternedStrings(connection)
        self._merchants = Merchants(connection)
