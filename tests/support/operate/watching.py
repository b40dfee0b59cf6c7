"""A watch inside the test's process, on an engine's database and topics."""

from collections.abc import Iterator
from contextlib import contextmanager

from processors import metrics
from processors.runtime.configuration import Configuration
from processors.watch.worker import Watch
from store.postgres import session
from tests.support.engine import Engine, wait_for


def configured(engine: Engine, **more: object) -> Configuration:
    """The configuration that the engine's workers have; `more` are further sections."""
    return Configuration.model_validate(
        {
            "kafka": {
                "bootstrap_servers": engine.bootstrap,
                "group_id": engine.environment["POINTS_KAFKA__GROUP_ID"],
            },
            "database": {"url": engine.database_url},
            "topics": engine.topics,
            **more,
        }
    )


@contextmanager
def watching(engine: Engine, **more: object) -> Iterator[Watch]:
    """A watch with a connection of its own, closed afterwards."""
    with session.connect(engine.database_url) as connection:
        watch = Watch(configured(engine, **more), connection)
        try:
            yield watch
        finally:
            watch.close()


def looked(watch: Watch) -> None:
    """Looks until nothing is in the way: topics that were just made have no leader at first."""
    wait_for(f"a look at all: {watch.trouble()}", watch.look)


def shown(name: str, **labels: str) -> float | None:
    """What a gauge of this process says; None where it says nothing."""
    return metrics.REGISTRY.get_sample_value(name, labels)
