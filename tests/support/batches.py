"""Transactions held open: what intake does with a batch, so that a test decides what overlaps."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from processors.intake.customer_events import CustomerAndAppEvents
from processors.intake.decoding import AppInstallEvent, CustomerEvent, OrderEvent, decode
from processors.recheck.worker import Recheck, RecheckResult
from processors.runtime.kafka.feed import Record
from processors.settlement import settle
from processors.trigger import Trigger
from rules.order.facts import OrderFacts
from rules.order.folding import fold_heard, fold_record
from schemas.ids import Micros
from schemas.packing import pack_id
from schemas.settings import load_settings
from schemas.upstream.envelope import RecordKind
from store.orders import orders
from store.orders.orders import OrderRow
from store.postgres import session
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor, raw, transaction
from store.settings import versions
from store.settings.merchants import Merchants
from store.streams.cursors import Counts, PartitionId
from tests.support.engine import wait_for
from tests.support.in_memory import FakeMessage
from tests.support.order_facts import MEMBER, MERCHANT, Event, bytes_of
from tests.support.servers import Databases

APPLICATION = "5f2c1a9be27d930011ab5e77"
NOWHERE = PartitionId("orders", "", 0)


class Batch:
    """A worker's connection, and at most one transaction on it, open until `commit` or `close`."""

    def __init__(self, url: str) -> None:
        self.connection = session.connect(url)
        self.counts = Counts()
        self._words, self._merchants = InternedStrings(self.connection), Merchants(self.connection)
        self._customer_and_app_events = CustomerAndAppEvents(APPLICATION)
        self._open = ExitStack()

    def begin(self) -> Cursor:
        """Opens the transaction and gives it a number, as the lock of the cursor does in intake."""
        cursor = self._open.enter_context(transaction(self.connection))
        cursor.execute("SELECT pg_current_xact_id()")
        return cursor

    def consume(self, *events: Event) -> Self:
        """Everything that intake does with these events as one batch.

        Begins if need be, and does not commit.
        """
        decoded = [decode(_record(event), _likely(event)) for event in events]
        if not self.is_open:
            self.learn(*events)
            self.begin()
        cursor = raw(self.connection)
        rows = self._fold(cursor, [event for event in decoded if isinstance(event, OrderEvent)])
        now = now_of(cursor)
        settle(cursor, [(row, Trigger(now)) for row in rows], self._merchants, now)
        orders.write(cursor, rows, self._words)
        others = [event for event in decoded if isinstance(event, CustomerEvent | AppInstallEvent)]
        self._customer_and_app_events.apply(cursor, others, self._merchants, {NOWHERE: self.counts})
        return self

    def learn(self, *events: Event) -> None:
        """Numbers for what is new, before the transaction begins."""
        words: set[str | None] = set()
        merchants: set[str] = set()
        for raw_event in events:
            event = decode(_record(raw_event), _likely(raw_event))
            if isinstance(event, str):  # why the record is ignored
                continue
            merchants.add(str(event.merchant_id))
            if isinstance(event, OrderEvent):
                words.update(event.words())
        self._words.learn(words)
        self._merchants.learn(merchants)

    def _fold(self, cursor: Cursor, events: list[OrderEvent]) -> list[OrderRow]:
        keys = [(self._merchants.numbers[event.merchant_id], event.order_id) for event in events]
        rows = orders.lock(cursor, sorted(set(keys)), self._words)
        for key, event in zip(keys, events, strict=True):
            if key not in rows:
                rows[key] = OrderRow(*key, OrderFacts(), new=True)
            fold_record(
                rows[key].facts,
                event.version,
                event.order,
                event.tier,
                event.parcel,
                event.returned,
                event.family,
            )
            fold_heard(rows[key].facts, event.heard_at)
        return [rows[key] for key in sorted(rows)]

    def settings(self, document: dict[str, Any], merchant: str = MERCHANT) -> Self:
        """Applies settings, in the open transaction if there is one."""
        versions.apply(
            self.connection, merchant, load_settings(bytes_of(document), name="test"), "test"
        )
        return self

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.info.transaction_status.name == "INTRANS"

    def commit(self) -> None:
        """Commits, if a transaction is open."""
        self._open.close()

    def close(self) -> None:
        """Rolls back what is open."""
        self.connection.close()


def _record(event: Event) -> Record:
    message: Any = FakeMessage(bytes_of(event), time.time_ns() // 1000)
    return Record(NOWHERE, 0, message)


def _likely(event: Event) -> RecordKind:
    return "customer" if event["topic"].startswith(("user/", "customer/")) else "order"


def now_of(cursor: Cursor) -> Micros:
    """The database's clock."""
    row = cursor.execute("SELECT points_now()").fetchone()
    return int(row[0]) if row else 0


class Shop:
    """A migrated database of a test's own, batches on it, and a recheck worker run by hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._batches: list[Batch] = []
        self.connection = session.connect(url)
        self.recheck = Recheck(self.connection, APPLICATION)

    def batch(self) -> Batch:
        """Another worker's connection."""
        batch = Batch(self.url)
        self._batches.append(batch)
        return batch

    def consume(self, *events: Event) -> Counts:
        """A batch that is processed and committed.

        The outcomes of its customer and application events.
        """
        batch = self.batch()
        batch.consume(*events).commit()
        batch.close()
        return batch.counts

    def settings(self, document: dict[str, Any], merchant: str = MERCHANT) -> None:
        """Settings applied and committed."""
        self.batch().settings(document, merchant).close()

    def work_off(self) -> int:
        """The recheck worker turns until it finds the queue empty or has to wait.

        The number of rows it worked on.
        """
        done = idle = 0
        # The first idle turn leaves its mark, the second shows that no row came in between.
        while idle < 2:
            turned = self.turn()
            done += turned.rows
            idle = 0 if turned.rows else idle + 1
        return done

    def turn(self) -> RecheckResult:
        """One turn of the recheck worker, once no transactions but the test's own are open.

        The queue waits for every one of the server, and its housekeeping has some.
        """
        query = """SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL
                   AND (datname <> current_database() OR backend_type <> 'client backend')"""
        wait_for("the end of others' transactions", lambda: self.value(query) == 0)
        return self.recheck.recheck_orders()

    def queued(self) -> int:
        """Rows in the queue."""
        return int(self.value("SELECT count(*) FROM recheck"))

    def cursor(self) -> Cursor:
        """A cursor on the worker's own connection."""
        return raw(self.connection)

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        return self.rows(query, *parameters)[0][0]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return raw(self.connection).execute(query, parameters).fetchall()

    def points(self, member: str = MEMBER) -> int:
        """The member's balance: available + held − debt."""
        query = """SELECT coalesce(sum(available + held - debt), 0)::bigint
                   FROM account WHERE member = $1"""
        return int(self.value(query, pack_id(member)))

    def history(self, member: str = MEMBER) -> list[tuple[str, int]]:
        """Type and points of the member's entries, oldest first."""
        query = """SELECT l.type, l.points FROM ledger l JOIN account a USING (account_no)
                   WHERE a.member = $1 ORDER BY l.sequence"""
        names = ["", "granted", "adjusted", "clawed_back", "expired"]
        return [(names[kind], points) for kind, points in self.rows(query, pack_id(member))]

    def bound(self, order: str) -> int:
        """The settings version that an order is bound to."""
        return int(self.value("SELECT settings_no FROM orders WHERE order_id = $1", pack_id(order)))

    def close(self) -> None:
        """Rolls back whatever is open."""
        for batch in self._batches:
            batch.close()
        self.connection.close()


@contextmanager
def open_shop(postgres: Databases) -> Iterator[Shop]:
    """A shop in a database of its own."""
    url = postgres.migrated()
    try:
        shop = Shop(url)
        try:
            yield shop
        finally:
            shop.close()
    finally:
        postgres.drop(url)
