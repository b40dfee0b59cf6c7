"""How the read model is doing: whether Redis answers, and how far the worker is behind."""

import time
from typing import TYPE_CHECKING

from cli.support.errors import Failure

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import ReadModelFigures

GROUP = "readmodel"
"""What the worker's group has behind POINTS_KAFKA__GROUP_ID."""


def figures(configured: "Configuration", broker: "Broker | None") -> "ReadModelFigures | None":
    """None where no Redis is named; without a broker no lag is known."""
    from schemas.answers.operations import ReadModelFigures

    if configured.redis.url is None or not configured.redis.url.get_secret_value():
        return None
    lag, seconds = _lag(configured, broker) if broker is not None else (None, None)
    return ReadModelFigures(trouble=_trouble(configured), lag=lag, lag_seconds=seconds)


def _trouble(configured: "Configuration") -> str | None:
    from cli.commands.readmodel import redis_of

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
