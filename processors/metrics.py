"""Every metric of the product, each declared once.

No merchant, member or order is ever a label; ages are timestamps. Which worker exports which is in
processors/registry.py.
"""

from typing import Final

from processors.metric_types import REGISTRY, SIZES, Histogram, counter, gauge, gauges, timings
from schemas.carriers.meaning import Meaning
from schemas.carriers.table_files import shipped_services
from schemas.commands.codes import Code
from schemas.commands.reading import TYPES
from schemas.events import ENTRY_TYPE_WORDS
from schemas.notices.words import Channel
from store.streams.outbox import DEAD_LETTER_KINDS, OutboxKind

__all__ = ["REGISTRY"]

UNKNOWN: Final = "unknown"
"""The label for what is in no list of ours, whatever senders call it: labels must stay few."""
_KINDS: Final = {kind: kind.name.lower() for kind in OutboxKind}
_ENDS_OF_SENDING: Final = ("sent", "failed", "unknown", "expired", "skipped", "withdrawn")
PARTS_OF: Final = ("sent", "unknown")
"""The ends of an SMS that is metered."""

# The worker itself.
WORKER_UP = gauges("points_worker_up", "1 while the worker's process runs.", ["worker"])
WORKER_READY = gauges(
    "points_worker_ready", "1 while the worker can do its work, as on /readyz.", ["worker"]
)
PIPELINE_PAUSED = gauges(
    "points_pipeline_paused", "1 while too much poison has paused the pipeline.", ["pipeline"]
)
BUILD_INFO = gauges(
    "points_build_info",
    "1, with the version of the worker and the newest revision of the schema that it knows.",
    ["version", "schema_revision"],
)
LAST_TURN = gauge(
    "points_last_turn_timestamp_seconds",
    "When the worker's loop last turned; an old value means that it hangs.",
)
LAST_SAMPLE = gauge(
    "points_last_sample_timestamp_seconds",
    "When the gauges that count rows of tables were last read; what they say is as old as that.",
)
SETTINGS_EPOCH = gauge(
    "points_settings_epoch", "How many changes of settings the database has seen."
)
DATABASE_RECONNECTS = counter(
    "points_database_reconnects", "Database connections that were lost and opened again."
)
BROKER_TROUBLES = counter(
    "points_broker_troubles", "Turns of the loop that failed because of Kafka."
)
CURSOR_REFUSALS = counter(
    "points_cursor_refusals", "Batches dropped because another worker had moved the cursor."
)
ROLLBACKS = counter(
    "points_rollbacks",
    "Batches that the database rolled back (deadlock, time limit) and that were repeated.",
)
LOOP_SECONDS = counter(
    "points_loop_seconds",
    "Where the loop's time went: poll (waiting for work), database (waiting for PostgreSQL), "
    "produce (waiting for Kafka to take records), decide (all else).",
    ["phase"],
    [("poll", "database", "produce", "decide")],
)
REBALANCES = counter(
    "points_rebalances",
    "Changes of the worker's partitions, one for each topic that it reads, by event: assigned, "
    "revoked, lost.",
    ["event"],
    [("assigned", "revoked", "lost")],
)

# Intake.
CONSUMED = counter(
    "points_consumed_records", "Records read from Kafka and committed, by topic.", ["topic"]
)
PROCESSED = counter(
    "points_processed_records",
    "Records processed, by topic and outcome (I7).",
    ["topic", "outcome"],
)
IGNORED = counter("points_ignored_records", "Records ignored, by reason.", ["reason"])
BATCH_RECORDS = Histogram("points_batch_records", "Records in a batch.", SIZES)
BATCH_SECONDS = Histogram(
    "points_batch_duration_seconds", "Time from a batch being read to its commit."
)
EVENT_TO_COMMIT = Histogram(
    "points_event_to_commit_seconds", "Time from a record's timestamp to the commit of its effects."
)
LAG = gauges(
    "points_lag_messages",
    "Records in the topic's log that this worker has not processed yet.",
    ["topic"],
)
LEFT_OUT = gauges(
    "points_left_out_partitions",
    "Partitions that this worker leaves out until an operator adopts a position for them.",
    ["topic"],
)
OLDEST_UNPROCESSED = gauges(
    "points_oldest_unprocessed_timestamp_seconds",
    "Lower bound of the timestamps of unprocessed records; 0 when there are none.",
    ["topic"],
)
LAG_SECONDS = gauges(
    "points_lag_seconds",
    "Upper bound of the age of the oldest unprocessed record; 0 when there are none.",
    ["topic"],
)
DELIVERY_OPTIONS = counter(
    "points_delivery_options",
    "Records by delivery option: `known`, or one of 16 buckets of unknown names.",
    ["bucket"],
    [("known", *(f"unknown_{digit:x}" for digit in range(16)))],
)
UNKNOWN_CREATED_BY = counter(
    "points_unknown_created_by", "Orders with a created_by that is in no list (rules.md 1.4)."
)
CARRIER_REPORTS = counter(
    "points_carrier_reports",
    "Carriers' reports, by service and meaning.",
    ["service", "meaning"],
    [
        {UNKNOWN, *(service for _, service in shipped_services())},
        {meaning.word for meaning in Meaning},
    ],
)
PURGED_REPORTS = counter(
    "points_purged_reports",
    "Parked reports forgotten after 180 days, by the reason why they were parked.",
    ["kind"],
    [("unmatched", "awaiting_order")],
)

# Commands.
COMMANDS = counter(
    "points_commands",
    "Commands answered, by type (`unknown` for any other) and code, repeats among them.",
    ["type", "code"],
    [{UNKNOWN, *TYPES}, Code],
)

# What is posted.
ENTRIES = counter(
    "points_ledger_entries",
    "Ledger entries posted, by type.",
    ["type"],
    [ENTRY_TYPE_WORDS.values()],
)
REDEEMED_MISMATCHES = counter(
    "points_redeemed_mismatches",
    "Orders found to have redeemed other points upstream than were captured here, where these are "
    "not debited.",
)
UPSTREAM_SUMMARY = counter(
    "points_upstream_summary",
    "Grants of orders that carry the platform's own figure, by how it compares with ours; "
    "`points compare-upstream` lists them.",
    ["outcome"],
)
GRANT_LATENESS = Histogram(
    "points_grant_lateness_seconds",
    "Time from due to recorded, for grants that waited for their due date.",
)
RECHECKED = counter(
    "points_rechecked_orders", "Orders decided again because something else changed."
)
EXPIRED_ACCOUNTS = counter(
    "points_expired_accounts",
    "Accounts on which the expiry worker posted lapsed lots or ended holds.",
)

# The relay.
RELAYED = counter(
    "points_relayed_records", "Outbox rows delivered, by kind.", ["kind"], [_KINDS.values()]
)
END_TO_END = Histogram(
    "points_end_to_end_seconds", "Time from the entry in the ledger to the delivery of its event."
)
DEAD_LETTERS = counter(
    "points_dead_letters",
    "Records sent to a dead-letter topic.",
    ["kind"],
    [[_KINDS[kind] for kind in DEAD_LETTER_KINDS]],
)
RELAY_SHARDS = gauge("points_relay_shards", "Outbox shards that this relay holds.")
REFUSED = counter(
    "points_refused_records", "Records that the broker refused for good, by its error.", ["error"]
)

# The read model.
READMODEL_WRITTEN = counter(
    "points_readmodel_members", "Members whose balance was read again and offered to Redis."
)
READMODEL_COMPARED = counter(
    "points_readmodel_compared_keys", "Keys of the read model compared with the database."
)
READMODEL_TROUBLES = counter(
    "points_readmodel_troubles", "Turns of the loop that failed because of Redis."
)
READMODEL_LAG = gauge(
    "points_readmodel_lag_messages",
    "Changes of balances that the read model does not have yet, as far as this worker knows.",
)
READMODEL_OLDEST = gauge(
    "points_readmodel_oldest_timestamp_seconds",
    "When the oldest change was published that the read model does not have; 0 when it has all.",
)

# The watch: what is to be seen of the whole from outside, whoever works or does not.
OLDEST_DUE = gauge(
    "points_oldest_due_timestamp_seconds",
    "Due date of the oldest overdue grant; 0 when none is overdue.",
)
DUE_ROWS = gauge("points_due_rows", "Overdue grants (counted up to a million).")
OUTBOX_ROWS = gauge(
    "points_outbox_rows", "Events that are not delivered yet (those of up to 10,000 outbox rows)."
)
OUTBOX_OLDEST = gauge(
    "points_outbox_oldest_timestamp_seconds",
    "When the oldest row of the outbox was written; 0 when it is empty.",
)
OUTBOX_REFUSED = gauge(
    "points_outbox_refused_rows",
    "Rows that the broker refused for good: of the engine's outbox, set aside for `points outbox` "
    "(`watch`), or of the lane's, for `points notices outbox` (`notices-send`).",
)
QUARANTINE = gauges(
    "points_quarantine_records",
    "Records in quarantine that were neither redriven nor discarded (counted up to 10,000).",
    ["topic"],
)
QUARANTINE_OLDEST = gauges(
    "points_quarantine_oldest_timestamp_seconds",
    "When the oldest of these records was set aside; 0 when there is none.",
    ["topic"],
)
RECHECK_ROWS = gauge(
    "points_recheck_rows",
    "Rows left in the recheck queue (counted up to 10,000).",
)
RECHECK_OLDEST = gauge(
    "points_recheck_oldest_timestamp_seconds",
    "Since when a row has been seen to be the next of its kind in the recheck queue; 0 when it is "
    "empty.",
)
PARKED_REPORTS = gauge(
    "points_parked_reports",
    "Carriers' reports that wait for an order or are ambiguous (counted up to 10,000).",
)
PARKED_OLDEST = gauge(
    "points_parked_oldest_timestamp_seconds",
    "When the oldest report was parked that still is; 0 when there is none.",
)
LIVE_HOLDS = gauge(
    "points_live_holds", "Holds whose points are set aside (counted up to a million)."
)
OLDEST_OVERDUE_HOLD = gauge(
    "points_oldest_overdue_hold_timestamp_seconds",
    "When the oldest hold ended whose points are not released yet; 0 when there is none.",
)
OPEN_JOBS = gauge("points_open_jobs", "Bulk jobs with rows left to apply.")
PIPELINE_LAG = gauges(
    "points_pipeline_lag_messages",
    "Records in the topic's log behind the pipeline's cursors, whether a worker runs or not.",
    ["pipeline", "topic"],
)
PIPELINE_LAG_SECONDS = gauges(
    "points_pipeline_lag_seconds",
    "Age of the oldest of these records; 0 when there are none.",
    ["pipeline", "topic"],
)
PIPELINE_OLDEST = gauges(
    "points_pipeline_oldest_unprocessed_timestamp_seconds",
    "The oldest of these records' own time; 0 when there are none.",
    ["pipeline", "topic"],
)
HEARTBEAT = gauge(
    "points_heartbeat_timestamp_seconds",
    "When the newest heartbeat was written that came back through outbox, relay and Kafka: of the "
    "shard of members' events that is furthest behind.",
)
HEARTBEAT_SECONDS = Histogram(
    "points_heartbeat_seconds", "Time from a heartbeat in the outbox to its coming back from Kafka."
)
INVARIANT_VIOLATIONS = gauges(
    "points_invariant_violations",
    "Cursors (I7) and accounts (I2, I9) that break an invariant, as far as looked at; 0 is right.",
    ["invariant"],
)
WATCH_SECONDS = Histogram("points_watch_duration_seconds", "Time that one look at all this takes.")
WATCH_ERRORS = counter(
    "points_watch_errors",
    "What could not be looked at, by part: database, kafka, heartbeat, invariants.",
    ["part"],
    [("database", "kafka", "heartbeat", "invariants")],
)
WATCH_LAST = gauge(
    "points_watch_last_timestamp_seconds", "When a look at all this last came to its end."
)

# The notices lane.
NOTICES_DECIDED = counter(
    "points_notices_decided",
    "Notices decided, by channel and outcome: waiting, parked, skipped, withdrawn.",
    ["channel", "outcome"],
    [Channel, ("waiting", "parked", "skipped", "withdrawn")],
)
NOTICES_SENT = counter(
    "points_notices_sent",
    "Notices that senders ended, by channel and outcome: sent, failed, unknown, expired, skipped, "
    "withdrawn. What a receipt settles is counted by points_notices_receipts_total, and what an "
    "operator settles is not.",
    ["channel", "outcome"],
    [Channel, _ENDS_OF_SENDING],
)
NOTICES_RECEIPTS = counter(
    "points_notices_receipts",
    "Notices that a provider's receipt settled: unknown ones, those of which the answer had not "
    "come yet, and sent ones that did not arrive; by channel and outcome: sent, failed.",
    ["channel", "outcome"],
    [Channel, ("sent", "failed")],
)
NOTICES_PARTS = counter(
    "points_notices_parts",
    "Parts of the SMS that senders sent, by the provider's count where it gave one, and of those "
    "that are unknown.",
    ["channel", "outcome"],
    [[Channel.sms], PARTS_OF],
)
NOTICES_NOT_WORDED = counter(
    "points_notices_not_worded",
    "Notices that failed since their text cannot be made (render), or takes more parts of SMS than "
    "its shop pays for (too_long); by channel.",
    ["channel"],
    [Channel],
)
NOTICES_LIMITS_REACHED = counter(
    "points_notices_limits_reached",
    "Shops that used up their parts of SMS of a month (monthly_limit_parts), each once a month.",
)
NOTICES_OLDEST_WAITING = gauges(
    "points_notices_oldest_waiting_timestamp_seconds",
    "Since when the notice waits that has waited longest, beyond the time before which it may not "
    "go; absent without one. Not of shops that are left alone; but where several are, and nothing "
    "of anybody's is taken for ten minutes, since when that is so.",
    ["channel"],
)
NOTICES_UNKNOWN = gauges(
    "points_notices_unknown",
    "Notices written to a provider of which nobody knows yet whether they arrived.",
    ["channel"],
)
NOTICES_PROVIDER_SECONDS = timings(
    "points_notices_provider_seconds", "How long providers take to answer.", ["provider"]
)
NOTICES_BREAKER_OPEN = gauges(
    "points_notices_breaker_open",
    "1 while nothing is handed to a provider, by why: credentials (it does not let us in), "
    "failing, paused (by an operator).",
    ["provider", "why"],
)
NOTICES_LEFT_ALONE = gauges(
    "points_notices_shops_left_alone",
    "Senders (addresses and names) and own gateways of shops that do not work, so that this worker "
    "hands over nothing of theirs but one message now and then; `points notices status` and the "
    "log name the shops.",
    ["provider"],
)
NOTICES_METER_DIFFERENCE = gauges(
    "points_notices_meter_difference",
    "Parts by providers' count less parts by ours, of this month so far.",
    ["provider"],
)
