"""What each role of the database may do, and every statement that it is refused."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg import errors, sql

READ: Final = ("SELECT",)
ADD: Final = ("SELECT", "INSERT")
KEEP: Final = ("SELECT", "INSERT", "UPDATE")
PASS_ON: Final = ("SELECT", "INSERT", "DELETE")
ALL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

APP: Final = {
    "account": KEEP,
    "alembic_version": READ,
    "answered_ahead": PASS_ON,
    "application_event": ADD,
    "awaiting_order": ALL,
    "banner": ADD,
    "campaign": KEEP,
    "campaign_gift": KEEP,
    "campaign_version": ADD,
    "carrier_code": ADD,
    "command": ADD,
    "counted_poison": KEEP,
    "cursor": KEEP,
    "customer": KEEP,
    "due": PASS_ON,
    "entry_note": ADD,
    "family": ADD,
    "hold": KEEP,
    "ignored_reason": KEEP,
    "job": KEEP,
    "job_row": ADD,
    "job_line": KEEP,
    "job_piece": KEEP,
    "ledger": ADD,
    "lot": KEEP,
    "merchant": ADD,
    "merchant_poison": ALL,
    "notices_cursor": READ,
    "notices_pause": READ,
    "orders": KEEP,
    "orders_shown": READ,
    "outbox": PASS_ON,
    "outbox_refused": PASS_ON,
    "parcel": ALL,
    "parked_record": ALL,
    "pipeline_state": KEEP,
    "purged_report": KEEP,
    "quarantine": KEEP,
    "recheck": ALL,
    "redemption": KEEP,
    "redemption_awaiting": PASS_ON,
    "return_order": ALL,
    "schema_compatibility": READ,
    "settings": ADD,
    "settings_epoch": ("SELECT", "UPDATE"),
    "tracking": ALL,
    "unknown_code": ALL,
    "unknown_report": PASS_ON,
    "word": ADD,
    "worker_beat": ALL,
}
_OPS: Final = {
    "carrier_code": ADD,
    "cursor": KEEP,
    "ignored_reason": KEEP,
    "outbox": ADD,
    "outbox_refused": ("SELECT", "DELETE"),
    "pipeline_state": ("SELECT", "UPDATE"),
    "quarantine": KEEP,
    "recheck": ADD,
    "settings_epoch": ("SELECT", "UPDATE"),
    "unknown_code": ("SELECT", "DELETE"),
    "unknown_report": ("SELECT", "DELETE"),
    "worker_beat": ALL,
}
NOTICES: Final = {
    "notices.contact": KEEP,
    "notices.counted_poison": KEEP,
    "notices.cursor": KEEP,
    "notices.expiring_points": READ,
    "notices.expiring_run": KEEP,
    "notices.ignored_reason": KEEP,
    "notices.ledger_shop": READ,
    "notices.limit_reached": KEEP,
    "notices.merchant_poison": ALL,
    "notices.meter": KEEP,
    "notices.notice": KEEP,
    "notices.notice_settings": ADD,
    "notices.optout": ALL,
    "notices.outbox": PASS_ON,
    "notices.outbox_refused": PASS_ON,
    "notices.parked_event": PASS_ON,
    "notices.pipeline_state": KEEP,
    "notices.provider": KEEP,
    "notices.quarantine": KEEP,
    "notices.settings_epoch": ("SELECT", "UPDATE"),
    "notices.shop": ADD,
    "notices.shop_settings": ADD,
    "notices.worker_beat": ALL,
    "notices_keys.member_key": ALL,
}
_NOTHING_OF_NOTICES: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(NOTICES, ())
ROLES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "points_app": {**APP, **_NOTHING_OF_NOTICES},
    "points_ops": {**dict.fromkeys(APP, READ), **_OPS, **_NOTHING_OF_NOTICES},
    "points_readonly": {
        **dict.fromkeys(APP, READ),
        **dict.fromkeys(("outbox", "outbox_refused", "quarantine"), ()),
        **_NOTHING_OF_NOTICES,
    },
    "points_notices": {
        **dict.fromkeys(APP, ()),
        **dict.fromkeys(("alembic_version", "schema_compatibility"), READ),
        **NOTICES,
    },
}
"""Rights on whole tables, by role and table; those of the notices lane with their schema."""
COLUMNS: Final[Mapping[str, Mapping[tuple[str, str], set[str]]]] = {
    "points_app": {},
    "points_ops": {("entry_note", "UPDATE"): {"reason"}, ("job_line", "UPDATE"): {"reason"}},
    "points_readonly": {
        ("outbox", "SELECT"): {"shard", "id", "kind", "layout", "events"},
        ("outbox_refused", "SELECT"): {
            *("shard", "id", "kind", "layout", "topic", "size", "reason", "refused_us"),
        },
        ("quarantine", "SELECT"): {
            *("id", "pipeline", "topic", "topic_uuid", "partition", "offset", "timestamp_us"),
            *("merchant_id", "reason", "message", "partition_position", "received_us"),
            *("redriven_us", "discarded_us", "purged_us"),
        },
    },
    "points_notices": {},
}
"""Rights on single columns, where the role has none on the table."""
Connection = psycopg.Connection[tuple[Any, ...]]


def refused_of(connection: Connection, role: str) -> list[str]:
    """The statements that do not end as the role's rights say: all are tried, on every column."""
    wrong = []
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        for table, verb, column in _statements(connection):
            whole = verb in ROLES[role][table]
            may = whole or column in COLUMNS[role].get((table, verb), ())
            if _is_let(connection, _statement(table, verb, column)) is not may:
                wrong.append(f"{role}: {verb} {table}.{column} is {'not ' if may else ''}let")
    return wrong


def _statements(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Every table, verb and column; a view is only read, and rows go whole."""
    columns = connection.execute(
        "SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname, "
        "c.relkind, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE n.nspname IN ('public', 'notices', 'notices_keys') "
        "AND c.relkind IN ('r', 'v', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attidentity = '' ORDER BY 1, a.attnum"
    ).fetchall()
    for table, kind, column in columns:
        yield table, "SELECT", column
        if kind not in {"v", b"v"}:
            yield table, "UPDATE", column
    for table in sorted({table for table, kind, _ in columns if kind not in {"v", b"v"}}):
        for verb in ("INSERT", "DELETE", "TRUNCATE"):
            yield table, verb, next(c for t, _, c in columns if t == table)


def _statement(table: str, verb: str, column: str) -> sql.Composed:
    """A statement that changes nothing even where it is let."""
    text = {
        "SELECT": "SELECT {column} FROM {table} WHERE false",
        "INSERT": "INSERT INTO {table} ({column}) SELECT x.{column} FROM"
        " json_populate_record(NULL::{table}, '{{}}') x WHERE false",
        "UPDATE": "UPDATE {table} SET {column} = NULL WHERE false",
        "DELETE": "DELETE FROM {table} WHERE false",
        "TRUNCATE": "TRUNCATE {table}",
    }[verb]
    return sql.SQL(text).format(
        table=sql.Identifier(*table.split(".")), column=sql.Identifier(column)
    )


def _is_let(connection: Connection, statement: sql.Composed) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement)
    except errors.InsufficientPrivilege:
        return False
    return True
