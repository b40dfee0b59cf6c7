"""Intake: orders and deliveries from Kafka into facts, plans and postings, one transaction a batch (DESIGN 2.1)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from processors.deciding import Tally, Trigger, settle
from processors.reading import Said, say
from processors.runtime.configuration import Configuration
from processors.runtime.feed import Feed, Record
from rules.facts import OrderFacts
from rules.folding import APPLIED, DUPLICATE
from rules.poison import Limits
from schemas.ids import DAY
from schemas.upstream.envelope import Kind, Unreadable
from store import cursors, orders, quarantine
from store.cursors import Counts, CursorRefused, Place
from store.database import Cursor, raw, transaction
from store.ledger import CauseKind
from store.merchants import Merchants, UnknownMerchantId
from store.orders import NewOrderRace, OrderKey, OrderRow
from store.quarantine import Poison
from store.words import UnknownWord, Words

PIPELINE = "intake"
FUTURE = DAY
"""A version further ahead than this would block its order for ever (SPEC 7)."""


_Poison = tuple[Record, Unreadable]


@dataclass(slots=True)
class _Read:
    """A batch as read: what it says, and what says nothing."""

    said: list[Said] = field(default_factory=list)
    ignored: list[tuple[Record, str]] = field(default_factory=list)
    poison: list[_Poison] = field(default_factory=list)


@dataclass(slots=True)
class Done:
    """What a committed batch did, for metrics."""

    counts: dict[Place, tuple[int, Counts]]
    tally: Tally
    said: Sequence[Said]
    committed_at: float


class Intake:
    """Turns batches of records into one transaction each."""

    def __init__(self, configuration: Configuration, feed: Feed, connection: Connection[tuple[Any, ...]]) -> None:
        """`feed` reads the topics; all effects go through `connection`."""
        self._feed = feed
        self._limits = Limits(**configuration.poison.model_dump())
        self._likely: Mapping[str, Kind] = {
            configuration.topics.orders: "order",
            configuration.topics.deliveries: "delivery",
        }
        self._dead_letters = {
            configuration.topics.orders: quarantine.DeadLetters(configuration.topics.dlq_orders, "orders"),
            configuration.topics.deliveries: quarantine.DeadLetters(configuration.topics.dlq_deliveries, "deliveries"),
        }
        self._group = f"{configuration.kafka.group_id}.{PIPELINE}"
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        self._connection = connection
        self._words = Words(connection)
        self._merchants = Merchants(connection)

    def process(self, records: Sequence[Record]) -> Done:
        """Applies a batch. Raises CursorRefused or quarantine.Paused when nothing was written."""
        read = self._read(records)
        while True:
            try:
                with transaction(self._connection) as cursor:
                    done = self._apply(cursor, records, read)
            except NewOrderRace:
                continue
            except (UnknownWord, UnknownMerchantId):
                self._learn(read)
                continue
            done.committed_at = time.time()
            self._feed.done({place: offset for place, (offset, _) in done.counts.items()})
            return done

    def _read(self, records: Sequence[Record]) -> _Read:
        read = _Read()
        for record in records:
            try:
                said = say(record, self._likely[record.place.topic])
            except Unreadable as error:
                read.poison.append((record, error))
                continue
            if isinstance(said, Said):
                read.said.append(said)
            else:
                read.ignored.append((record, said if isinstance(said, str) else "not_joined"))
        return read

    def _learn(self, read: _Read) -> None:
        """Numbers for new words and merchants, outside the transaction, so that no batch waits for another's words."""
        self._words.learn({word for said in read.said for word in said.words()})
        self._merchants.learn({said.merchant_id for said in read.said})

    def _apply(self, cursor: Cursor, records: Sequence[Record], read: _Read) -> Done:
        ends = {record.place: record.offset + 1 for record in records}
        counts = {place: Counts() for place in ends}
        expected = {place: self._feed.positions[place] for place in ends}
        opening = cursors.open_batch(cursor, PIPELINE, self._feed.cluster, expected)
        if opening.paused:
            raise quarantine.Paused("the pipeline is paused; see `points status`")
        if opening.epoch != self._merchants.epoch:
            self._merchants.refresh()
        poison = list(read.poison)  # of this attempt: a batch that lost a race is folded again
        rows, triggers = self._fold(cursor, read.said, opening.now, counts, poison)
        tally = settle(cursor, [(rows[key], triggers[key]) for key in sorted(triggers)], self._merchants, opening.now)
        orders.write(cursor, [rows[key] for key in sorted(triggers)], self._words)
        for record, reason in read.ignored:
            counts[record.place].ignore(reason)
        if poison:
            self._quarantine(cursor, records, poison, opening.now, counts)
        done = {place: (ends[place], counts[place]) for place in ends}
        cursors.advance(cursor, PIPELINE, self._feed.cluster, done)
        return Done(done, tally, read.said, 0.0)

    def _fold(
        self, cursor: Cursor, said_all: Sequence[Said], now: int, counts: dict[Place, Counts], poison: list[_Poison]
    ) -> tuple[dict[OrderKey, OrderRow], dict[OrderKey, Trigger]]:
        keyed = [((self._merchants.number(s.merchant_id), s.order_id), s) for s in said_all]
        rows = orders.lock(cursor, sorted({key for key, _ in keyed}), self._words)
        newest: dict[OrderKey, Said] = {}
        for key, said in keyed:
            count = counts[said.record.place]
            if said.newest_at() > now + FUTURE:
                late = Unreadable("future_version", "updated_at lies more than 24 hours ahead", said.merchant_id)
                poison.append((said.record, late))
                continue
            row = rows.get(key)
            if row is None:
                row = rows[key] = OrderRow(*key, OrderFacts(), new=True)
            outcome = said.fold(row.facts)
            if outcome is APPLIED:
                count.applied += 1
                before = newest.get(key)
                if before is None or said.version.at >= before.version.at:
                    newest[key] = said
            elif outcome is DUPLICATE:
                count.duplicate += 1
            else:
                count.ignore("stale")
        return rows, {key: _trigger(said) for key, said in newest.items()}

    def _quarantine(
        self, cursor: Cursor, records: Sequence[Record], poison: list[_Poison], now: int, counts: dict[Place, Counts]
    ) -> None:
        before = quarantine.consumed(cursor, PIPELINE)
        position = {(r.place, r.offset): before + i + 1 for i, r in enumerate(records)}
        by_topic: dict[str, list[Poison]] = {}
        for record, error in poison:
            place, offset, message = record
            counts[place].dead += 1
            one = Poison(place, message, position[place, offset], error.merchant_id, error.reason, str(error))
            by_topic.setdefault(place.topic, []).append(one)
        for topic, found in by_topic.items():
            quarantine.put(cursor, PIPELINE, self._group, self._dead_letters[topic], found, now)
        quarantine.check(cursor, PIPELINE, self._limits, before)


def _trigger(said: Said) -> Trigger:
    """The newest record that changed an order is the cause of what follows."""
    if said.returned is not None:
        return Trigger(said.version.at, CauseKind.return_, said.returned.return_id, said.record.message)
    return Trigger(said.version.at, message=said.record.message)


def start_at(connection: Connection[tuple[Any, ...]], cluster: str, place: Place, first: int) -> int:
    """Where to read a partition from: the database's cursor, else the beginning of the log."""
    return cursors.start(raw(connection), PIPELINE, cluster, place, first)


__all__ = ["PIPELINE", "CursorRefused", "Done", "Intake", "start_at"]
