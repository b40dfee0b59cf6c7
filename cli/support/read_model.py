"""The read model's Redis: whether it answers, and how far the worker is behind."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration, DatabaseOnlyConfiguration
    from schemas.answers.operations import ReadModelFigures
    from store.valkey.client import Client

GROUP = "readmodel"
"""What the worker's group has behind POINTS_KAFKA__GROUP_ID."""


@contextmanager
def redis_of(configured: "Configuration | DatabaseOnlyConfiguration") -> Iterator["Client"]:
    """The read model's Redis. Raises Failure when none is named, or when it does not answer."""
    from processors.runtime.masking import mask_text
    from store.valkey import client as valkey
    from store.valkey.errors import ReadModelUnavailable

    url = configured.redis.url.get_secret_value() if configured.redis.url is not None else ""
    if not url:
        raise Failure(
            Exit.USAGE,
            "the read model is off: no Redis is named",
            "set POINTS_REDIS__URL, for example to redis://:password@host:6379/0",
        )
    client = valkey.connect(url, seconds=valkey.WORKER_SECONDS, name="points-cli")
    try:
        valkey.run_id(client)
        yield client
    except ReadModelUnavailable as error:
        raise Failure(
            Exit.UNREACHABLE,
            f"Redis does not answer: {mask_text(str(error))}",
            "check POINTS_REDIS__URL and that the server runs",
        ) from None
    finally:
        client.close()


def figures(configured: "Configuration", broker: "Broker | None") -> "ReadModelFigures | None":
    """None where no Redis is named; without a broker no lag is known."""
    from schemas.answers.operations import ReadModelFigures

    if configured.redis.url is None or not configured.redis.url.get_secret_value():
        return None
    lag, seconds = _lag(configured, broker) if broker is not None else (None, None)
    return ReadModelFigures(trouble=_trouble(configured), lag=lag, lag_seconds=seconds)


def _trouble(configured: "Configuration") -> str | None:
    try:
        with redis_of(configured):
            return None
    except Failure as failure:
        return failure.lines[0]


def _lag(configured: "Configuration", broker: "Broker") -> tuple[int | None, float | None]:
    """Changes that were published and not followed yet, and the age of the oldest of them."""
    topic = configured.topics.points_changed
    at = broker.committed(configured.kafka.group_of(GROUP), topic)
    ends = broker.ends(at)
    behind = {place: max(0, ends[place].next - offset) for place, offset in at.items()}
    if not at:
        return None, None
    times = []
    for (name, partition), records in behind.items():
        oldest = broker.record_at(name, partition, at[name, partition]) if records else None
        if oldest is not None:
            times.append(oldest.timestamp()[1] / 1000)
    age = max(0.0, time.time() - min(times)) if times else 0.0
    return sum(behind.values()), round(age, 1)
