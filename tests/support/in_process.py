"""Intake, recheck and grants inside the test's process: batches of records into a database.

What the feed would bring is given as lists; everything behind it is real. Each `InProcessWorker`
has a connection of its own, so that two of them in two threads are two workers.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

import orjson
import psycopg

from processors.cleanup import Cleanup
from processors.grants import Grants
from processors.intake.batch import Intake, IntakeResult
from processors.pipeline.bisection import process_in_parts
from processors.pipeline.pipeline import INTAKE, Pipeline
from processors.recheck.worker import Recheck
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record as Consumed
from schemas.packing import pack_id
from store.postgres import session
from store.streams import cursors, recheck
from store.streams.cursors import PartitionId
from tests.support.engine import (
    PATIENCE,
    Engine,
    wait_for,
)
from tests.support.upstream import Json, Record

CLUSTER = "a cluster"
TOPICS = {
    "orders": "commerce.orders.v1",
    "deliveries": "commerce.deliveries.v1",
    "customers": "commerce.customers.v1",
}


class Message:
    """A record as a batch gets it."""

    def __init__(self, record: Record, place: PartitionId, offset: int, timestamp: int) -> None:
        self._record, self._place = record, place
        self._offset, self._timestamp = offset, timestamp

    def topic(self) -> str:
        """The topic that it lies in."""
        return self._place.topic

    def partition(self) -> int:
        """The partition that it lies in."""
        return self._place.partition

    def key(self) -> bytes | None:
        """Its key."""
        return self._record.key.encode() if self._record.key is not None else None

    def value(self) -> bytes | None:
        """Its bytes."""
        return self._record.value

    def offset(self) -> int:
        """Its offset."""
        return self._offset

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Its headers, if it has any."""
        return [*self._record.headers] or None

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds."""
        return 1, self._timestamp


class Feed:
    """A worker's positions in partitions of its own, one of each topic."""

    def __init__(self, connection: Any, partition: int) -> None:
        self.cluster = CLUSTER
        self.places = {
            name: PartitionId(topic, f"uuid of {topic}", partition)
            for name, topic in TOPICS.items()
        }
        self.positions = {
            place: cursors.start(session.raw(connection), INTAKE, CLUSTER, place, 0)
            for place in self.places.values()
        }

    def done(self, offsets: dict[PartitionId, int]) -> None:
        """Goes on behind what was committed."""
        self.positions.update(offsets)


class InProcessWorker:
    """A worker of each kind on a connection of its own, which the server lists under `name`."""

    def __init__(self, engine: "InProcessEngine", name: str, partition: int) -> None:
        self.name = name
        self.connection = session.connect(engine.database_url, name=name)
        self._feed = Feed(self.connection, partition)
        feed: Any = self._feed
        configuration = Configuration.model_validate(
            {
                "kafka": {"bootstrap_servers": "nowhere"},
                "database": {"url": engine.database_url},
                **engine.configuration,
            }
        )
        pipeline = Pipeline(INTAKE, configuration, feed)
        self.intake = Intake(configuration, pipeline, self.connection, self._still_turning)
        self._recheck = Recheck(self.connection)
        self._grants = Grants(self.connection)
        self.cleanup = Cleanup(self.connection)
        self._gap: dict[PartitionId, int] = {}
        self.received_at: Callable[[], int] = lambda: self._now() // 1000
        """The time that a record gets from its topic, in milliseconds."""
        self.told = 0
        """How often its loop was told that a turn goes on."""

    @property
    def places(self) -> dict[str, PartitionId]:
        """Its partition of each topic, by the topic's short name."""
        return self._feed.places

    @property
    def positions(self) -> dict[str, int]:
        """The next offset in each."""
        return {name: self._feed.positions[place] for name, place in self.places.items()}

    def _still_turning(self) -> bool:
        self.told += 1
        return False

    def consume(self, *records: Record) -> IntakeResult:
        """One batch; what its last part did, where it had to be taken apart."""
        at = dict(self._feed.positions)
        for place, offsets in self._gap.items():
            at[place] += offsets
        self._gap.clear()
        batch = []
        received = self.received_at()
        for record in records:
            place = self._feed.places[record.topic]
            message: Any = Message(record, place, at[place], received)
            batch.append(Consumed(place, at[place], message))
            at[place] += 1
        done = [part for _, part in process_in_parts(self.intake, batch, lambda: False)]
        return done[-1]

    def _now(self) -> int:
        """The engine's clock, by which records are received and settings applied (D13)."""
        row = self.connection.execute("SELECT points_now()").fetchone()
        return int(row[0]) if row is not None else 0

    def skip_offsets(self, offsets: int) -> None:
        """The next record of the orders' topic lies so many offsets further on."""
        self._gap[self._feed.places["orders"]] = offsets

    def settle(self) -> None:
        """Work until the recheck queue is empty and nothing is due."""
        deadline = time.monotonic() + PATIENCE
        while recheck.waiting(session.raw(self.connection)):
            self._recheck.recheck_orders()
            assert time.monotonic() < deadline, "the recheck queue does not empty"
        deadline = time.monotonic() + PATIENCE
        while self._grants.grant().tally.claimed:
            assert time.monotonic() < deadline, "what is due is claimed and stays due"

    def turn(self) -> None:
        """One turn of recheck, and one of grants."""
        self._recheck.recheck_orders()
        self._grants.grant()

    def start(self, what: Callable[[], object]) -> "Running":
        """Do it in a thread."""
        return Running(self, what)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()


class Running(threading.Thread):
    """What a worker does in a thread; `ended` raises its error."""

    def __init__(self, worker: InProcessWorker, what: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.worker, self._what = worker, what
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Does it."""
        try:
            self._what()
        except BaseException as error:  # noqa: BLE001 - raised by `ended`
            self._error = error

    def ended(self) -> None:
        """Wait for the end, and raise what went wrong."""
        self.join(PATIENCE)
        assert not self.is_alive(), f"{self.worker.name} does not come to an end"
        if self._error is not None:
            raise self._error


class InProcessEngine(Engine):
    """A migrated database without topics; `first` and `second` are two workers."""

    configuration: Json = {}  # noqa: RUF012 - set by tests before the first worker is used

    def __init__(self, database_url: str, folder: Any) -> None:
        super().__init__("nowhere", database_url, "", folder)
        self._in_process: dict[str, InProcessWorker] = {}

    def worker(self, name: str) -> InProcessWorker:
        """A worker by its name."""
        if name not in self._in_process:
            self._in_process[name] = InProcessWorker(self, name, len(self._in_process))
        return self._in_process[name]

    @property
    def first(self) -> InProcessWorker:
        """The worker that does everything in most tests."""
        return self.worker("first")

    @property
    def second(self) -> InProcessWorker:
        """A second worker, for races."""
        return self.worker("second")

    def consume(self, *records: Record) -> IntakeResult:
        """The first worker processes one batch; then everything is settled."""
        done = self.first.consume(*records)
        self.first.settle()
        return done

    def points(self, merchant: str, member: str) -> int:
        """A member's balance."""
        return self.balances().get((merchant, member), 0)

    def waits(self, worker: InProcessWorker) -> str | None:
        """For which kind of lock the worker's connection waits."""
        query = """SELECT wait_event FROM pg_stat_activity
                   WHERE application_name = %s AND wait_event_type = 'Lock'"""
        rows = self.rows(query, worker.name)
        return str(rows[0][0]) if rows else None

    def until_waiting(self, worker: InProcessWorker) -> None:
        """Returns once the worker waits for a lock."""
        wait_for(f"{worker.name} waiting", lambda: self.waits(worker))

    def reports(self, merchant: str, order_id: str) -> bool:
        """Whether carriers' reports are kept with the order."""
        query = """SELECT reports IS NOT NULL FROM orders JOIN merchant USING (merchant_no)
                   WHERE merchant_id = %s AND order_id = %s"""
        return bool(self.value(query, merchant, pack_id(order_id)))

    def ambiguous(self) -> list[str]:
        """The tracking numbers with a report that could be about several orders."""
        return [
            bytes(row[0]).decode()
            for row in self.rows("SELECT number FROM tracking WHERE flags & 1 = 1 ORDER BY 1")
        ]

    def check_counts(self, records: int) -> None:
        """I7: every record was counted as one of five things."""
        assert sum(self.counts().values()) == records == self.consumed()
        uneven = """SELECT * FROM cursor WHERE next_offset - first_offset
                    <> applied + duplicate + ignored + parked + dead + control"""
        assert self.rows(uneven) == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self._in_process.values():
            worker.close()
        super().__exit__(*exc)


class Gate:
    """Holds every transaction that has written to a table until it is opened."""

    KEY = 4711

    def __init__(self, engine: InProcessEngine, table: str) -> None:
        self._connection = psycopg.connect(engine.database_url, autocommit=True)
        self._connection.execute(
            f"""
            CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock_shared({self.KEY}); RETURN NULL; END $$;
            CREATE TRIGGER gate AFTER INSERT OR UPDATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION wait_at_gate()
        """.encode()
        )
        self.shut()

    def shut(self) -> None:
        """From now on transactions wait."""
        self._connection.execute("SELECT pg_advisory_lock(%s)", [self.KEY])

    def open(self) -> None:
        """Lets them go on."""
        self._connection.execute("SELECT pg_advisory_unlock(%s)", [self.KEY])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()


def report(
    number: str | None,
    code: str | None,
    at: datetime,
    *,
    carrier: str = "ecpay",
    service: str = "tcat",
    **extra: object,
) -> Record:
    """A carrier's report; `extra` are further fields of it."""
    content: Json = {"carrier": carrier, "service": service, "occurred_at": at.isoformat(), **extra}
    if code is not None:
        content["code"] = code
    if number is not None:
        content["tracking_number"] = number
    return Record("deliveries", None, orjson.dumps(content))
