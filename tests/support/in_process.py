"""Intake, recheck and grants in the test's own hand: batches of records straight into a database, one after the other.

What the feed would bring is given as lists; everything behind it is real. Each `Hand` has a
connection of its own, so that two of them in two threads are two workers.
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
from processors.intake.batch import Intake, IntakeResult, start_at
from processors.recheck.worker import Recheck
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.feed import Record as Consumed
from schemas.packing import pack_id
from store.postgres import migrate, session
from store.streams import recheck
from store.streams.cursors import PartitionId
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Json, Record

CLUSTER = "a cluster"
TOPICS = {
    "orders": "commerce.orders.v1",
    "deliveries": "commerce.deliveries.v1",
    "customers": "commerce.customers.v1",
}


class Message:
    """A record as a batch gets it."""

    def __init__(self, record: Record, offset: int, timestamp: int) -> None:
        self._record, self._offset, self._timestamp = record, offset, timestamp

    def key(self) -> bytes | None:
        """Its key."""
        return self._record.key.encode() if self._record.key is not None else None

    def value(self) -> bytes | None:
        """Its bytes."""
        return self._record.value

    def offset(self) -> int:
        """Where it stands."""
        return self._offset

    def headers(self) -> None:
        """It has none."""

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds."""
        return 1, self._timestamp


class Feed:
    """Where a worker stands: one partition of each topic, its own."""

    def __init__(self, connection: Any, partition: int) -> None:
        self.cluster = CLUSTER
        self.places = {
            name: PartitionId(topic, f"uuid of {topic}", partition)
            for name, topic in TOPICS.items()
        }
        self.positions = {
            place: start_at(connection, CLUSTER, place, 0) for place in self.places.values()
        }

    def done(self, offsets: dict[PartitionId, int]) -> None:
        """Goes on behind what was committed."""
        self.positions.update(offsets)


class Hand:
    """One worker of each kind, with a connection of its own, which the server lists under `name`."""

    def __init__(self, engine: "Desk", name: str, partition: int) -> None:
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
        self.intake = Intake(configuration, feed, self.connection)
        self._recheck = Recheck(self.connection)
        self._grants = Grants(self.connection)
        self.cleanup = Cleanup(self.connection)

    def hear(self, *records: Record) -> IntakeResult:
        """One batch."""
        at = dict(self._feed.positions)
        batch = []
        for record in records:
            place = self._feed.places[record.topic]
            message: Any = Message(record, at[place], time.time_ns() // 1_000_000)
            batch.append(Consumed(place, at[place], message))
            at[place] += 1
        return self.intake.process(batch)

    def settle(self) -> None:
        """Works until nothing is to be looked at again and nothing is due."""
        deadline = time.monotonic() + 30
        while recheck.waiting(session.raw(self.connection)):
            self._recheck.recheck_orders()
            assert time.monotonic() < deadline, "the recheck queue does not empty"
        while self._grants.grant().tally.claimed:
            pass

    def turn(self) -> None:
        """One turn of looking again, and one of grants."""
        self._recheck.recheck_orders()
        self._grants.grant()

    def start(self, what: Callable[[], object]) -> "Running":
        """Does it in a thread."""
        return Running(self, what)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()


class Running(threading.Thread):
    """Something a hand does meanwhile; `join` gives its trouble back."""

    def __init__(self, hand: Hand, what: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.hand, self._what = hand, what
        self._trouble: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Does it."""
        try:
            self._what()
        except BaseException as trouble:  # noqa: BLE001 - given to whoever waits
            self._trouble = trouble

    def ended(self) -> None:
        """Waits for the end, and raises what went wrong."""
        self.join(30)
        assert not self.is_alive(), f"{self.hand.name} does not come to an end"
        if self._trouble is not None:
            raise self._trouble


class Desk(Engine):
    """A migrated database without topics; `first` and `second` are two workers."""

    configuration: Json = {}  # noqa: RUF012 - set by subclasses and tests before the first hand is used

    def __init__(self, database_url: str, folder: Any) -> None:
        super().__init__("nowhere", database_url, "", folder)
        self._hands: dict[str, Hand] = {}

    def migrate(self) -> None:
        """Brings the database to the newest schema."""
        migrate.upgrade(self.database_url)

    def hand(self, name: str) -> Hand:
        """A worker by its name."""
        if name not in self._hands:
            self._hands[name] = Hand(self, name, len(self._hands))
        return self._hands[name]

    @property
    def first(self) -> Hand:
        """The worker that does everything in most tests."""
        return self.hand("first")

    @property
    def second(self) -> Hand:
        """Another one."""
        return self.hand("second")

    def hear(self, *records: Record) -> IntakeResult:
        """The first worker hears one batch; then everything is settled."""
        done = self.first.hear(*records)
        self.first.settle()
        return done

    def points(self, merchant: str, member: str) -> int:
        """A member's balance."""
        return self.balances().get((merchant, member), 0)

    def waits(self, hand: Hand) -> str | None:
        """For which kind of lock the hand's connection waits."""
        query = "SELECT wait_event FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
        rows = self.rows(query, hand.name)
        return str(rows[0][0]) if rows else None

    def until_waiting(self, hand: Hand) -> None:
        """Returns once the hand waits for a lock."""
        wait_for(f"{hand.name} waiting", lambda: self.waits(hand))

    def reports(self, merchant: str, order_id: str) -> bool:
        """Whether carriers' reports are kept with the order."""
        query = "SELECT reports IS NOT NULL FROM orders JOIN merchant USING (merchant_no) WHERE merchant_id = %s AND order_id = %s"
        return bool(self.value(query, merchant, pack_id(order_id)))

    def ambiguous(self) -> list[str]:
        """The tracking numbers of which some report could be of several orders."""
        return [
            bytes(row[0]).decode()
            for row in self.rows("SELECT number FROM tracking WHERE flags & 1 = 1 ORDER BY 1")
        ]

    def check_counts(self, records: int) -> None:
        """I7: every record was counted as one of five things."""
        assert sum(self.counts().values()) == records == self.consumed()
        uneven = "SELECT * FROM cursor WHERE next_offset - first_offset <> applied + duplicate + ignored + parked + dead"
        assert self.rows(uneven) == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for hand in self._hands.values():
            hand.close()
        super().__exit__(*exc)


class Gate:
    """Holds every transaction that has written a tracking number or an order, as asked, until it is opened."""

    KEY = 4711

    def __init__(self, desk: Desk, table: str) -> None:
        self._connection = psycopg.connect(desk.database_url, autocommit=True)
        self._connection.execute(
            f"""
            CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock_shared({self.KEY}); RETURN NULL; END $$;
            CREATE TRIGGER gate AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION wait_at_gate()
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
