"""The board of the engine: from what members feel down to the process."""

from typing import Final

from deploy.grafana.panels import Panel, Row, age, increase, quantile, quantiles, rate, total, worst

_PROMISES: Final = Row(
    "Promises kept",
    [
        Panel(
            "Published within 30 seconds",
            "Share of changes whose event reached Kafka within 30 seconds of the entry in the "
            "ledger. The promise is 99 %.",
            "percentunit",
            {
                "in time": rate("points_end_to_end_seconds_bucket", more='le="30.0"')
                + " / "
                + rate("points_end_to_end_seconds_count"),
            },
            width=4,
            is_figure=True,
            thresholds=[(None, "red"), (0.99, "green")],
        ),
        Panel(
            "Entry to event",
            "Time from an entry in the ledger to the delivery of its event.",
            "s",
            quantiles("points_end_to_end_seconds"),
            width=5,
        ),
        Panel(
            "Record to commit",
            "Time from a record's timestamp in Kafka to the commit of its effects.",
            "s",
            quantiles("points_event_to_commit_seconds"),
            width=5,
        ),
        Panel(
            "Lateness of grants",
            "Time from a grant's due date to its entry in the ledger.",
            "s",
            quantiles("points_grant_lateness_seconds"),
            width=5,
        ),
        Panel(
            "Oldest ages",
            "How old the oldest thing is that should be done by now; 0 when there is none. The "
            "heartbeat goes through outbox, relay and Kafka and back every few seconds.",
            "s",
            {
                "overdue grant": age("points_oldest_due_timestamp_seconds"),
                "overdue hold": age("points_oldest_overdue_hold_timestamp_seconds"),
                "outbox": age("points_outbox_oldest_timestamp_seconds"),
                "recheck": age("points_recheck_oldest_timestamp_seconds"),
                "heartbeat": age("points_heartbeat_timestamp_seconds"),
            },
            width=5,
        ),
        Panel(
            "Workers that are ready",
            "Processes of each kind that can do their work, as /readyz says.",
            "short",
            {"{{worker}}": total("points_worker_ready", "worker")},
            width=12,
        ),
        Panel(
            "Broken invariants",
            "Cursors and accounts that break an invariant, as far as watch looks; anything but 0 "
            "wakes a person.",
            "short",
            {"{{invariant}}": worst("points_invariant_violations", "invariant")},
            width=12,
        ),
    ],
)
_FLOW: Final = Row(
    "Flow",
    [
        Panel(
            "Records processed",
            "Records a second by topic and by what became of them.",
            "ops",
            {"{{topic}} {{outcome}}": rate("points_processed_records_total", "topic, outcome")},
        ),
        Panel(
            "Ledger entries",
            "Entries a second by type.",
            "ops",
            {"{{type}}": rate("points_ledger_entries_total", "type")},
        ),
        Panel(
            "Grants that are overdue",
            "Grants whose due date has passed; a peak at midnight is usual, and short.",
            "short",
            {"overdue": worst("points_due_rows")},
        ),
        Panel(
            "Orders decided again",
            "Orders that the recheck worker decided again a second, and rows that wait for it.",
            "short",
            {
                "decided a second": rate("points_rechecked_orders_total"),
                "waiting": worst("points_recheck_rows"),
            },
        ),
        Panel(
            "Carriers' reports",
            "Reports a second by what they mean; `unknown` are codes that no table has.",
            "ops",
            {"{{meaning}}": rate("points_carrier_reports_total", "meaning")},
        ),
        Panel(
            "Reports that wait for an order",
            "Parked reports, and the age of the oldest in days.",
            "short",
            {
                "reports": worst("points_parked_reports"),
                "oldest (days)": f"({age('points_parked_oldest_timestamp_seconds')}) / 86400",
            },
        ),
        Panel(
            "Ignored records",
            "Records a second that change nothing, by reason.",
            "ops",
            {"{{reason}}": rate("points_ignored_records_total", "reason")},
        ),
        Panel(
            "Delivery options and origins",
            "Orders a second by the bucket of their delivery option, and those whose created_by "
            "is in no list.",
            "ops",
            {
                "option {{bucket}}": rate("points_delivery_options_total", "bucket"),
                "unknown created_by": rate("points_unknown_created_by_total"),
            },
        ),
        Panel(
            "Records in a batch",
            "Batches grow while a worker is behind.",
            "short",
            quantiles("points_batch_records"),
        ),
        Panel(
            "Time of a batch",
            "Time from a batch being read to its commit.",
            "s",
            quantiles("points_batch_duration_seconds"),
        ),
        Panel(
            "Compared with the platform's figures",
            "Grants of orders that carry the platform's own figure, by how it compares, and orders "
            "that redeemed other points there than here.",
            "ops",
            {
                "{{outcome}}": rate("points_upstream_summary_total", "outcome"),
                "redeemed otherwise": rate("points_redeemed_mismatches_total"),
            },
        ),
        Panel(
            "Tidying up",
            "Accounts a second on which points lapsed or holds ended, and parked reports that were "
            "forgotten.",
            "ops",
            {
                "accounts": rate("points_expired_accounts_total"),
                "forgotten {{kind}}": rate("points_purged_reports_total", "kind"),
            },
        ),
    ],
)
_KAFKA: Final = Row(
    "Kafka",
    [
        Panel(
            "Lag in seconds",
            "Age of the oldest record that a pipeline has not processed, seen from outside: also "
            "right while no worker runs.",
            "s",
            {
                "{{pipeline}} {{topic}}": worst("points_pipeline_lag_seconds", "pipeline, topic"),
            },
            width=8,
        ),
        Panel(
            "Lag in records",
            "Records in the topic's log behind a pipeline's cursors.",
            "short",
            {
                "{{pipeline}} {{topic}}": worst("points_pipeline_lag_messages", "pipeline, topic"),
            },
            width=8,
        ),
        Panel(
            "Paused pipelines",
            "1 while too much poison has paused a pipeline: `points resume` lets it go on.",
            "short",
            {"{{pipeline}}": worst("points_pipeline_paused", "pipeline")},
            width=8,
        ),
        Panel(
            "Rebalances",
            "Partitions given to workers, taken back, or lost.",
            "short",
            {"{{event}}": increase("points_rebalances_total", "event")},
            width=8,
        ),
        Panel(
            "Trouble with Kafka",
            "Turns of a worker's loop that failed, batches dropped because another worker was "
            "ahead, and partitions left out until an operator adopts a position.",
            "short",
            {
                "turns failed": increase("points_broker_troubles_total"),
                "batches refused": increase("points_cursor_refusals_total"),
                "left out {{topic}}": worst("points_left_out_partitions", "topic"),
            },
            width=8,
        ),
        Panel(
            "Records consumed",
            "Records a second that were read and committed, by topic.",
            "ops",
            {"{{topic}}": rate("points_consumed_records_total", "topic")},
            width=8,
        ),
    ],
)
_OUTBOX: Final = Row(
    "Outbox and dead letters",
    [
        Panel(
            "Events in the outbox",
            "Events that Kafka does not have yet, and rows that it refused for good.",
            "short",
            {
                "waiting": worst("points_outbox_rows"),
                "refused": worst("points_outbox_refused_rows"),
            },
        ),
        Panel(
            "Delivered",
            "Rows of the outbox delivered a second, by kind.",
            "ops",
            {"{{kind}}": rate("points_relayed_records_total", "kind")},
        ),
        Panel(
            "Round trip of the heartbeat",
            "Time from the outbox through relay and Kafka and back.",
            "s",
            quantiles("points_heartbeat_seconds"),
        ),
        Panel(
            "Shards held by relays",
            "All shards are held while enough relays run.",
            "short",
            {"shards": total("points_relay_shards")},
        ),
        Panel(
            "Dead letters",
            "Records sent to dead-letter topics, and rows that the broker refused for good.",
            "short",
            {
                "{{kind}}": increase("points_dead_letters_total", "kind"),
                "refused: {{error}}": increase("points_refused_records_total", "error"),
            },
            width=8,
        ),
        Panel(
            "Unresolved records",
            "Records in quarantine that were neither redriven nor discarded.",
            "short",
            {"{{topic}}": worst("points_quarantine_records", "topic")},
            width=8,
        ),
        Panel(
            "Oldest unresolved record",
            "Age of the oldest record in quarantine.",
            "s",
            {"{{topic}}": age("points_quarantine_oldest_timestamp_seconds", "topic")},
            width=8,
        ),
    ],
)
_DATABASE: Final = Row(
    "Database",
    [
        Panel(
            "Where the loops' time goes",
            "Seconds a second over all workers: waiting for work, for PostgreSQL, for Kafka to "
            "take records, and all else.",
            "s",
            {"{{phase}}": rate("points_loop_seconds_total", "phase")},
            width=8,
        ),
        Panel(
            "Trouble with PostgreSQL",
            "Connections lost, and batches rolled back and repeated.",
            "short",
            {
                "connections lost": increase("points_database_reconnects_total"),
                "rolled back": increase("points_rollbacks_total"),
            },
            width=8,
        ),
        Panel(
            "Changes of settings",
            "How many changes of settings the workers have heard of; lines that differ for long "
            "show a worker that does not hear.",
            "short",
            {"{{instance}}": worst("points_settings_epoch", "instance")},
            width=8,
        ),
        Panel(
            "Looks of watch",
            "Time that one look takes, and how long ago the last one ended.",
            "s",
            {
                "p99": quantile(0.99, "points_watch_duration_seconds"),
                "ago": age("points_watch_last_timestamp_seconds"),
            },
            width=12,
        ),
        Panel(
            "Looks that failed",
            "What watch could not look at, by part.",
            "short",
            {"{{part}}": increase("points_watch_errors_total", "part")},
            width=12,
        ),
    ],
)
_PROCESS: Final = Row(
    "Process",
    [
        Panel(
            "CPU",
            "Cores that each process uses.",
            "short",
            {"{{instance}}": rate("process_cpu_seconds_total", "instance")},
        ),
        Panel(
            "Memory",
            "Resident memory of each process.",
            "bytes",
            {"{{instance}}": worst("process_resident_memory_bytes", "instance")},
        ),
        Panel(
            "Open files",
            "File descriptors of each process, connections among them.",
            "short",
            {"{{instance}}": worst("process_open_fds", "instance")},
        ),
        Panel(
            "Since the loop last turned",
            "A loop that has not turned for long hangs; its orchestrator should kill it.",
            "s",
            {"{{instance}}": age("points_last_turn_timestamp_seconds", "instance")},
        ),
        Panel(
            "Versions",
            "Processes by version and by the newest revision of the schema that they know: two "
            "lines while an upgrade is under way.",
            "short",
            {
                "{{version}} · schema {{schema_revision}}": total(
                    "points_build_info", "version, schema_revision"
                ),
            },
            width=12,
        ),
        Panel(
            "Since tables were last counted",
            "Age of the figures that are read from tables, and of each process' start.",
            "s",
            {
                "counted {{instance}}": age("points_last_sample_timestamp_seconds", "instance"),
            },
            width=12,
        ),
    ],
)
ROWS: Final = (_PROMISES, _FLOW, _KAFKA, _OUTBOX, _DATABASE, _PROCESS)
