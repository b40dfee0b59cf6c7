"""What is kept of a transaction: spans of what is sampled, and nothing of the rest."""

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from processors.tracing import context
from processors.tracing.opentelemetry_spans import (
    OpenTelemetrySpans,
    UnknownExporter,
    from_environment,
)
from processors.tracing.spans import Spans

SAMPLED = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = SAMPLED[:-1] + b"0"


class Message:
    """A record with a `traceparent`, or without."""

    def __init__(self, traceparent: bytes | None) -> None:
        self._traceparent = traceparent

    def topic(self) -> str:
        return "commerce.orders.v1"

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 7

    def headers(self) -> list[tuple[str, bytes]]:
        return [] if self._traceparent is None else [("traceparent", self._traceparent)]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def spans_to(exporter: InMemorySpanExporter, share: float = 0.0) -> OpenTelemetrySpans:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OpenTelemetrySpans(provider, share)


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def traceparent(span: ReadableSpan) -> bytes:
    own: Any = span.context
    return b"00-%032x-%016x-%02x" % (own.trace_id, own.span_id, own.trace_flags)


def test_a_sampled_record_goes_on_in_its_own_trace(exporter: InMemorySpanExporter) -> None:
    spans, message = spans_to(exporter), Message(SAMPLED)
    with spans.batch("intake", 2000):
        ours = spans.of_record(message)
        assert spans.of_record(message) == ours, "asked twice, the record has one span"
    assert context.trace_id(ours) == context.trace_id(SAMPLED)
    (span,), (batch,) = (
        named(exporter, "process commerce.orders.v1"),
        named(exporter, "intake batch"),
    )
    assert traceparent(span) == ours
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert span.parent.span_id == 0xB7AD6B7169203331
    assert [link.context for link in span.links] == [batch.context]
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "commerce.orders.v1",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 7,
    }
    assert dict(batch.attributes or {}) == {"messaging.batch.message_count": 2000}


@pytest.mark.parametrize("header", [UNSAMPLED, None])
def test_what_is_not_sampled_goes_on_as_it_came(
    exporter: InMemorySpanExporter, header: bytes | None
) -> None:
    spans = spans_to(exporter)
    with spans.batch("intake", 1):
        assert spans.of_record(Message(header)) == header
    with spans.batch("grant"):
        assert spans.of_plan(context.packed(UNSAMPLED)) == UNSAMPLED
    spans.sent("points.changed.v1", [UNSAMPLED], 0)
    assert exporter.get_finished_spans() == ()


def test_a_share_of_the_records_without_a_trace_begins_one(exporter: InMemorySpanExporter) -> None:
    spans = spans_to(exporter, share=1.0)
    with spans.batch("intake", 1):
        ours = spans.of_record(Message(None))
    assert ours is not None
    (span,) = named(exporter, "process commerce.orders.v1")
    assert span.parent is None
    assert traceparent(span) == ours


def test_a_grant_has_a_trace_of_its_own_and_links_to_its_plans(
    exporter: InMemorySpanExporter,
) -> None:
    spans = spans_to(exporter)
    with spans.batch("grant"):
        ours = spans.of_plan(context.packed(SAMPLED))
        assert spans.of_plan(context.packed(SAMPLED)) == ours
    (span,), (batch,) = named(exporter, "grant"), named(exporter, "grant batch")
    assert traceparent(span) == ours
    assert span.parent is None
    assert context.trace_id(ours) != context.trace_id(SAMPLED)
    assert [link.context.span_id for link in span.links] == [
        0xB7AD6B7169203331,
        batch.context.span_id if batch.context else 0,
    ]


def test_an_event_that_is_delivered_ends_its_trace_with_a_send(
    exporter: InMemorySpanExporter,
) -> None:
    spans_to(exporter).sent("points.changed.v1", [SAMPLED], 1_000)
    (span,) = named(exporter, "send points.changed.v1")
    assert (span.kind, span.start_time) == (SpanKind.PRODUCER, 1_000)
    assert span.parent is not None
    assert span.parent.span_id == 0xB7AD6B7169203331


def test_a_batch_that_is_rolled_back_fails_its_spans_without_the_text(
    exporter: InMemorySpanExporter,
) -> None:
    spans = spans_to(exporter)

    def fail() -> None:
        with spans.batch("intake", 1):
            spans.of_record(Message(SAMPLED))
            raise ValueError("phone 0912345678")

    with pytest.raises(ValueError, match="0912"):
        fail()
    for span in exporter.get_finished_spans():
        assert span.status.status_code is StatusCode.ERROR
        assert "0912" not in span.to_json()


def test_without_tracing_contexts_go_on_as_they_came() -> None:
    spans = Spans()
    with spans.batch("intake", 1):
        assert spans.of_record(Message(SAMPLED)) == SAMPLED
        assert spans.of_record(Message(None)) is None
        assert spans.of_plan(context.packed(SAMPLED)) == SAMPLED


def test_an_exporter_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "s3cret")
    with pytest.raises(UnknownExporter) as refused:
        from_environment("intake", 0.0)
    assert "s3cret" not in str(refused.value)


def test_the_resource_names_product_and_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=here")
    attributes = from_environment("grants", 0.0)._provider.resource.attributes
    assert attributes["service.name"] == "member-points"
    assert attributes["points.worker"] == "grants"
    assert attributes["deployment.environment.name"] == "here"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "loyalty")
    assert from_environment("x", 0.0)._provider.resource.attributes["service.name"] == "loyalty"


IMPORT_ALL = """
import sys
{hide}
from processors.registry import WORKERS
from processors.runtime.configuration import TracingConfiguration, load
from processors.runtime import loop
from processors.tracing import spans
import cli.main
with_redis = ("readmodel", "notices-send")
for worker in WORKERS.values():
    if worker.name not in with_redis:
        worker.factory() if worker.lane == "engine" else worker.body()
spans.set_up(TracingConfiguration(), "intake")
assert not [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]
# The client of Redis imports what it may count with by itself, where it is installed.
WORKERS["readmodel"].factory()
WORKERS["notices-send"].body()
assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")]
assert "processors.tracing.opentelemetry_spans" not in sys.modules
{then}
"""


def run(script: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_while_tracing_is_off_nothing_of_opentelemetry_is_imported() -> None:
    run(IMPORT_ALL.format(hide="", then=""))


def test_without_the_extra_everything_else_works_and_tracing_says_what_is_missing() -> None:
    hide = """
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda cls, name, *more: None if name == "opentelemetry" else found(name, *more)
)
"""
    then = """
try:
    load()
except Exception as error:
    assert "POINTS_TRACING__ENABLED: needs the extra" in str(error), error
else:
    raise SystemExit("not refused")
"""
    run(
        IMPORT_ALL.format(hide=hide, then=then),
        POINTS_TRACING__ENABLED="true",
        POINTS_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1",
        POINTS_DATABASE__URL="postgresql://me:x@127.0.0.1/points",
        POINTS_ENVIRONMENT="development",
    )
