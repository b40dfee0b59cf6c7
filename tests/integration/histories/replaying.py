"""The same topics read again: other batches, another turn of the topics, workers that end midway.

A `Tape` has what lies in the topics, at fixed offsets and with fixed times. `replayed` reads all of
it into an empty database whose clock stands still, and answers every row that came of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeAlias

import psycopg
import pytest

from processors.expiry import Expiry
from processors.intake.decoding import decode_batch
from processors.pipeline.bisection import process_in_parts
from processors.runtime.kafka.feed import Record as Consumed
from schemas.ids import micros
from schemas.upstream.envelope import RecordKind
from store.carriers import tracking
from store.orders import orders
from store.postgres import session
from store.postgres.interning import InternedStrings
from store.streams import cursors
from tests.property.histories import HistoryStep
from tests.support.customers import APPLICATION
from tests.support.in_process import TOPICS, InProcessEngine, InProcessWorker, Message
from tests.support.timeline import apply
from tests.support.upstream import Record

Rows: TypeAlias = Mapping[str, Sequence[str]]
LIKELY: Final[Mapping[str, RecordKind]] = {
    TOPICS["orders"]: "order",
    TOPICS["deliveries"]: "delivery",
    TOPICS["customers"]: "customer",
}
# Of what is left out here the rows say in which order the same things were heard.
WHOLE_TABLES: Final = ("due", "customer", "family", "application_event", "awaiting_order",
                       "unknown_code", "unknown_report")  # fmt: skip
QUARANTINE: Final = """
SELECT (to_jsonb(q) - '{id,partition_position}'::text[])::text FROM quarantine q ORDER BY 1"""
ACCOUNTS: Final = """
SELECT (to_jsonb(a) - 'account_no')::text FROM account a ORDER BY 1"""
OF_ACCOUNTS: Final = """
SELECT jsonb_build_array(a.merchant_no, a.member, to_jsonb(t) - 'account_no')::text
FROM {} t JOIN account a USING (account_no) ORDER BY 1"""
UNMATCHED: Final = """
SELECT to_jsonb(p)::text FROM parked_record p
WHERE reason = 'unmatched' AND EXISTS (
  SELECT FROM tracking t WHERE t.number = p.key AND t.claims IS NOT NULL
  AND t.merchant_no <> 0 AND p.merchant_no IN (0, t.merchant_no)) ORDER BY 1"""
DEAD: Final = "SELECT (topic || ' ' || dead)::text FROM cursor ORDER BY 1"


class Crash(SystemExit):
    """What ends a worker in the middle of a transaction."""


@dataclass(frozen=True, slots=True)
class Tape:
    """By topic the records that lie in it, each with its time in milliseconds.

    All settings were applied before. `read_at`: when all of it is read; `ends_at`: when everything
    is due.
    """

    settings: Sequence[HistoryStep]
    topics: Mapping[str, Sequence[tuple[Record, int]]]
    read_at: datetime
    ends_at: datetime

    @property
    def length(self) -> int:
        """How many records there are."""
        return sum(map(len, self.topics.values()))

    def consumed(self, worker: InProcessWorker) -> dict[str, list[Consumed]]:
        """The records as a feed gives them."""
        return {
            name: [
                Consumed(place, offset, _message(record, place, offset, time))
                for offset, (record, time) in enumerate(self.topics[name])
            ]
            for name, place in worker.places.items()
        }


def _message(*of: Any) -> Any:
    return Message(*of)


Batches: TypeAlias = Callable[[Mapping[str, int], Mapping[str, int]], Mapping[str, int]]
"""How many records of each topic are read next, of where it stands and how long it is."""


def large_batches(at: Mapping[str, int], length: Mapping[str, int]) -> Mapping[str, int]:
    """As a worker reads a backlog."""
    return {name: min(300, length[name] - at[name]) for name in length}


def random_batches(random: Random) -> Batches:
    """Any number of records of each topic; now and then one topic runs ahead of the others."""

    def some(at: Mapping[str, int], length: Mapping[str, int]) -> Mapping[str, int]:
        behind = [name for name in length if at[name] < length[name]]
        chosen = random.sample(behind, random.randint(1, len(behind)))
        size = random.choice([1, 2, 5, 20, 100])
        return {name: random.randint(1, min(size, length[name] - at[name])) for name in chosen}

    return some


@dataclass(slots=True)
class Reader:
    """A worker that reads the tape, ended and begun again whenever the dice say so."""

    engine: InProcessEngine
    tape: Tape
    random: Random | None
    monkeypatch: pytest.MonkeyPatch

    def read(self, batches: Batches) -> None:
        """All of the tape, to the last record; then everything is settled."""
        length = {name: len(records) for name, records in self.tape.topics.items()}
        worker = self._begin()
        records = self.tape.consumed(worker)
        while (at := worker.positions) != length:
            sizes = batches(at, length).items()
            batch = [each for name, n in sizes for each in records[name][at[name] : at[name] + n]]
            try:
                with self._dying():
                    for _ in process_in_parts(worker.intake, batch, lambda: False):
                        pass
            except Crash:
                worker.close()
                worker = self._begin()
            if self._once_in(4):
                worker.turn()
        worker.settle()
        worker.close()

    def _begin(self) -> InProcessWorker:
        return InProcessWorker(self.engine, "reader", 0)

    def _once_in(self, times: int) -> bool:
        return self.random is not None and self.random.randint(1, times) == 1

    @contextmanager
    def _dying(self) -> Iterator[None]:
        """Now and then the worker ends when all is written and nothing is committed."""
        with self.monkeypatch.context() as patched:
            if self._once_in(6):
                patched.setattr(cursors, "advance", _crash)
            yield


def _crash(*_: object) -> None:
    raise Crash


def replayed(
    engine: InProcessEngine,
    tape: Tape,
    batches: Batches,
    random: Random | None,
    monkeypatch: pytest.MonkeyPatch,
) -> Rows:
    """Everything that comes of the tape: what is kept of it, and then what is posted."""
    engine.configuration = {"application_id": APPLICATION}
    for step in tape.settings:
        assert step.document is not None
        stand_still(engine, step.when)
        apply(engine, step.merchant, step.document)
    stand_still(engine, tape.read_at)
    _number_all(engine, tape)
    Reader(engine, tape, random, monkeypatch).read(batches)
    rows = {"orders": _orders(engine), "tracking": _tracking(engine)}
    for table in WHOLE_TABLES:
        rows[table] = _rows(engine, f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
    rows["parked as unmatched although an order names the number"] = _rows(engine, UNMATCHED)
    rows |= {"quarantine": _rows(engine, QUARANTINE), "dead": _rows(engine, DEAD)}
    stand_still(engine, tape.ends_at)
    _pay(engine)
    rows |= {table: _rows(engine, OF_ACCOUNTS.format(table)) for table in ("ledger", "lot")}
    return rows | {"account": _rows(engine, ACCOUNTS)}


def stand_still(engine: InProcessEngine, moment: datetime) -> None:
    """From now on it is this instant."""
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE AS "
            f"'SELECT {micros(moment)}::bigint'".encode()
        )


def _number_all(engine: InProcessEngine, tape: Tape) -> None:
    """Numbers for merchants and words in one order, so that packed facts are the same bytes."""
    with closing(InProcessWorker(engine, "numbering", 0)) as worker:
        records = [record for of in tape.consumed(worker).values() for record in of]
        decoded = decode_batch(records, LIKELY)
        intake, words = worker.intake, InternedStrings(worker.connection)
        merchants = intake._merchants
        for merchant_id in sorted(decoded.merchant_ids()):
            merchants.learn([merchant_id])
        named = {word for event in decoded.orders for word in event.words() if word}
        resolved = intake._matcher.resolve_codes(decoded.reports, merchants.codes)
        for word in sorted(named | {w for w in intake._matcher.words(resolved) if w}):
            words.learn({word})


def _pay(engine: InProcessEngine) -> None:
    with closing(InProcessWorker(engine, "paying", 0)) as worker:
        worker.settle()
        with session.connect(engine.database_url) as connection:
            expiry = Expiry(connection)
            while expiry.expire():
                pass


def _orders(engine: InProcessEngine) -> list[str]:
    """The facts of all orders, whichever parcel was heard of first."""
    keys = [(no, bytes(key)) for no, key in engine.rows("SELECT merchant_no, order_id FROM orders")]
    with session.connect(engine.database_url) as connection:
        rows = orders.lock(session.raw(connection), sorted(keys), InternedStrings(connection))
    for row in rows.values():
        row.flags = 0
        row.facts.parcels = tuple(sorted(row.facts.parcels, key=repr))
        row.facts.returns = tuple(sorted(row.facts.returns, key=repr))
    return sorted(map(repr, rows.values()))


def _tracking(engine: InProcessEngine) -> list[str]:
    """The tracking numbers, whichever claim and report came first."""
    keys = [(bytes(n), no) for n, no in engine.rows("SELECT number, merchant_no FROM tracking")]
    with session.connect(engine.database_url) as connection:
        rows = tracking.lock(session.raw(connection), sorted(keys))
    return sorted(
        repr((row.key, row.flags, sorted(row.claims.items()), sorted(row.reports.items())))
        for row in rows.values()
    )


def _rows(engine: InProcessEngine, query: str) -> list[str]:
    return [row[0] for row in engine.rows(query)]


def differences(first: Rows, second: Rows) -> list[str]:
    """The rows that only one of the two has."""
    found = []
    for table in first:
        ours, theirs = set(first[table]), set(second[table])
        found += [f"- {table} {row}" for row in sorted(ours - theirs)]
        found += [f"+ {table} {row}" for row in sorted(theirs - ours)]
    return found


def tape_of(
    settings: Sequence[HistoryStep],
    arrivals: Sequence[tuple[datetime, Record]],
    ends_at: datetime,
) -> Tape:
    """Records in their topics in the order of their arrival, which is their time there."""
    topics: dict[str, list[tuple[Record, int]]] = {name: [] for name in TOPICS}
    for when, record in sorted(arrivals, key=lambda pair: pair[0]):
        topics[record.topic].append((record, micros(when) // 1000))
    read_at = max(when for when, _ in arrivals) + timedelta(hours=1)
    return Tape(settings, topics, read_at, ends_at)
