"""From the record that made a plan to the event of its grant: one chain of links."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processors.relay.records import events_of
from processors.tracing import context, spans
from processors.tracing.opentelemetry_spans import OpenTelemetrySpans
from store.postgres import session
from store.streams import outbox
from tests.support.in_process import InProcessEngine
from tests.support.parcels import M
from tests.support.upstream import CREATED, Record, hex_id, order

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DAYS = 30


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter, before = InMemorySpanExporter(), spans.spans()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(OpenTelemetrySpans(provider))
    yield exporter
    spans.use(before)


def traced(merchant: str, at: datetime = CREATED) -> Record:
    """An order that is final since `at`, with a trace."""
    record = order(merchant, hex_id("o"), hex_id("m"), 1000, delivery="arrived", at=at)
    return record._replace(headers=(("traceparent", TRACE),))


def now(engine: InProcessEngine) -> datetime:
    """The engine's clock."""
    return datetime.fromtimestamp(engine.value("SELECT points_now()") / 1e6, UTC)


def header_of_the_event(engine: InProcessEngine) -> bytes | None:
    """The `traceparent` of the one event in the outbox."""
    with session.connect(engine.database_url) as connection:
        rows = outbox.head(session.raw(connection), range(outbox.EVENT_SHARDS))
    ((_, headers),) = [event for row in rows for event in events_of(row)]
    return dict(headers).get("traceparent")


def span(exported: InMemorySpanExporter, name: str) -> ReadableSpan:
    (one,) = [each for each in exported.get_finished_spans() if each.name == name]
    return one


def header(one: ReadableSpan) -> bytes:
    own: Any = one.context
    return b"00-%032x-%016x-%02x" % (own.trace_id, own.span_id, own.trace_flags)


def pass_days(engine: InProcessEngine) -> None:
    engine.move_clock(timedelta(days=DAYS + 2).total_seconds())
    engine.first.settle()


def test_order_plan_grant_and_event_are_one_chain(
    in_process: InProcessEngine, exported: InMemorySpanExporter
) -> None:
    in_process.merchant("slow", pending_days=DAYS)
    in_process.consume(traced("slow", at=now(in_process)))
    processed = span(exported, "process commerce.orders.v1")
    assert processed.parent is not None
    assert processed.parent.span_id == 0xB7AD6B7169203331
    stored = bytes(in_process.value("SELECT trace FROM due"))
    assert context.traceparent_of(stored) == header(processed)
    pass_days(in_process)
    granted = span(exported, "grant")
    assert processed.context is not None
    assert processed.context.span_id in [link.context.span_id for link in granted.links]
    assert context.trace_id(header(granted)) != context.trace_id(TRACE)
    event = header_of_the_event(in_process)
    assert event == header(granted)
    spans.spans().sent("points.changed.v1", [event], 0)
    sent = span(exported, "send points.changed.v1")
    assert sent.parent is not None
    assert granted.context is not None
    assert sent.parent.span_id == granted.context.span_id


def test_a_grant_at_once_stays_in_the_orders_trace(
    in_process: InProcessEngine, exported: InMemorySpanExporter
) -> None:
    in_process.consume(traced(M))
    event = header_of_the_event(in_process)
    assert event == header(span(exported, "process commerce.orders.v1"))
    assert context.trace_id(event) == context.trace_id(TRACE)


def test_without_tracing_the_event_of_a_plan_carries_the_orders_trace_on(
    in_process: InProcessEngine,
) -> None:
    in_process.merchant("slow", pending_days=DAYS)
    in_process.consume(traced("slow", at=now(in_process)))
    pass_days(in_process)
    assert header_of_the_event(in_process) == TRACE


def test_a_plan_without_a_trace_takes_no_byte_for_it(in_process: InProcessEngine) -> None:
    in_process.merchant("slow", pending_days=DAYS)
    in_process.consume(traced("slow", at=now(in_process))._replace(headers=()))
    # As long as a row of the three columns of the key alone.
    size = in_process.value(
        "SELECT pg_column_size(d) - pg_column_size(row(merchant_no, due_us, order_id)) FROM due d"
    )
    assert size == 0
    assert in_process.value("SELECT trace IS NULL FROM due")
