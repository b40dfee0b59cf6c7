"""Every metric of the product, each declared once.

No merchant, member or order is ever a label; ages are timestamps.

Counters and gauges are those of prometheus-client, in a registry of our own; never its multiprocess
mode: each worker is a process with a port of its own.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
SIZES = (1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)


class Histogram(Collector):
    """A histogram that takes a whole batch of values at once: one call a batch instead of one a record."""

    def __init__(self, name: str, documentation: str, buckets: Sequence[float] = SECONDS) -> None:
        """`buckets` are upper bounds, ascending; +Inf is added."""
        self._name, self._documentation, self._buckets = name, documentation, buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0
        self._lock = Lock()
        REGISTRY.register(self)

    def observe(self, *values: float) -> None:
        """Takes single values."""
        self.observe_all(values)

    def observe_all(self, values: Iterable[float]) -> None:
        """Takes the values of a batch."""
        ordered = sorted(values)
        below = [bisect_right(ordered, bound) for bound in self._buckets] + [len(ordered)]
        with self._lock:
            self._sum += sum(ordered)
            for i, count in enumerate(below):
                self._counts[i] += count

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """What prometheus-client's registry asks for."""
        with self._lock:
            bounds = [*map(str, map(float, self._buckets)), "+Inf"]
            buckets = list(zip(bounds, map(float, self._counts), strict=True))
            yield HistogramMetricFamily(
                self._name, self._documentation, buckets=buckets, sum_value=self._sum
            )


def _counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, documentation, labels, registry=REGISTRY)


def _gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, documentation, labels, registry=REGISTRY)


# The worker itself.
WORKER_UP = _gauge("points_worker_up", "1 while the worker's process runs.", ["worker"])
WORKER_READY = _gauge(
    "points_worker_ready", "1 while the worker can do its work, as /readyz says.", ["worker"]
)
PIPELINE_PAUSED = _gauge(
    "points_pipeline_paused", "1 while too much poison has paused the pipeline.", ["pipeline"]
)
LAST_TURN = _gauge("points_last_turn_timestamp_seconds", "When the worker's loop last turned.")
SETTINGS_EPOCH = _gauge(
    "points_settings_epoch", "How many changes of settings the database has seen."
)
DATABASE_RECONNECTS = _counter(
    "points_database_reconnects", "Connections to the database that were lost and made anew."
)
BROKER_TROUBLES = _counter(
    "points_broker_troubles", "Turns of the loop that failed because of Kafka."
)
CURSOR_REFUSALS = _counter(
    "points_cursor_refusals", "Batches dropped because another worker had moved the cursor."
)
ROLLBACKS = _counter(
    "points_rollbacks",
    "Batches that the database rolled back (deadlocks, time limits) and that were done again.",
)

# Intake.
CONSUMED = _counter(
    "points_consumed_records", "Records read from Kafka and committed, by topic.", ["topic"]
)
PROCESSED = _counter("points_processed_records", "What became of them (I7).", ["topic", "outcome"])
IGNORED = _counter("points_ignored_records", "Records ignored, by reason.", ["reason"])
BATCH_RECORDS = Histogram("points_batch_records", "Records in a batch.", SIZES)
BATCH_SECONDS = Histogram(
    "points_batch_duration_seconds", "From the records in hand to the commit."
)
EVENT_TO_COMMIT = Histogram(
    "points_event_to_commit_seconds", "From a record's timestamp to the commit of its effects."
)
LAG = _gauge(
    "points_lag_messages", "Records in the log that this worker has not processed yet.", ["topic"]
)
OLDEST_UNPROCESSED = _gauge(
    "points_oldest_unprocessed_timestamp_seconds",
    "No unprocessed record is older than this; 0 with none.",
    ["topic"],
)
LAG_SECONDS = _gauge(
    "points_lag_seconds", "Age of the oldest unprocessed record at most; 0 with none.", ["topic"]
)
DELIVERY_OPTIONS = _counter(
    "points_delivery_options",
    "Records by delivery option: known, or one of 16 buckets of unknown names.",
    ["bucket"],
)
UNKNOWN_CREATED_BY = _counter(
    "points_unknown_created_by", "Orders whose created_by is not one that we know (SPEC 1.9)."
)
QUARANTINE = _gauge(
    "points_quarantine_records",
    "Records in quarantine that nobody has redriven or discarded.",
    ["topic"],
)
CARRIER_REPORTS = _counter(
    "points_carrier_reports",
    "Carriers' reports, by service and what they say.",
    ["service", "meaning"],
)
PURGED_REPORTS = _counter(
    "points_purged_reports",
    "Parked reports forgotten after 180 days, by why they were parked.",
    ["kind"],
)

# What is posted.
ENTRIES = _counter("points_ledger_entries", "Ledger entries posted, by type.", ["type"])
UPSTREAM_SUMMARY = _counter(
    "points_upstream_summary",
    "Grants of orders that carry upstream's own figure, by how it stands to ours; `points compare-upstream` tells which.",
    ["outcome"],
)
GRANT_LATENESS = Histogram(
    "points_grant_lateness_seconds",
    "From due to recorded, of grants that had to wait for their day.",
)
OLDEST_DUE = _gauge(
    "points_oldest_due_timestamp_seconds",
    "Due date of the oldest overdue grant; 0 when none is overdue.",
)
RECHECKED = _counter(
    "points_rechecked_orders", "Orders looked at again because something beside them changed."
)
RECHECK_ROWS = _gauge(
    "points_recheck_rows",
    "Rows of the recheck queue that are not worked off (counted up to a million).",
)
EXPIRED_ACCOUNTS = _counter(
    "points_expired_accounts", "Accounts on which the expiry worker let lots lapse."
)

# The relay.
RELAYED = _counter("points_relayed_records", "Outbox rows delivered, by kind.", ["kind"])
END_TO_END = Histogram(
    "points_end_to_end_seconds", "From the entry in the ledger to the delivery of its event."
)
DEAD_LETTERS = _counter("points_dead_letters", "Records sent to a dead-letter topic.", ["kind"])
RELAY_SHARDS = _gauge("points_relay_shards", "Outbox shards that this relay holds.")
OUTBOX_ROWS = _gauge(
    "points_outbox_rows", "Outbox rows not delivered yet (counted up to a million)."
)
OUTBOX_OLDEST = _gauge(
    "points_outbox_oldest_timestamp_seconds", "Since when the oldest outbox row waits; 0 with none."
)


def at_scrape(gauge: Gauge, label: str, value: Callable[[], float]) -> None:
    """Lets a gauge be computed when it is asked for, so that an age goes on growing while the worker stands still."""
    gauge.labels(label).set_function(value)
