"""What workers tell of their work: spans where OpenTelemetry is on, else nothing.

    with spans().batch("intake", len(records)):       around one transaction
        spans().of_record(message)                    the trace that a record's effects belong to
        spans().of_plan(context)                      the one that a grant's effects belong to

Without OpenTelemetry contexts go on as they came: an event carries the `traceparent` of the record
that caused it, or that made its plan.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from processors.runtime.configuration import TracingConfiguration
from processors.runtime.kafka.records import traceparent_of
from processors.tracing import context


class Spans:
    """Contexts go on as they came, and no span is made."""

    @contextmanager
    def batch(self, name: str, size: int | None = None) -> Iterator[None]:
        """Around one transaction, over `size` records where it is known beforehand."""
        del name, size
        yield

    def of_record(self, message: Any) -> bytes | None:
        """The header `traceparent` of what a record leads to; None where it has no trace."""
        return traceparent_of(message)

    def of_plan(self, packed: bytes) -> bytes:
        """The header of what a plan leads to when it is due; `packed` was stored with the plan."""
        return context.traceparent_of(packed)

    def sent(self, topic: str, traceparents: Sequence[bytes], since_ns: int) -> None:
        """Events of these traces were delivered; they were handed to the producer at `since_ns`."""

    def close(self) -> None:
        """Lets what is not exported yet be exported."""


_spans: Spans = Spans()


def spans() -> Spans:
    """The spans of this process."""
    return _spans


def use(new: Spans) -> None:
    """Lets this process tell its work to `new`."""
    global _spans  # noqa: PLW0603 - one a process, as its metrics and its log
    _spans = new


def set_up(configuration: TracingConfiguration, kind: str) -> None:
    """Turns OpenTelemetry on where the configuration says so, for a worker of this kind.

    Nothing of OpenTelemetry is imported otherwise.
    """
    if configuration.enabled:
        from processors.tracing import opentelemetry_spans  # noqa: PLC0415 - an optional extra

        use(opentelemetry_spans.from_environment(kind, configuration.sample))
