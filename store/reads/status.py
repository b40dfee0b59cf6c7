"""How the whole is doing: what is due, what waits, what needs an operator."""

from typing import NamedTuple

import orjson
from sqlalchemy import BigInteger, bindparam, cast, exists, func, select, true

from rules.account.holds import HoldState
from schemas.bulk.states import Gate
from schemas.ids import SECOND, Micros
from store.postgres import tables
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw
from store.reads.execute import one_row, rows
from store.reads.snapshot import now
from store.streams.outbox import OutboxKind, first_event
from store.streams.recheck import RecheckKind

OVERDUE_SECONDS = 5
"""A hold that ended so long ago should have been released: an expiry worker does it in one."""

_due, _quarantine, _outbox = tables.due.c, tables.quarantine.c, tables.outbox.c
_job = tables.job.c
_ignored, _recheck, _merchant = tables.ignored_reason.c, tables.recheck.c, tables.merchant.c

_DUE = select(
    func.points_now(),
    func.count().filter(_due.due_us <= func.points_now()),
    func.count(),
    func.min(_due.due_us),
).select_from(tables.due)
_unfinished = (
    select(tables.job_piece.c.merchant_no, tables.job_piece.c.job_id)
    .where(~tables.job_piece.c.is_done)
    .distinct()
    .subquery()
)
_is_waiting = _job.gate == Gate.waiting_approval.value
_JOBS = (
    select(
        func.count(), func.count().filter(_is_waiting), func.min(_job.made_us).filter(~_is_waiting)
    )
    .select_from(
        _unfinished.join(
            tables.job,
            (_job.merchant_no == _unfinished.c.merchant_no) & (_job.job_id == _unfinished.c.job_id),
        )
    )
    .where(_job.gate != Gate.cancelled.value)
)
# Events and settings carry when they were recorded; dead letters and redrives (behind them in
# OutboxKind) do not.
_outbox_records = select(
    cast(func.coalesce(func.sum(_outbox.events), 0), BigInteger).label("records")
).subquery()
_outbox_oldest = (
    select(_outbox.kind, _outbox.value)
    .where(_outbox.value.is_not(None), _outbox.kind <= OutboxKind.SETTINGS.value)
    .order_by(_outbox.id)
    .limit(1)
    .subquery()
)
_OUTBOX = select(
    _outbox_records.c.records, _outbox_oldest.c.kind, _outbox_oldest.c.value
).select_from(_outbox_records.outerjoin(_outbox_oldest, true()))
_DEAD_LETTERS = select(
    func.count(),
    func.count().filter(_quarantine.redriven_us.is_(None), _quarantine.discarded_us.is_(None)),
    func.max(_quarantine.received_us),
).select_from(tables.quarantine)
_PIPELINES = select(
    tables.pipeline_state.c.pipeline,
    tables.pipeline_state.c.paused_us,
    tables.pipeline_state.c.reason,
).order_by(tables.pipeline_state.c.pipeline)
_records = cast(func.sum(_ignored.records), BigInteger)
_IGNORED = (
    select(_ignored.reason, _records)
    .where(_ignored.pipeline == bindparam("pipeline"))
    .group_by(_ignored.reason)
    .order_by(_records.desc(), _ignored.reason)
)
_WITHOUT_SETTINGS = (
    select(_merchant.merchant_id)
    .where(~exists().where(tables.settings.c.merchant_no == _merchant.merchant_no))
    .order_by(_merchant.merchant_id)
)
_COUNTS = select(
    select(func.count()).select_from(tables.merchant).scalar_subquery(),
    select(func.count()).select_from(tables.account).scalar_subquery(),
    func.points_now(),
)
_live = tables.hold.c.state == HoldState.live
_ends = tables.hold.c.expires_us
_HOLDS = select(
    func.count().filter(_ends > bindparam("now")),
    func.count().filter(_ends <= bindparam("late")),
    func.min(_ends).filter(_ends <= bindparam("late")),
).where(_live)
_RECHECK = select(_recheck.kind, func.count()).group_by(_recheck.kind).order_by(_recheck.kind)
_LEDGER_RIGHTS = select(
    func.has_table_privilege("ledger", "INSERT"),
    func.has_table_privilege("ledger", "UPDATE") | func.has_table_privilege("ledger", "DELETE"),
)


class DueStats(NamedTuple):
    """The plan at the database's `now`: orders due and not granted, all planned, the soonest."""

    now: Micros
    overdue: int
    planned: int
    soonest: Micros | None


class OutboxStats(NamedTuple):
    """The outbox: rows, and when the oldest was recorded (None: empty, or it carries no time)."""

    rows: int
    oldest: str | None


class DeadLetterStats(NamedTuple):
    """The quarantine: all rows, those neither redriven nor discarded, and when the last came."""

    rows: int
    open: int
    newest: Micros | None


class Pipeline(NamedTuple):
    """A pipeline that was paused at some time. `paused_at` is None while it runs."""

    name: str
    paused_at: Micros | None
    reason: str | None


class TableCounts(NamedTuple):
    """Merchants, accounts, and the database's clock."""

    merchants: int
    accounts: int
    now: Micros


class HoldStats(NamedTuple):
    """Live holds; those that ended a while ago and are not released yet, and the oldest's end."""

    live: int
    overdue: int
    oldest: Micros | None


class JobStats(NamedTuple):
    """Bulk jobs with rows left to apply; those of them that wait for a second person."""

    open: int
    waiting: int
    oldest: Micros | None


class LedgerRights(NamedTuple):
    """What the present role may do with the ledger: add to it, and change it (it must not, I3)."""

    adds: bool
    changes: bool


def due_stats(connection: Database) -> DueStats:
    """How much is planned and how much of it is due."""
    return DueStats(*one_row(raw(connection), _DUE))


def outbox_stats(connection: Database) -> OutboxStats:
    """How much waits to be sent, and since when."""
    records, kind, value = one_row(raw(connection), _OUTBOX)
    if value is None:
        return OutboxStats(records, None)
    message = orjson.loads((first_event(value) or b"{}") if kind == OutboxKind.CHANGED else value)
    return OutboxStats(records, message.get("recorded_at") or message.get("applied_at"))


def dead_letter_stats(connection: Database) -> DeadLetterStats:
    """How many records could not be read."""
    return DeadLetterStats(*one_row(raw(connection), _DEAD_LETTERS))


def pipelines(connection: Database) -> list[Pipeline]:
    """The pipelines that poison ever paused."""
    return [Pipeline(*row) for row in rows(raw(connection), _PIPELINES)]


def paused_pipelines(connection: Database) -> list[Pipeline]:
    """The pipelines that are paused now."""
    return [pipeline for pipeline in pipelines(connection) if pipeline.paused_at is not None]


def ignored_by_reason(connection: Database, pipeline: str) -> dict[str, int]:
    """How many records a pipeline ignored, by reason, the most frequent first."""
    return dict(rows(raw(connection), _IGNORED, pipeline=pipeline))


def relayed_shards(connection: Database) -> set[int]:
    """The outbox shards that a relay holds now."""
    # pg_locks is the server's table, not ours, so this is named SQL.
    locked = raw(connection).execute(queries("reads/status")["relayed_shards"])
    return {row[0] for row in locked.fetchall()}


def merchants_without_settings(connection: Database) -> list[str]:
    """Merchants that have orders and no settings."""
    return [row[0] for row in rows(raw(connection), _WITHOUT_SETTINGS)]


def table_counts(connection: Database) -> TableCounts:
    """How much there is."""
    return TableCounts(*one_row(raw(connection), _COUNTS))


def hold_stats(connection: Database) -> HoldStats:
    """How many holds live, and how many are overdue."""
    cursor = raw(connection)
    moment = now(cursor)
    late = moment - OVERDUE_SECONDS * SECOND
    return HoldStats(*one_row(cursor, _HOLDS, now=moment, late=late))


def job_stats(connection: Database) -> JobStats:
    """How many bulk jobs are not done, and when the oldest was made that nobody has to approve."""
    return JobStats(*one_row(raw(connection), _JOBS))


def recheck_queue(connection: Database) -> dict[str, int]:
    """Rows of the recheck queue by what they name (store.streams.recheck.RecheckKind)."""
    return {
        RecheckKind(kind).name.lower(): count for kind, count in rows(raw(connection), _RECHECK)
    }


def ledger_rights(connection: Database) -> LedgerRights:
    """Whether the role may add to the ledger, and whether it could change it (I3)."""
    return LedgerRights(*one_row(raw(connection), _LEDGER_RIGHTS))
