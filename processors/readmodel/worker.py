"""The read model's worker: balances for checkout, copied from the database to Redis or Valkey.

See architecture.md 2.10, account.md 9. A crash anywhere is harmless: what was not written is told
again, and what is written twice changes nothing.
"""

import time
from typing import Final, Self

from processors import metrics
from processors.readmodel.changes import Changes
from processors.readmodel.members import member_of_event
from processors.runtime.configuration import Configuration
from processors.runtime.logs import log
from processors.runtime.phases import PHASES
from processors.runtime.worker import DatabaseWorker
from store.postgres.session import Cursor, Database, raw
from store.streams.waiting_events import WaitingEvents, heads
from store.valkey import client as valkey
from store.valkey.client import Client, answering
from store.valkey.comparison import Comparison
from store.valkey.keys import SERVER, MemberKey
from store.valkey.model import ReadModel
from store.valkey.states import of_members

OFF_SECONDS: Final = 0.5
"""Between two turns where no Redis is named, so that the loop is seen to turn."""
SERVER_SECONDS: Final = 1.0
"""Between two looks which run of Redis answers."""
STUCK_SECONDS: Final = 0.4
"""A head of the outbox that stays for so long: then its events are read from there. A relay at work
takes it within 0.1 s.
"""
COMPARE_SECONDS: Final = 86_400.0
"""Between two comparisons without a reason: they find what nothing else would notice, such as a
replica that took over without the last writes.
"""
WRITTEN_AT_ONCE: Final = 1000
"""Members read and written together."""


class ReadModelWorker(DatabaseWorker):
    """Reads the balances again that changed, and writes them over older ones.

    `changes` is None where no Redis is named: then the read model is off.
    """

    def __init__(
        self, connection: Database, client: Client | None, changes: Changes | None
    ) -> None:
        """`client` with store.valkey.client.WORKER_SECONDS."""
        self._client, self._changes = client, changes
        self._model = ReadModel(client) if client is not None else None
        self._pending: set[MemberKey] = set()
        self._comparison: Comparison | None = None
        self._run_id: str | None = None
        self._server_at = self._heads_at = 0.0
        self._compare_at = time.monotonic() + COMPARE_SECONDS
        self._heads: dict[int, int] = {}
        self._waiting: dict[int, WaitingEvents] = {}
        super().__init__(connection)

    @classmethod
    def of(cls, configuration: Configuration, connection: Database) -> Self:
        """A worker for the configured Redis, if one is named."""
        url = configuration.redis.url
        if url is None or not url.get_secret_value():
            log().info("read_model_off", why="POINTS_REDIS__URL names no Redis or Valkey")
            return cls(connection, None, None)
        client = valkey.connect(
            url.get_secret_value(), seconds=valkey.WORKER_SECONDS, name="points-readmodel"
        )
        changes = Changes(configuration.kafka, configuration.topics.points_changed)
        return cls(connection, client, changes)

    def turn(self) -> float:
        """Takes what changed, reads it and writes it; compares a slice where that is due."""
        if self._client is None or self._changes is None:
            return OFF_SECONDS
        self._look_at_server(self._client)
        with PHASES.spending("poll"):
            self._pending |= self._changes.poll()
        # Before the offsets move, or a crash would forget that changes were missed.
        if self._changes.missed:
            self._start_comparing("events may have been missed")
            self._changes.missed = False
        self._follow_outbox()
        self._write_pending()
        self._changes.written()
        self._compare(self._client)
        return 0.0

    def _look_at_server(self, client: Client) -> None:
        """Another run of Redis may hold what an old snapshot held, or what a replica had."""
        if time.monotonic() < self._server_at:
            return
        self._server_at = time.monotonic() + SERVER_SECONDS
        run_id = valkey.run_id(client)
        if run_id == self._run_id:
            return
        with answering():
            compared = client.get(SERVER)
        if compared != run_id.encode():
            self._start_comparing("another run of Redis answers")
        self._run_id = run_id

    def _follow_outbox(self) -> None:
        """Takes events from the outbox where the relay does not: it or Kafka may be down."""
        if time.monotonic() < self._heads_at:
            return
        self._heads_at = time.monotonic() + STUCK_SECONDS
        cursor = raw(self._connection)
        now = heads(cursor)
        stuck = {shard for shard, head in now.items() if self._heads.get(shard) == head}
        self._waiting = {s: self._waiting.get(s) or WaitingEvents(s) for s in stuck}
        self._heads = now
        for waiting in self._waiting.values():
            events, more = waiting.read(cursor)
            self._pending |= {m for event in events if (m := member_of_event(event)) is not None}
            if more:
                self._heads_at = 0.0

    def _write_pending(self) -> None:
        """What fails on the way stays pending, and Kafka's offsets behind it."""
        cursor = raw(self._connection)
        while self._pending:
            members = [self._pending.pop() for _ in range(min(WRITTEN_AT_ONCE, len(self._pending)))]
            try:
                self._write(cursor, members)
            except BaseException:
                self._pending.update(members)
                raise

    def _write(self, cursor: Cursor, members: list[MemberKey]) -> None:
        if self._model is not None:
            self._model.put(cursor, of_members(cursor, members))
        self.worked = True
        metrics.READMODEL_WRITTEN.inc(len(members))

    def _compare(self, client: Client) -> None:
        if time.monotonic() > self._compare_at:
            self._start_comparing("a day has passed")
        if self._comparison is None:
            return
        metrics.READMODEL_COMPARED.inc(self._comparison.slice(raw(self._connection)))
        if self._comparison.done:
            with answering():
                client.set(SERVER, self._run_id or "")
            self._comparison = None
            log().info("read_model_compared")

    def _start_comparing(self, why: str) -> None:
        """From the first key, also when a comparison is on its way: it may have passed some."""
        if self._client is None or self._model is None:
            return
        with answering():
            self._client.delete(SERVER)
        log().info("comparing_read_model", why=why)
        self._comparison = Comparison(self._client, self._model)
        self._compare_at = time.monotonic() + COMPARE_SECONDS

    def drop(self) -> None:
        """What is pending stays so: members to read again, whatever happened."""
        self._server_at = 0.0

    def idle(self, seconds: float) -> None:
        """Stays in the group; Redis or the database is waited for."""
        if self._changes is None:
            super().idle(seconds)
        else:
            self._pending |= self._changes.idle(seconds)

    def trouble(self) -> str | None:
        """Kafka that cannot be read, although Redis and the database can."""
        return self._changes.trouble() if self._changes is not None else None

    def sample(self) -> None:
        """How far the model is behind."""
        if self._changes is None:
            return
        metrics.READMODEL_LAG.set(self._changes.lag() + len(self._pending))
        oldest = self._changes.oldest_at
        metrics.READMODEL_OLDEST.set(oldest / 1_000_000 if oldest is not None else 0)

    def close(self) -> None:
        """Leaves the group where it is, and the offsets behind what was written."""
        if self._changes is not None:
            if not self._pending:
                self._changes.written(at_once=True)
            self._changes.close()
        if self._client is not None:
            self._client.close()
