"""The records of an outbox row: one, or one for each of its events (architecture.md 2.5)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from processors.runtime.configuration import TopicsConfiguration
from schemas.ids import record_key
from store.streams import outbox
from store.streams.dead_letters import addressed
from store.streams.outbox import Headers, OutboxKind, Row

_JSON = ("content-type", b"application/json")
_SPEC = ("ce_specversion", b"1.0")


class Outgoing(NamedTuple):
    """A record to be produced. `timestamp` in milliseconds; 0 for the present."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]
    timestamp: int = 0

    @property
    def size(self) -> int:
        """Its bytes, without what the broker's format adds."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


def topics_of_kinds(topics: TopicsConfiguration) -> Mapping[OutboxKind, str]:
    """The topic of each kind; a redriven record names its own."""
    return {
        OutboxKind.CHANGED: topics.points_changed,
        OutboxKind.SETTINGS: topics.settings,
        OutboxKind.DEAD_ORDERS: topics.dlq_orders,
        OutboxKind.DEAD_DELIVERIES: topics.dlq_deliveries,
        OutboxKind.DEAD_CUSTOMERS: topics.dlq_customers,
        OutboxKind.DEAD_COMMANDS: topics.dlq_commands,
        OutboxKind.COMMAND_RESULT: topics.command_results,
        OutboxKind.COMMAND: topics.commands,
        OutboxKind.HEARTBEAT: topics.heartbeat,
    }


def topics_of_notices(topics: TopicsConfiguration) -> Mapping[OutboxKind, str]:
    """The same of the outbox of the notices lane."""
    return {OutboxKind.NOTICE: topics.notices, OutboxKind.DEAD_NOTICES: topics.dlq_notices}


def records_of(row: Row, topics: Mapping[OutboxKind, str]) -> list[Outgoing]:
    """The records of a row of any kind but CHANGED: many of a packed one, else one."""
    if row.kind in outbox.PACKED_KINDS:
        topic = topics[row.kind]
        return [
            Outgoing(topic, key, value, []) for key, value in outbox.records_of(row.value or b"")
        ]
    headers = outbox.headers_of(row.headers)
    if row.kind is OutboxKind.REDRIVE:
        topic, timestamp, headers = addressed(headers)
        return [Outgoing(topic, row.key, row.value, [*headers], timestamp)]
    return [Outgoing(topics[row.kind], row.key, row.value, [*headers])]


def events_of(row: Row) -> Sequence[tuple[bytes, Headers]]:
    """The events of a row of kind CHANGED: the value and further headers of each."""
    return list(outbox.events_of(row.value or b"", row.headers))


def event_records(
    events: Sequence[tuple[bytes, Headers]], topic: str
) -> Iterator[tuple[str, Outgoing]]:
    """Each event's `recorded_at`, and its record."""
    for value, more in events:
        event = orjson.loads(value)
        key = record_key(event["merchant_id"], event["member_id"])
        yield (
            event["recorded_at"],
            Outgoing(topic, key, value, [*cloud_event_headers(event), *more]),
        )


def trace_of(record: Outgoing) -> bytes | None:
    """The trace that an event's record belongs to: its last header, if it has one."""
    name, value = record.headers[-1]
    return value if name == outbox.TRACEPARENT and isinstance(value, bytes) else None


def cloud_event_headers(event: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """The CloudEvents 1.0 attributes of a points-changed event, as binary-mode headers."""
    return [
        _SPEC,
        ("ce_id", event["event_id"].encode()),
        ("ce_type", f"points.{event['type']}.v1".encode()),
        ("ce_source", f"/member-points/{event['merchant_id']}".encode()),
        ("ce_subject", event["member_id"].encode()),
        ("ce_time", event["occurred_at"].encode()),
        _JSON,
    ]
