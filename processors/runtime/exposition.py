"""What a worker's /metrics shows: only what a process of its kind computes.

A gauge that another kind computes would stand there as 0, and say that all is well while the only
process that knows better is gone.
"""

from collections.abc import Collection, Iterable
from importlib.metadata import version

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from processors import metrics
from processors.registry import WORKERS
from store.postgres.migrate import known_revision

_silent: set[str] = set()


def silence(names: Collection[str]) -> None:
    """These metrics are another process's to show, for now."""
    _silent.update(names)


def show(names: Collection[str]) -> None:
    """These metrics are this process's to show again."""
    _silent.difference_update(names)


class Exposition(Collector):
    """The metrics of one kind of worker, those of every worker, and those of the process."""

    def __init__(self, kind: str) -> None:
        """`kind` is a name in the registry of workers."""
        self._names = WORKERS[kind].exports
        metrics.BUILD_INFO.labels(version("member-points"), known_revision()).set(1)

    def collect(self) -> Iterable[Metric]:
        """What prometheus-client's encoders ask for."""
        shown = self._names - _silent
        for family in metrics.REGISTRY.collect():
            if family.name in shown or family.name.startswith("process_"):
                yield family

    def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics with exemplars if asked for, else classic."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type
