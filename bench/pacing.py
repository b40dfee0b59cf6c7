"""Load at a steady rate, and what becomes of each order afterwards."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from confluent_kafka import Producer

from bench.background import Background
from bench.kafka import BenchError, produce
from bench.workloads.workload import Record

TICK_SECONDS = 0.005
"""Records are sent in small groups, so that the load is steady on the scale of what is measured."""


class Pacer(Background):
    """Sends records at a rate from a thread, and remembers when it sent each order's last."""

    def __init__(
        self, bootstrap_servers: str, topic: str, records: Sequence[Record], per_second: float
    ) -> None:
        super().__init__("pacer")
        self.sent: Counter[str] = Counter()
        """Records sent by order."""
        self.at: dict[str, int] = {}
        """Microseconds since the epoch at which the newest record of each order was sent."""
        self.late = 0.0
        """By how many seconds the pacer fell behind at worst: a larger figure spoils what was
        measured.
        """
        self._topic, self._records, self._rate = topic, records, per_second
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
            }
        )

    def stop(self) -> None:
        """Send no more and wait until the broker has what was sent."""
        super().stop()
        if self._producer.flush(30):
            raise BenchError(f"The broker did not take the load for {self._topic}.")

    @property
    def done(self) -> bool:
        """Whether all records were sent."""
        return not self.is_running

    def orders_with(self, records: int) -> set[str]:
        """Orders of which so many records were sent: the finished ones."""
        return {order for order, count in self.sent.items() if count == records}

    def run(self) -> None:
        """Send each record when its time has come."""
        began = time.monotonic()
        for number, record in enumerate(self._records):
            planned = began + number / self._rate
            now = time.monotonic()
            if now + TICK_SECONDS < planned:
                if self.stopping.wait(planned - now):
                    return
            else:
                self.late = max(self.late, now - planned)
            self.at[record.order_id] = time.time_ns() // 1_000
            self.sent[record.order_id] += 1
            produce(self._producer, self._topic, record)


@dataclass(frozen=True)
class Spread:
    """A distribution in seconds."""

    count: int
    p50: float
    p99: float
    worst: float

    @staticmethod
    def of(microseconds: Sequence[int]) -> "Spread":
        """Of at least two values."""
        if len(microseconds) < 2:
            raise BenchError(
                f"Only {len(microseconds)} values: the run was too short to tell a distribution."
            )
        cuts = statistics.quantiles(microseconds, n=100, method="inclusive")
        return Spread(len(microseconds), cuts[49] / 1e6, cuts[98] / 1e6, max(microseconds) / 1e6)

    def __str__(self) -> str:
        p50, p99, worst = (
            f"{seconds * 1e3:,.0f} ms" for seconds in (self.p50, self.p99, self.worst)
        )
        return f"p50 {p50}, p99 {p99}, worst {worst} ({self.count:,})"


@dataclass(frozen=True)
class Posted:
    """An order's first entry: whose, when committed (microseconds since the epoch), how much."""

    merchant: str
    committed: int
    points: int


def postings(database_url: str) -> Mapping[str, Posted]:
    """By order id.

    The commit's own time (`track_commit_timestamp`), not one that was taken before it.
    """
    query = """
        SELECT encode(l.order_id, 'hex'), m.merchant_id, l.points,
               (extract(epoch FROM pg_xact_commit_timestamp(l.xmin)) * 1000000)::bigint
        FROM ledger l JOIN merchant m USING (merchant_no) WHERE l.entry_no = 1"""
    with psycopg.connect(database_url) as database:
        rows = database.execute(query.encode()).fetchall()
    return {
        order: Posted(merchant, committed, points) for order, merchant, points, committed in rows
    }
