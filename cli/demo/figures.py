"""The state of the sample's engine in figures, read from its own tables and topics."""

from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from cli.support.broker import Broker
from schemas.answers.streams import CursorAnswer
from schemas.events import EntryType
from store.reads import parked, status
from store.streams import adoption
from store.streams.cursors import OUTCOMES

if TYPE_CHECKING:
    from processors.runtime.configuration import Configuration

Connection = psycopg.Connection[tuple[Any, ...]]

_LEDGER = """
SELECT count(*), coalesce(sum(points) FILTER (WHERE type = %(granted)s), 0)::bigint,
       coalesce(sum(points) FILTER (WHERE points < 0), 0)::bigint
FROM ledger"""

_ENDED = "SELECT count(*) FROM hold WHERE state = 1 AND expires_us <= points_now()"


class Figures(NamedTuple):
    """One look.

    `lag`: records in the topics that no cursor counts yet. `taken` points are negative. `recheck`:
    rows of the recheck queue. `ended`: holds that have ended and are not released. `parked`:
    carriers' reports without an order so far. `unknown`: carriers' codes that are in no table.
    """

    now: int
    consumed: int
    orders: int
    planned: int
    overdue: int
    entries: int
    granted: int
    taken: int
    outbox: int
    lag: int
    letters: int
    recheck: int
    ended: int
    parked: int
    unknown: int


class Reader:
    """Reads figures through a connection of its own."""

    def __init__(self, configuration: "Configuration", connection: Connection) -> None:
        """Looks up the partitions of the input topics, once."""
        topics_in = configuration.topics
        names = [topics_in.orders, topics_in.deliveries, topics_in.customers, topics_in.commands]
        self._broker, self._connection = Broker(configuration), connection
        topics = self._broker.topics(names)
        self._partitions = [
            (name, number) for name in names for number in range(topics[name].partitions)
        ]

    def read(self) -> Figures:
        """The figures now."""
        # In the order of the work: what one look finds done shows in what the next one reads.
        rows = adoption.known(self._connection)
        recheck = sum(status.recheck_queue(self._connection).values())
        due = status.due_stats(self._connection)
        ends = self._broker.ends(self._partitions)
        positions = {(row.topic, row.partition): row.next_offset for row in rows}
        lag = 0
        for partition, end in ends.items():
            lag += max(0, end.next - positions.get(partition, end.first))
        entries, granted, taken = self._one(_LEDGER, {"granted": EntryType.granted.value})
        return Figures(
            now=due.now,
            consumed=sum(counts(rows).values()),
            orders=self._one("SELECT count(*) FROM orders")[0],
            planned=due.planned,
            overdue=due.overdue,
            entries=entries,
            granted=granted,
            taken=taken,
            outbox=status.outbox_stats(self._connection).rows,
            lag=lag,
            letters=status.dead_letter_stats(self._connection).rows,
            recheck=recheck,
            ended=self._one(_ENDED)[0],
            parked=self._without_order(),
            unknown=parked.unknown_codes(self._connection).codes,
        )

    def _without_order(self) -> int:
        reports = parked.parked(self._connection)
        return reports.unmatched + reports.ambiguous + reports.awaiting

    def outcomes(self) -> dict[str, int]:
        """What became of all records (I7)."""
        return counts(adoption.known(self._connection))

    def _one(self, query: str, parameters: dict[str, int] | None = None) -> tuple[Any, ...]:
        row = self._connection.execute(query.encode(), parameters).fetchone()
        if row is None:
            raise LookupError(query)
        return row


def counts(rows: list[CursorAnswer]) -> dict[str, int]:
    """The five counts over all cursors."""
    return {name: sum(getattr(row, name) for row in rows) for name in OUTCOMES}


def settled(figures: Figures, produced: int, events: int) -> bool:
    """Whether nothing is left to do, and all `events` that must come were read."""
    done = (
        figures.consumed >= produced
        and not figures.recheck
        and not figures.overdue
        and not figures.ended
        and not figures.outbox
    )
    return done and events >= figures.entries
