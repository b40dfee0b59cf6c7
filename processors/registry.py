"""Every kind of worker, once: `points run`, the pages, the demo and the tests read it here.

Cheap to import: a worker's module is loaded when its factory is asked for. A new kind needs a
module with its class, an entry here, and its metrics in processors/metrics.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from processors.runtime.configuration import LaneConfiguration
    from processors.runtime.loop import Body
    from processors.runtime.worker import WorkerFactory

Scaling = Literal["partitions", "any", "shards", "one"]
"""What bounds how many workers of a kind do work at the same time."""


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """A kind of worker.

    `does` and `how_many` are phrases for the pages. `metrics` are the names of the metrics that it
    exports besides those of every worker. A kind of the `engine` is a worker in the loop; one of
    the `notices` lane has a loop of its own, in the function `class_name` of its module, needs the
    extra `notices`, and is one of `all` when POINTS_NOTICES__ENABLED.
    """

    name: str
    module: str
    class_name: str
    does: str
    needs_kafka: bool
    scaling: Scaling
    how_many: str
    metrics: tuple[str, ...]
    lane: Literal["engine", "notices"] = "engine"

    @property
    def exports(self) -> frozenset[str]:
        """The names of all metrics that it exports."""
        of_engine = METRICS_OF_ENGINE if self.lane == "engine" else ()
        return frozenset((*METRICS_OF_ALL, *of_engine, *self.metrics))

    def factory(self) -> "WorkerFactory":
        """What makes a worker of this kind of the engine; loads its module."""
        factory: WorkerFactory = getattr(import_module(self.module), self.class_name).create
        return factory

    def body(self) -> "Body[LaneConfiguration]":
        """The life of a worker of this kind of the notices lane; loads its module."""
        body: Body[LaneConfiguration] = getattr(import_module(self.module), self.class_name)
        return body


METRICS_OF_ALL: Final = (
    "points_worker_up",
    "points_worker_ready",
    "points_last_turn_timestamp_seconds",
    "points_last_sample_timestamp_seconds",
    "points_database_reconnects",
    "points_broker_troubles",
    "points_rollbacks",
    "points_build_info",
)
"""What every worker exports."""
METRICS_OF_ENGINE: Final = ("points_loop_seconds",)
"""What every worker of the engine exports besides: it has one loop, one of the lane several."""
_POSTING: Final = (
    "points_ledger_entries",
    "points_redeemed_mismatches",
    "points_upstream_summary",
)
_PIPELINE: Final = (
    "points_pipeline_paused",
    "points_cursor_refusals",
    "points_consumed_records",
    "points_processed_records",
    "points_ignored_records",
    "points_event_to_commit_seconds",
    "points_lag_messages",
    "points_left_out_partitions",
    "points_oldest_unprocessed_timestamp_seconds",
    "points_lag_seconds",
    "points_rebalances",
    "points_settings_epoch",
)
"""What a worker exports that reads topics."""
_BATCHES: Final = ("points_batch_records", "points_batch_duration_seconds")

_KINDS: Final = (
    WorkerKind(
        name="relay",
        module="processors.relay.worker",
        class_name="Relay",
        does="sends events, settings, answers to commands and dead letters to Kafka",
        needs_kafka=True,
        scaling="shards",
        how_many="up to 9 work: they share the shards; others stand by",
        metrics=(
            "points_relayed_records",
            "points_end_to_end_seconds",
            "points_dead_letters",
            "points_relay_shards",
            "points_refused_records",
        ),
    ),
    WorkerKind(
        name="grants",
        module="processors.grants",
        class_name="Grants",
        does="grants what has fallen due",
        needs_kafka=False,
        scaling="any",
        how_many="any number",
        metrics=(
            "points_grant_lateness_seconds",
            "points_settings_epoch",
            *_BATCHES,
            *_POSTING,
        ),
    ),
    WorkerKind(
        name="recheck",
        module="processors.recheck.worker",
        class_name="Recheck",
        does="decides orders again after something else changed: a customer, a parent order, "
        "settings, a tracking number",
        needs_kafka=False,
        scaling="any",
        how_many="any number",
        metrics=("points_rechecked_orders", *_POSTING),
    ),
    WorkerKind(
        name="expiry",
        module="processors.expiry",
        class_name="Expiry",
        does="lets points lapse and ends holds, on time and on accounts that nothing else touches",
        needs_kafka=False,
        scaling="any",
        how_many="any number",
        metrics=("points_expired_accounts",),
    ),
    WorkerKind(
        name="readmodel",
        module="processors.readmodel.worker",
        class_name="ReadModelWorker",
        does="copies balances to Redis or Valkey for checkout; idle where none is named",
        needs_kafka=True,
        scaling="partitions",
        how_many="up to the number of partitions; one is enough",
        metrics=(
            "points_readmodel_members",
            "points_readmodel_compared_keys",
            "points_readmodel_troubles",
            "points_readmodel_lag_messages",
            "points_readmodel_oldest_timestamp_seconds",
            "points_rebalances",
        ),
    ),
    WorkerKind(
        name="cleanup",
        module="processors.cleanup",
        class_name="Cleanup",
        does="forgets dead letters' bytes after 14 days and reports without an order after 180; "
        "looks again at codes that were unknown",
        needs_kafka=False,
        scaling="any",
        how_many="any number; one is enough",
        metrics=("points_purged_reports", "points_settings_epoch"),
    ),
    WorkerKind(
        name="intake",
        module="processors.intake.worker",
        class_name="IntakeWorker",
        does="reads orders, deliveries, carriers' reports and customers, posts what is due at "
        "once, plans the rest",
        needs_kafka=True,
        scaling="partitions",
        how_many="up to the number of partitions",
        metrics=(
            *_PIPELINE,
            "points_delivery_options",
            "points_unknown_created_by",
            "points_carrier_reports",
            *_BATCHES,
            *_POSTING,
        ),
    ),
    WorkerKind(
        name="commands",
        module="processors.commands.worker",
        class_name="CommandsWorker",
        does="reads commands, applies and answers them",
        needs_kafka=True,
        scaling="partitions",
        how_many="up to the number of partitions",
        metrics=(*_PIPELINE, "points_commands", "points_ledger_entries", *_BATCHES),
    ),
    WorkerKind(
        name="watch",
        module="processors.watch.worker",
        class_name="Watch",
        does="looks at the whole from outside: what is overdue, what waits, how far each pipeline "
        "is behind, whether events get through",
        needs_kafka=True,
        scaling="one",
        how_many="one speaks; others stand by",
        metrics=(
            "points_pipeline_paused",
            "points_oldest_due_timestamp_seconds",
            "points_due_rows",
            "points_outbox_rows",
            "points_outbox_oldest_timestamp_seconds",
            "points_outbox_refused_rows",
            "points_quarantine_records",
            "points_quarantine_oldest_timestamp_seconds",
            "points_recheck_rows",
            "points_recheck_oldest_timestamp_seconds",
            "points_parked_reports",
            "points_parked_oldest_timestamp_seconds",
            "points_live_holds",
            "points_oldest_overdue_hold_timestamp_seconds",
            "points_open_jobs",
            "points_pipeline_lag_messages",
            "points_pipeline_lag_seconds",
            "points_pipeline_oldest_unprocessed_timestamp_seconds",
            "points_heartbeat_timestamp_seconds",
            "points_heartbeat_seconds",
            "points_invariant_violations",
            "points_watch_duration_seconds",
            "points_watch_errors",
            "points_watch_last_timestamp_seconds",
        ),
    ),
)
_KINDS_OF_NOTICES: Final = (
    WorkerKind(
        name="notices",
        module="processors.notices.stream.worker",
        class_name="run",
        does="decides which change of points makes which notice to a member, and keeps contacts",
        needs_kafka=True,
        scaling="partitions",
        how_many="up to the number of partitions; one is enough",
        metrics=(
            *(name for name in _PIPELINE if name != "points_left_out_partitions"),
            *_BATCHES,
            "points_notices_decided",
            "points_notices_receipts",
        ),
        lane="notices",
    ),
    WorkerKind(
        name="notices-send",
        module="processors.notices.sending.worker",
        class_name="run",
        does="sends notices by e-mail and SMS, and says what became of each",
        needs_kafka=True,
        scaling="any",
        how_many="any number; two outlive one that hangs",
        metrics=(
            "points_notices_sent",
            "points_notices_parts",
            "points_notices_not_worded",
            "points_notices_limits_reached",
            "points_notices_oldest_waiting_timestamp_seconds",
            "points_notices_unknown",
            "points_notices_provider_seconds",
            "points_notices_breaker_open",
            "points_notices_shops_left_alone",
            "points_notices_meter_difference",
            "points_outbox_refused_rows",
            "points_relayed_records",
            "points_dead_letters",
        ),
        lane="notices",
    ),
)
WORKERS: Final[Mapping[str, WorkerKind]] = {
    kind.name: kind for kind in (*_KINDS, *_KINDS_OF_NOTICES)
}
"""Every kind by its name, in the order in which `points run all` starts them."""
ENGINE: Final = tuple(kind.name for kind in _KINDS)
"""Those that `points run all` always starts; the notices lane's only when it is switched on."""
