"""Spans by OpenTelemetry (the extra `tracing`), after its conventions for messaging.

- A record's effects belong to the record's trace: `process <topic>` is a child of its context.
- A grant that fell due later begins a trace of its own and links to the one that made its plan: a
  trace that stays open for thirty days is of no use to anybody who looks at it.
- A transaction has a span only when a record or plan in it has one, and these link to it. So an
  untraced record costs the look at its headers.

What is not sampled goes on as it came.
"""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from processors.runtime.kafka.records import traceparent_of
from processors.runtime.logs import hand_on
from processors.tracing import context
from processors.tracing.spans import Spans
from schemas.errors import Exit, PointsError

_PACKAGE: Final = "member-points"
_KAFKA: Final[Mapping[str, AttributeValue]] = {"messaging.system": "kafka"}
_COUNT: Final = "messaging.batch.message_count"
_ROOT: Final = Context()
"""Without a parent, whatever is current."""


class UnknownExporter(PointsError):
    """OTEL_TRACES_EXPORTER names an exporter that is not among ours."""

    code = "unknown_exporter"
    exit_code = Exit.USAGE

    def __init__(self) -> None:
        """The value is not repeated."""
        super().__init__(
            "OTEL_TRACES_EXPORTER names no exporter that is known here", "set it to otlp or none"
        )


class OpenTelemetrySpans(Spans):
    """Spans of what is sampled."""

    def __init__(self, provider: TracerProvider, share: float = 0.0) -> None:
        """`share`: of the records without a trace, how many begin one."""
        self._provider, self._share = provider, share
        self._tracer = provider.get_tracer(_PACKAGE, version(_PACKAGE))
        self._batch: _Batch | None = None

    @contextmanager
    def batch(self, name: str, size: int | None = None) -> Iterator[None]:
        """Around one transaction: its spans end with it, and fail with it."""
        batch = self._batch = _Batch(name, size)
        try:
            yield
        except BaseException as error:
            batch.end(error)
            raise
        else:
            batch.end()
        finally:
            self._batch = None

    def of_record(self, message: Any) -> bytes | None:
        """The record's own trace, in which its span is the newest.

        Asked again within a transaction, the answer is the same.
        """
        batch = self._batch
        if batch is None:
            return traceparent_of(message)
        key = id(message)  # the batch keeps its records
        if key not in batch.records:
            batch.records[key] = self._process(batch, message)
        return batch.records[key]

    def _process(self, batch: "_Batch", message: Any) -> bytes | None:
        header = traceparent_of(message)
        if header is None:
            if random.random() >= self._share:  # noqa: S311 - which records are traced is no secret
                return None
            parent = _ROOT
        else:
            remote = context.packed(header)
            if not context.is_sampled(remote):
                return header
            parent = set_span_in_context(NonRecordingSpan(_remote(remote)), _ROOT)
        topic = message.topic()
        where: dict[str, AttributeValue] = {
            **_KAFKA,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(message.partition()),
            "messaging.kafka.offset": message.offset(),
        }
        return self._begin(batch, f"process {topic}", SpanKind.CONSUMER, parent, where) or header

    def of_plan(self, packed: bytes) -> bytes:
        """A trace of its own for the grant, with a link to the one that made the plan."""
        batch = self._batch
        if batch is None or not context.is_sampled(packed):
            return context.traceparent_of(packed)
        if packed not in batch.plans:
            began = self._begin(
                batch, batch.name, SpanKind.INTERNAL, _ROOT, {}, Link(_remote(packed))
            )
            batch.plans[packed] = began or context.traceparent_of(packed)
        return batch.plans[packed]

    def _begin(
        self,
        batch: "_Batch",
        name: str,
        kind: SpanKind,
        parent: Context,
        attributes: Mapping[str, AttributeValue],
        *links: Link,
    ) -> bytes | None:
        """The header of a new span of the batch; None when it is not sampled."""
        if batch.span is None:
            batch.span = self._tracer.start_span(
                f"{batch.name} batch",
                _ROOT,
                attributes={} if batch.size is None else {_COUNT: batch.size},
                start_time=batch.since_ns,
            )
        span = self._tracer.start_span(
            name,
            parent,
            kind,
            attributes,
            links=[*links, Link(batch.span.get_span_context())],
            start_time=batch.since_ns,
        )
        if not span.is_recording():
            return None
        batch.spans.append(span)
        return _header(span.get_span_context())

    def sent(self, topic: str, traceparents: Sequence[bytes], since_ns: int) -> None:
        """A span for each sampled event: `send <topic>`, in the event's trace."""
        for traceparent in traceparents:
            remote = context.packed(traceparent)
            if context.is_sampled(remote):
                span = self._tracer.start_span(
                    f"send {topic}",
                    set_span_in_context(NonRecordingSpan(_remote(remote)), _ROOT),
                    SpanKind.PRODUCER,
                    {
                        **_KAFKA,
                        "messaging.operation.type": "send",
                        "messaging.operation.name": "send",
                        "messaging.destination.name": topic,
                    },
                    start_time=since_ns,
                )
                span.end()

    def close(self) -> None:
        """Exports what is left, and ends the exporter's thread."""
        self._provider.shutdown()


class _Batch:
    """The spans of one transaction; they end together."""

    def __init__(self, name: str, size: int | None) -> None:
        self.name, self.size, self.since_ns = name, size, time.time_ns()
        self.span: Span | None = None
        self.spans: list[Span] = []
        self.records: dict[int, bytes | None] = {}
        self.plans: dict[bytes, bytes] = {}

    def end(self, error: BaseException | None = None) -> None:
        """All end now; `error` says why nothing of it was committed."""
        spans = self.spans if self.span is None else [*self.spans, self.span]
        for span in spans:
            if error is not None:
                # The kind alone: the text may repeat what a record said.
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            span.end()


def _remote(packed: bytes) -> SpanContext:
    return SpanContext(
        int.from_bytes(packed[:16]),
        int.from_bytes(packed[16:24]),
        is_remote=True,
        trace_flags=TraceFlags(packed[24]),
    )


def _header(span: SpanContext) -> bytes:
    return b"00-%032x-%016x-%02x" % (span.trace_id, span.span_id, span.trace_flags)


def from_environment(kind: str, share: float) -> OpenTelemetrySpans:
    """Spans exported as the variables OTEL_… say; `kind` is the worker's.

    Raises UnknownExporter.
    """
    hand_on("opentelemetry", "tracing")
    attributes: dict[str, AttributeValue] = {"points.worker": kind}
    if "OTEL_SERVICE_NAME" not in os.environ:
        attributes["service.name"] = _PACKAGE
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    exporter = _exporter()
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return OpenTelemetrySpans(provider, share)


def _exporter() -> SpanExporter | None:
    match os.environ.get("OTEL_TRACES_EXPORTER", "otlp"):
        case "none":
            return None
        case "otlp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )

            return OTLPSpanExporter()
        case _:
            raise UnknownExporter
