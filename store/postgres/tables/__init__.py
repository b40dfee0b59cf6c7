"""Every table, declared once, for SQLAlchemy Core: one module a room.

The migrations make the tables (and say why each column is there); a test finds no difference
between the two. Reads off the hot path are built with these; the statements of the hot path are SQL
of their own, whose lists of columns come from here (store/postgres/columns.py).
"""

from store.postgres.tables import notices
from store.postgres.tables.base import Xid8, metadata
from store.postgres.tables.campaigns import banner, campaign, campaign_gift, campaign_version
from store.postgres.tables.carriers import (
    awaiting_order,
    carrier_code,
    purged_report,
    tracking,
    unknown_code,
    unknown_report,
)
from store.postgres.tables.commands import command, job, job_line, job_piece, job_row
from store.postgres.tables.common import schema_compatibility, word, worker_beat
from store.postgres.tables.ledger import (
    account,
    account_no,
    entry_note,
    hold,
    ledger,
    lot,
    redemption,
    redemption_awaiting,
)
from store.postgres.tables.orders import customer, due, family, orders, parcel, return_order
from store.postgres.tables.settings import application_event, merchant, settings, settings_epoch
from store.postgres.tables.streams import (
    answered_ahead,
    counted_poison,
    cursor,
    ignored_reason,
    merchant_poison,
    outbox,
    outbox_refused,
    parked_record,
    pipeline_state,
    quarantine,
    recheck,
)

__all__ = [
    "Xid8",
    "account",
    "account_no",
    "answered_ahead",
    "application_event",
    "awaiting_order",
    "banner",
    "campaign",
    "campaign_gift",
    "campaign_version",
    "carrier_code",
    "command",
    "counted_poison",
    "cursor",
    "customer",
    "due",
    "entry_note",
    "family",
    "hold",
    "ignored_reason",
    "job",
    "job_line",
    "job_piece",
    "job_row",
    "ledger",
    "lot",
    "merchant",
    "merchant_poison",
    "metadata",
    "notices",
    "orders",
    "outbox",
    "outbox_refused",
    "parcel",
    "parked_record",
    "pipeline_state",
    "purged_report",
    "quarantine",
    "recheck",
    "redemption",
    "redemption_awaiting",
    "return_order",
    "schema_compatibility",
    "settings",
    "settings_epoch",
    "tracking",
    "unknown_code",
    "unknown_report",
    "word",
    "worker_beat",
]
