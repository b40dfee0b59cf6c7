"""What a metric is here: prometheus-client's counters and gauges, and a histogram of our own.

All are in a registry of our own, and never in the client's multiprocess mode: each worker is a
process with a port of its own. Which of them a process shows: processors/runtime/exposition.py.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from threading import Lock
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client import Histogram as LabelledHistogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from processors.tracing.context import trace_id

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
# They double the series, and `rate` has no use for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
SIZES = (1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)

TraceOf = Callable[[int], bytes | None]
"""The W3C `traceparent` of the n-th value of a batch, if it has one."""
TRIES: Final = 4
"""Values of a bucket that are asked for their trace: a look into a record's headers each."""


class SingleGauge(Gauge):
    """A gauge without labels that shows nothing until it was set: a 0 would say that all is well.

    prometheus-client's own begins with 0.
    """

    _is_known = False

    def set(self, value: float) -> None:
        """Takes a value."""
        super().set(value)
        self._is_known = True

    def clear(self) -> None:
        """Forgets the value, as the labelled gauges do."""
        self._is_known = False

    def collect(self) -> Iterable[Metric]:
        """What prometheus-client's registry asks for."""
        for family in super().collect():
            if not self._is_known:
                family.samples.clear()
            yield family


class Histogram(Collector):
    """A histogram that takes a batch of values at once: one call a batch, not one a record.

    It keeps one exemplar a bucket, which leads from a slow value to its trace.
    """

    def __init__(self, name: str, documentation: str, buckets: Sequence[float] = SECONDS) -> None:
        """`buckets` are upper bounds, ascending; +Inf is added."""
        self._name, self._documentation, self._buckets = name, documentation, buckets
        self._counts = [0] * (len(buckets) + 1)
        self._exemplars: dict[int, Exemplar] = {}
        self._sum = 0.0
        self._lock = Lock()
        REGISTRY.register(self)

    def observe(self, *values: float) -> None:
        """Takes single values."""
        self.observe_all(values)

    def observe_all(self, values: Sequence[float], trace_of: TraceOf | None = None) -> None:
        """Takes the values of a batch."""
        ordered = sorted(values)
        below = [bisect_right(ordered, bound) for bound in self._buckets] + [len(ordered)]
        found = _exemplars(values, ordered, below, trace_of) if trace_of is not None else {}
        with self._lock:
            self._sum += sum(ordered)
            self._exemplars |= found
            for i, count in enumerate(below):
                self._counts[i] += count

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """What prometheus-client's registry asks for."""
        with self._lock:
            bounds = [*map(str, map(float, self._buckets)), "+Inf"]
            buckets = [
                (bound, float(count), *([self._exemplars[i]] if i in self._exemplars else []))
                for i, (bound, count) in enumerate(zip(bounds, self._counts, strict=True))
            ]
            yield HistogramMetricFamily(
                self._name,
                self._documentation,
                buckets=buckets,  # type: ignore[arg-type]  # pairs, and triples with an exemplar
                sum_value=self._sum,
            )


def _exemplars(
    values: Sequence[float], ordered: Sequence[float], below: Sequence[int], trace_of: TraceOf
) -> dict[int, Exemplar]:
    """By the place of each bucket that took values: one of the largest that has a trace."""
    found, first = {}, 0
    for i, end in enumerate(below):
        for value in dict.fromkeys(reversed(ordered[max(first, end - TRIES) : end])):
            trace = trace_id(trace_of(values.index(value)))
            if trace is not None:
                found[i] = Exemplar({"trace_id": trace}, value, time.time())
                break
        first = end
    return found


def counter(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    values: Sequence[Iterable[str]] = (),
) -> Counter:
    """A counter; without labels it begins with 0, so that its first step is seen.

    Labels with closed sets of `values`, one for each label, begin with 0 alike: `increase` sees no
    step of a series that was not there before.
    """
    made = Counter(name, documentation, labels, registry=REGISTRY)
    for each in product(*values) if values else ():
        made.labels(*each)
    return made


def gauge(name: str, documentation: str) -> SingleGauge:
    """A gauge without labels."""
    return SingleGauge(name, documentation, registry=REGISTRY)


def gauges(name: str, documentation: str, labels: Sequence[str]) -> Gauge:
    """A gauge for each value of its labels."""
    return Gauge(name, documentation, labels, registry=REGISTRY)


def timings(name: str, documentation: str, labels: Sequence[str]) -> LabelledHistogram:
    """A histogram of seconds for each value of its labels, for what is observed one by one."""
    return LabelledHistogram(name, documentation, labels, buckets=SECONDS, registry=REGISTRY)


def at_scrape(gauge: Gauge, labels: Sequence[str], value: Callable[[], float]) -> None:
    """Computes a gauge when it is scraped, so that an age grows even while the worker hangs."""
    gauge.labels(*labels).set_function(value)
