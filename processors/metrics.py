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
    """A histogram that takes a batch of values at once: one call a batch, not one a record."""

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
    "points_worker_ready", "1 while the worker can do its work, as on /readyz.", ["worker"]
)
PIPELINE_PAUSED = _gauge(
    "points_pipeline_paused", "1 while too much poison has paused the pipeline.", ["pipeline"]
)
LAST_TURN = _gauge(
    "points_last_turn_timestamp_seconds",
    "When the worker's loop last turned; an old value means that it hangs.",
)
LAST_SAMPLE = _gauge(
    "points_last_sample_timestamp_seconds",
    "When the gauges that count rows of tables were last read; what they say is as old as that.",
)
SETTINGS_EPOCH = _gauge(
    "points_settings_epoch", "How many changes of settings the database has seen."
)
DATABASE_RECONNECTS = _counter(
    "points_database_reconnects", "Database connections that were lost and opened again."
)
BROKER_TROUBLES = _counter(
    "points_broker_troubles", "Turns of the loop that failed because of Kafka."
)
CURSOR_REFUSALS = _counter(
    "points_cursor_refusals", "Batches dropped because another worker had moved the cursor."
)
ROLLBACKS = _counter(
    "points_rollbacks",
    "Batches that the database rolled back (deadlock, time limit) and that were repeated.",
)

# Intake.
CONSUMED = _counter(
    "points_consumed_records", "Records read from Kafka and committed, by topic.", ["topic"]
)
PROCESSED = _counter(
    "points_processed_records",
    "Records processed, by topic and outcome (I7).",
    ["topic", "outcome"],
)
IGNORED = _counter("points_ignored_records", "Records ignored, by reason.", ["reason"])
BATCH_RECORDS = Histogram("points_batch_records", "Records in a batch.", SIZES)
BATCH_SECONDS = Histogram(
    "points_batch_duration_seconds", "Time from a batch being read to its commit."
)
EVENT_TO_COMMIT = Histogram(
    "points_event_to_commit_seconds", "Time from a record's timestamp to the commit of its effects."
)
LAG = _gauge(
    "points_lag_messages",
    "Records in the topic's log that this worker has not processed yet.",
    ["topic"],
)
LEFT_OUT = _gauge(
    "points_left_out_partitions",
    "Partitions that this worker leaves out until an operator adopts a position for them.",
    ["topic"],
)
OLDEST_UNPROCESSED = _gauge(
    "points_oldest_unprocessed_timestamp_seconds",
    "Lower bound of the timestamps of unprocessed records; 0 when there are none.",
    ["topic"],
)
LAG_SECONDS = _gauge(
    "points_lag_seconds",
    "Upper bound of the age of the oldest unprocessed record; 0 when there are none.",
    ["topic"],
)
DELIVERY_OPTIONS = _counter(
    "points_delivery_options",
    "Records by delivery option: `known`, or one of 16 buckets of unknown names.",
    ["bucket"],
)
UNKNOWN_CREATED_BY = _counter(
    "points_unknown_created_by", "Orders with a created_by that is in no list (rules.md 1.4)."
)
QUARANTINE = _gauge(
    "points_quarantine_records",
    "Records in quarantine that were neither redriven nor discarded (counted up to 10,000).",
    ["topic"],
)
CARRIER_REPORTS = _counter(
    "points_carrier_reports",
    "Carriers' reports, by service and meaning.",
    ["service", "meaning"],
)
PURGED_REPORTS = _counter(
    "points_purged_reports",
    "Parked reports forgotten after 180 days, by the reason why they were parked.",
    ["kind"],
)

# Commands.
COMMANDS = _counter(
    "points_commands",
    "Commands answered, by type (`unknown` for any other) and code, repeats among them.",
    ["type", "code"],
)

# What is posted.
ENTRIES = _counter("points_ledger_entries", "Ledger entries posted, by type.", ["type"])
REDEEMED_MISMATCHES = _counter(
    "points_redeemed_mismatches",
    "Orders found to have redeemed other points upstream than were captured here, where these are "
    "not debited.",
)
UPSTREAM_SUMMARY = _counter(
    "points_upstream_summary",
    "Grants of orders that carry the platform's own figure, by how it compares with ours; "
    "`points compare-upstream` lists them.",
    ["outcome"],
)
GRANT_LATENESS = Histogram(
    "points_grant_lateness_seconds",
    "Time from due to recorded, for grants that waited for their due date.",
)
OLDEST_DUE = _gauge(
    "points_oldest_due_timestamp_seconds",
    "Due date of the oldest overdue grant; 0 when none is overdue.",
)
RECHECKED = _counter(
    "points_rechecked_orders", "Orders decided again because something else changed."
)
RECHECK_ROWS = _gauge(
    "points_recheck_rows",
    "Rows left in the recheck queue (counted up to 10,000).",
)
EXPIRED_ACCOUNTS = _counter(
    "points_expired_accounts",
    "Accounts on which the expiry worker posted lapsed lots or ended holds.",
)
LIVE_HOLDS = _gauge(
    "points_live_holds", "Holds whose points are set aside (counted up to a million)."
)
OPEN_JOBS = _gauge("points_open_jobs", "Bulk jobs with rows left to apply.")
OLDEST_OVERDUE_HOLD = _gauge(
    "points_oldest_overdue_hold_timestamp_seconds",
    "When the oldest hold ended whose points are not released yet; 0 when there is none.",
)

# The relay.
RELAYED = _counter("points_relayed_records", "Outbox rows delivered, by kind.", ["kind"])
END_TO_END = Histogram(
    "points_end_to_end_seconds", "Time from the entry in the ledger to the delivery of its event."
)
DEAD_LETTERS = _counter("points_dead_letters", "Records sent to a dead-letter topic.", ["kind"])
RELAY_SHARDS = _gauge("points_relay_shards", "Outbox shards that this relay holds.")
OUTBOX_ROWS = _gauge(
    "points_outbox_rows", "Events that are not delivered yet (those of up to 10,000 outbox rows)."
)
OUTBOX_REFUSED = _gauge(
    "points_outbox_refused_rows",
    "Rows that the broker refused for good, set aside for `points outbox`.",
)
REFUSED = _counter(
    "points_refused_records", "Records that the broker refused for good, by its error.", ["error"]
)
OUTBOX_OLDEST = _gauge(
    "points_outbox_oldest_timestamp_seconds",
    "When the oldest row of the outbox was written; 0 when it is empty.",
)

# The read model.
READMODEL_WRITTEN = _counter(
    "points_readmodel_members", "Members whose balance was read again and offered to Redis."
)
READMODEL_COMPARED = _counter(
    "points_readmodel_compared_keys", "Keys of the read model compared with the database."
)
READMODEL_TROUBLES = _counter(
    "points_readmodel_troubles", "Turns of the loop that failed because of Redis."
)
READMODEL_LAG = _gauge(
    "points_readmodel_lag_messages",
    "Changes of balances that the read model does not have yet, as far as this worker knows.",
)
READMODEL_OLDEST = _gauge(
    "points_readmodel_oldest_timestamp_seconds",
    "When the oldest change was published that the read model does not have; 0 when it has all.",
)


def at_scrape(gauge: Gauge, label: str, value: Callable[[], float]) -> None:
    """Computes a gauge when it is scraped, so that an age grows even while the worker hangs."""
    gauge.labels(label).set_function(value)
